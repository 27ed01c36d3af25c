import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { t, type Test, test } from 'tap'
import { run } from '../../../cli/walk-through/run.js'
import { probeTracing } from '../../../native/recorder.js'
import { readKernelFilters } from '../../../native/kernel-filters.js'
import { compileFilter } from '../../../native/trial-load.js'
import { crunRuntime } from '../../../satellite/containers/crun.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import type { Container } from '../../../satellite/containers/runtime.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/lib/log.js'
import { builtRulesByName, misbuiltNames } from '../../../src/seccomp/filter/built-rules.js'
import { parseFilter } from '../../../src/seccomp/filter/cbpf.js'
import { compareFilter } from '../../../src/seccomp/filter/filter-compare.js'
import { renderLearn } from '../../../src/seccomp/render/render.js'
import { believedOf, claims, type Identity, nobody, slotOf } from '../../helpers/container-lies.js'
import { crunsCgroups } from '../../helpers/cruns-cgroups.js'
import { runs } from '../../helpers/fuzz.js'
import { quiet } from '../../helpers/quiet.js'
import { RandomFilters } from '../../helpers/random-filters.js'
import { makeBundle, makeRootfs } from '../../helpers/runc-bundle.js'
import { spawnSecco } from '../../helpers/secco-command.js'

t.setTimeout(500_000)

const isThere = await run('crun', ['--version']).then(
  ({ code }) => code === 0,
  () => false
)
const notRoot = process.getuid?.() !== 0 && 'not root: containers cannot run here'
const skip = notRoot || (!isThere && 'crun is not installed')

async function call(...args: string[]): Promise<number> {
  const [program = '', ...rest] = [...crunsCgroups, 'crun', ...args]
  return (await run(program, rest, { detachStdio: true })).code
}

type Config = Record<string, unknown> & { linux: Record<string, unknown> }

/** Containers of the real crun, with a state folder of their own. */
async function openRig(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-crun-'))
  const root = join(folder, 'state')
  const rootfs = await makeRootfs()
  const made: string[] = [folder, dirname(rootfs)]
  const ids: string[] = []
  t.teardown(async () => {
    for (const id of ids) await call('--root', root, 'delete', '--force', id)
    for (const path of made) await rm(path, { recursive: true, force: true })
  })
  const start = async (
    verb: 'create' | 'run',
    id: string,
    options: {
      args?: readonly string[]
      annotations?: Record<string, string>
      seccomp?: LinuxSeccomp
      place?: string
      /** Changes the text of config.json. */
      change?: (config: string) => string
    } = {}
  ): Promise<string> => {
    const own = await makeBundle(rootfs, { args: ['/probe', 'wait'], ...options })
    const bundle = options.place ?? own
    if (bundle !== own) {
      await mkdir(dirname(bundle), { recursive: true })
      await rename(own, bundle)
    }
    made.push(bundle)
    const path = join(bundle, 'config.json')
    const config = JSON.parse(await readFile(path, 'utf8')) as Config
    // Limits of devices need a BPF program, which not every machine loads.
    delete config.linux['resources']
    const text = JSON.stringify(config)
    await writeFile(path, options.change?.(text) ?? text)
    if (bundle.includes('/open/')) await chmod(bundle, 0o777)
    ids.push(id)
    const detach = verb === 'run' ? ['--detach'] : []
    const code = await call('--root', root, verb, ...detach, '--bundle', bundle, id)
    if (code !== 0) throw new Error(`crun could not ${verb} ${id}`)
    return id
  }
  return { folder, root, start }
}

type Rig = Awaited<ReturnType<typeof openRig>>

test("crun's filter of a profile is the one that its rules state", { skip }, async (t) => {
  const { root, start } = await openRig(t)
  const filters = new RandomFilters(18)
  const abis = ['x86_64', 'i386', 'x32'] as const
  const profiles: LinuxSeccomp[] = [
    renderLearn('x86_64').seccomp,
    ...Array.from({ length: runs(20) }, () => filters.profile())
  ]
  let compared = 0
  for (const [at, seccomp] of profiles.entries()) {
    const own = await compileFilter(seccomp)
    // What libseccomp builds no filter of starts nowhere.
    if (own === undefined) {
      await t.rejects(start('create', `filter-${String(at)}`, { seccomp }), /could not create/)
      continue
    }
    const id = await start('create', `filter-${String(at)}`, { seccomp })
    const written = parseFilter(await readFile(join(root, id, 'seccomp.bpf')))
    const skipped = new Set(own.skipped)
    const { asked, differences } = compareFilter(written, seccomp, { abis, skipped })
    const misbuilt = misbuiltNames(builtRulesByName(seccomp))
    t.same(
      differences.filter(({ syscall }) => !misbuilt.has(syscall)),
      [],
      JSON.stringify(seccomp)
    )
    compared += asked
  }
  t.ok(compared > profiles.length * 1000, `${String(compared)} calls`)
})

async function found(root: string, id: string): Promise<Container> {
  const registry = openRegistry([crunRuntime([root])], createLogger('test', quiet))
  await registry.refresh()
  const container = registry.all().find((one) => one.id === id)
  registry.close()
  if (container === undefined) throw new Error(`${id} is not known`)
  return container
}

test('a container of crun has the filter, the profile and the cgroup that its state says', {
  skip
}, async (t) => {
  const { root, start } = await openRig(t)
  const seccomp = renderLearn('x86_64').seccomp
  const id = await start('run', 'web', { seccomp, annotations: { 'secco.dev/profile': 'web' } })
  const container = await found(root, id)
  t.match(container, { runtime: 'crun', name: 'web', status: 'running', seccomp })
  t.equal(container.labels['secco.dev/profile'], 'web')
  const { byPid } = await readKernelFilters([container.pid], { mayStop: true })
  const inKernel = byPid.get(container.pid)?.[0]
  t.same(inKernel, await readFile(join(root, id, 'seccomp.bpf')), 'the filter in the kernel')
  await call('--root', root, 'kill', id, 'KILL')
  const created = await found(root, await start('create', 'later'))
  t.match(created, { status: 'created', name: 'later' })
})

const tracing = probeTracing()
const untraced = skip || (!tracing.available && (tracing.reason ?? 'nothing can be traced'))

test('secco trace of a container that crun starts', { skip: untraced }, async (t) => {
  const { root, start } = await openRig(t)
  const trace = spawnSecco(
    ['trace', 'traced', '--wait', '--runtime', 'crun', '--root', root, '-o', 'json'],
    {}
  )
  const [ended, printed] = [once(trace, 'close'), text(trace.stdout)]
  const [line] = (await once(trace.stderr, 'data')) as [Buffer]
  t.match(line.toString(), /waiting for traced/)
  await start('run', 'traced', { args: ['/probe', 'getsid', 'getpgid'] })
  await ended
  const { abis } = JSON.parse(await printed) as { abis: { x86_64: Record<string, number> } }
  t.match(abis.x86_64, { getsid: 1, getpgid: 1, execve: 1 })
})

/** What the kubelet gives a container of a pod. */
const pod = {
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.name': 'web-1',
  'io.kubernetes.pod.uid': 'u-1',
  'io.kubernetes.container.name': 'app'
}

/** Lies of who starts a container, or made its bundle. */
const lies: [string, (rig: Rig) => Promise<string>, Identity][] = [
  [
    'every annotation',
    ({ start }) => start('run', 'by-hand', { annotations: claims }),
    {
      ...{ ...nobody, name: 'payments', secco: claims['secco.dev/profile'] },
      ...{ assigned: claims['secco.dev/assigned'], owner: 'payments' }
    }
  ],
  [
    'annotations with the names of its state',
    ({ start }) =>
      start('run', 'thief', { annotations: { bundle: '/etc', pid: '1', 'cgroup-path': '/' } }),
    { ...nobody, name: 'thief' }
  ],
  [
    "a bundle in podman's folder, of another name",
    ({ start, folder }) =>
      start('run', 'misnamed', {
        annotations: claims,
        place: join(folder, 'overlay-containers/etcd/userdata')
      }),
    { ...nobody, name: 'misnamed', doubt: true }
  ],
  [
    "a bundle in podman's folder: the image's annotations",
    ({ start, folder }) =>
      start('run', 'of-podman', {
        annotations: claims,
        place: join(folder, 'overlay-containers/of-podman/userdata')
      }),
    { ...nobody, name: 'of-podman' }
  ],
  [
    "a bundle in containerd's folder: only what its CRI sets",
    ({ start, folder }) =>
      start('run', 'of-cri', {
        annotations: { ...claims, 'io.kubernetes.cri.container-type': 'container' },
        place: join(folder, 'io.containerd.runtime.v2.task/k8s.io/of-cri')
      }),
    { ...nobody, name: 'etcd', pod: { namespace: 'kube-system', name: 'etcd', uid: '' } }
  ],
  [
    'a bundle that others can write',
    ({ start, folder }) =>
      start('run', 'open-bundle', { annotations: claims, place: join(folder, 'open/bundle') }),
    { ...nobody, name: 'open-bundle', doubt: true }
  ],
  [
    'a folder that is named like one of podman',
    ({ start, folder }) =>
      start('run', 'by-name', {
        annotations: { who: 'own' },
        place: join(folder, 'my-containers/web')
      }),
    { ...nobody, name: 'by-name' }
  ],
  [
    'a bundle that is gone',
    async ({ start, folder }) => {
      const place = join(folder, 'soon-gone')
      const id = await start('run', 'bundle-gone', { annotations: { who: 'own' }, place })
      await rm(place, { recursive: true })
      return id
    },
    { ...nobody, name: 'bundle-gone' }
  ],
  [
    'a bundle in a root file system',
    ({ start, folder }) =>
      start('run', 'in-rootfs', { annotations: claims, place: join(folder, 'x/rootfs/bundle') }),
    { ...nobody, name: 'in-rootfs', doubt: true }
  ]
]

test('who starts a container with crun does not make it another one', { skip }, async (t) => {
  const rig = await openRig(t)
  for (const [what, start, expected] of lies) {
    const id = await start(rig)
    const container = await found(rig.root, id)
    t.strictSame(believedOf(container), expected, what)
    const asked = await crunRuntime([rig.root]).byId(id)
    t.strictSame(believedOf(asked), expected, `${what}: by its id`)
    const slot = slotOf(container.pid)
    t.equal(slot.cgroupName, basename(container.cgroupFolder ?? ''), `${what}: its own cgroup`)
    t.equal(slot.cgroupId, container.cgroupId, `${what}: what it calls is its own`)
  }
})

const insert = (config: string, member: string): string => config.replace('{', `{${member},`)
const append = (config: string, member: string): string => config.replace(/\}$/, `,${member}}`)

/** Configurations that two parsers can read differently. */
const variants: [what: string, change: (config: string) => string, isDoubtful: boolean][] = [
  ['as it is', (config) => config, false],
  ['annotations twice', (config) => insert(config, '"annotations":{"who":"other"}'), true],
  ['annotations again at the end', (c) => append(c, '"annotations":{"who":"other"}'), true],
  [
    'an annotation twice',
    (config) => config.replace('"who":"own"', '"who":"own","who":"other"'),
    true
  ],
  ['linux again at the end', (config) => append(config, '"linux":{"maskedPaths":[]}'), true],
  [
    'a key that ends at a NUL',
    (config) => insert(config, '"annotations\\u0000":{"who":"other"}'),
    true
  ],
  ['annotations in another case', (c) => insert(c, '"Annotations":{"who":"other"}'), false],
  ['an escape in a key', (c) => c.replace('"annotations"', '"\\u0061nnotations"'), false]
]

test('a configuration that crun may read differently is not believed', { skip }, async (t) => {
  const { root, start } = await openRig(t)
  for (const [at, [what, change, isDoubtful]] of variants.entries()) {
    const id = `variant-${String(at)}`
    const isStarted = await start('create', id, { annotations: { who: 'own' }, change }).then(
      () => true,
      () => false
    )
    if (!isStarted) {
      t.pass(`${what}: crun does not accept it`)
      continue
    }
    const container = await found(root, id)
    if (isDoubtful) {
      t.match(container, { doubt: /ambiguous/, labels: {}, name: id, runtime: 'unknown' }, what)
      continue
    }
    const [program = '', ...rest] = [...crunsCgroups, ...['crun', '--root', root, 'state', id]]
    const { stdout } = await run(program, rest)
    const theirs = (JSON.parse(stdout) as { annotations?: Record<string, string> }).annotations
    t.equal(container.doubt, undefined, what)
    t.equal(container.labels['who'], theirs?.['who'], `${what}: crun's answer`)
  }
})

test('a container of CRI-O with crun, also when it has stopped', {
  skip: notRoot
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-crio-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const annotations = { 'io.kubernetes.cri-o.ContainerType': 'container', ...pod }
  const table: [what: string, status: object, writer: string][] = [
    [
      'systemd',
      { 'cgroup-path': '/k.slice/crio-ID.scope/container', scope: 'crio-ID.scope' },
      'cri-o'
    ],
    ['a deeper cgroup', { 'cgroup-path': '/crio-ID.scope/a/b', scope: 'crio-ID.scope' }, 'cri-o'],
    ['cgroupfs', { 'cgroup-path': '/kubepods/crio-ID', scope: null }, 'cri-o'],
    ['cgroupfs, a cgroup in it', { 'cgroup-path': '/kubepods/crio-ID/container' }, 'cri-o'],
    [
      'podman',
      { 'cgroup-path': '/x/libpod-ID.scope/crio-ID.scope', scope: 'libpod-ID.scope' },
      'podman'
    ],
    ["podman, the name of another's", { 'cgroup-path': '/x/crio-other/libpod-ID' }, 'podman'],
    ['no cgroup', {}, 'podman']
  ]
  for (const [at, [what, status, writer]] of table.entries()) {
    const id = `c${String(at)}`
    const bundle = join(folder, 'overlay-containers', id, 'userdata')
    await mkdir(join(folder, 'state', id), { recursive: true })
    await mkdir(bundle, { recursive: true })
    const named = JSON.parse(JSON.stringify(status).replaceAll('ID', id)) as object
    const whole = { pid: 0, 'process-start-time': 0, bundle, ...named }
    await writeFile(join(folder, 'state', id, 'status'), JSON.stringify(whole))
    await writeFile(join(folder, 'state', id, 'config.json'), JSON.stringify({ annotations }))
    const container = await crunRuntime([join(folder, 'state')]).byId(id)
    t.equal(container?.runtime, writer, what)
    const known = { namespace: 'shop', name: 'web-1', uid: 'u-1' }
    t.same(container?.pod, writer === 'cri-o' ? known : undefined, `${what}: its pod`)
    t.equal(container?.name, writer === 'cri-o' ? 'app' : id, `${what}: its name`)
  }
})

test("a state of crun that is not crun's", async (t) => {
  const root = t.testdir({})
  const status = { pid: process.pid, 'process-start-time': 1, bundle: '/b', __proto__: null }
  const texts: [string, string, boolean][] = [
    ['a process that is another one by now', JSON.stringify(status), process.getuid?.() === 0],
    ['a process id that is no number', JSON.stringify({ ...status, pid: '1' }), false],
    ['no bundle', JSON.stringify({ ...status, bundle: ['/b'] }), false],
    ['a list', '[]', false],
    ['half of it', JSON.stringify(status).slice(0, 20), false],
    ['nested a million times', '['.repeat(1_000_000), false],
    ['nothing', '', false]
  ]
  for (const [at, [what, text, isListed]] of texts.entries()) {
    const id = `c${String(at)}`
    await mkdir(join(root, id))
    await writeFile(join(root, id, 'status'), text)
    const container = await crunRuntime([root]).byId(id)
    t.equal(container !== undefined, isListed, what)
    t.equal(container?.pid ?? 0, 0, `${what}: no process`)
  }
  await mkdir(join(root, 'fifo'))
  t.equal((await run('mkfifo', [join(root, 'fifo/status')])).code, 0)
  t.equal(await crunRuntime([root]).byId('fifo'), undefined, 'a FIFO: nothing waits for a writer')
  for (const id of ['', '..', '../c0', '.']) t.equal(await crunRuntime([root]).byId(id), undefined)
  t.same(
    (await crunRuntime([root]).list()).map(({ id }) => id),
    process.getuid?.() === 0 ? ['c0'] : []
  )
})
