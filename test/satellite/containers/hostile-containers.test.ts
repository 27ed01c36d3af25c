import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Test, t, test } from 'tap'
import { containerdRuntime } from '../../../satellite/containers/containerd.js'
import { identityOf } from '../../../satellite/containers/identify.js'
import { cgroupFolderOf } from '../../../satellite/containers/processes.js'
import { type ContainerRegistry, openRegistry } from '../../../satellite/containers/registry.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import type { Container } from '../../../satellite/containers/runtime.js'
import { createLogger } from '../../../src/lib/log.js'
import { type Cri, startCri, type TestPod } from '../../helpers/cri.js'
import { believedOf, claims, type Identity, nobody, slotOf } from '../../helpers/container-lies.js'
import { quiet } from '../../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { markedName } from '../../helpers/test-run.js'
import { until } from '../../helpers/until.js'

t.setTimeout(500_000)

const pod: TestPod = { namespace: 'shop', name: 'web-abc-12345', uid: 'u-1' }
const [plain, hostile] = ['docker.io/library/plain:1', 'docker.io/library/hostile:1']

const app: Identity = { ...nobody, name: 'app', pod }

/** Machinery of one test: containerd with CRI, and runc by hand. */
async function openRig() {
  const folder = await mkdtemp(join(tmpdir(), 'sh-'))
  const rootfs = await makeRootfs()
  const cri = await startCri(join(folder, 'c'))
  const root = join(folder, 'r')
  await mkdir(root)
  const runtimes = [runcRuntime([cri.runcRoot, root]), containerdRuntime(cri.socket)]
  const registry = openRegistry(runtimes, createLogger('test', quiet))
  const ids: string[] = []
  const others: string[] = []
  return {
    ...{ folder, rootfs, cri, root, registry },
    /** Starts a container by runc; `change` gets its bundle and its config. */
    runc: async (
      id: string,
      annotations: Record<string, string>,
      change: (config: Record<string, unknown>, bundle: string) => unknown = () => undefined,
      place?: string
    ): Promise<string> => {
      const made = await makeBundle(rootfs, { args: ['/probe', 'wait'], annotations })
      const bundle = place ?? made
      if (place !== undefined) {
        await mkdir(dirname(place), { recursive: true })
        await rename(made, place)
      }
      others.push(bundle)
      const path = join(bundle, 'config.json')
      const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
      await change(config, bundle)
      await writeFile(path, JSON.stringify(config))
      ids.push(id)
      const child = spawn('runc', ['--root', root, 'run', '-d', '--bundle', bundle, id], {
        stdio: 'ignore'
      })
      const [code] = (await once(child, 'exit')) as [number]
      if (code !== 0) throw new Error(`runc could not start ${id}`)
      return id
    },
    async dispose() {
      registry.close()
      for (const id of ids) await run('runc', ['--root', root, 'delete', '--force', id])
      for (const [namespace, id] of byCtr) {
        await cri.ctr('--namespace', namespace, 'task', 'rm', '--force', id)
      }
      await cri.stop()
      // runc removes a container's cgroup, and not the one above it.
      const named = ['-maxdepth', '2', '-type', 'd', '-name', markedName('hostile')]
      await run('find', ['/sys/fs/cgroup', ...named, '-exec', 'rmdir', '{}', '+'])
      for (const path of [folder, dirname(rootfs), ...others]) {
        await rm(path, { recursive: true, force: true })
      }
    }
  }
}

type Rig = Awaited<ReturnType<typeof openRig>>

async function found(registry: ContainerRegistry, id: string): Promise<Container> {
  return until(`${id} in the registry`, async () => {
    await registry.refresh()
    return registry.all().find((one) => one.id === id && one.pid > 0)
  })
}

/** Containers of {@link ctrRun}, with their namespaces. */
const byCtr: [string, string][] = []

/** Starts a container of containerd's own command, with the labels of `--label`. */
async function ctrRun(
  { ctr, runcRoot }: Cri,
  namespace: string,
  id: string,
  image: string,
  labels: Record<string, string> = {}
): Promise<string> {
  const given = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`])
  const own = ['--detach', '--null-io', '--snapshotter', 'native', '--runc-root', runcRoot]
  await ctr('--namespace', namespace, 'run', ...own, ...given, image, id, '/probe', 'wait')
  byCtr.push([namespace, id])
  return id
}

/** Lies of authors of images and pods, and of people who start containers: what is started, and what is believed. */
const lies: [string, (rig: Rig) => Promise<string>, Identity][] = [
  ['no lie', async ({ cri }) => cri.runContainer(await cri.runPod(pod), pod, 'app', plain), app],
  [
    'an image with every label, in a pod',
    async ({ cri }) => {
      const own = { ...pod, uid: 'u-2' }
      return cri.runContainer(await cri.runPod(own), own, 'app', hostile)
    },
    { ...app, pod: { ...pod, uid: 'u-2' } }
  ],
  [
    'a pod with every label and annotation',
    async ({ cri }) => {
      const own = { ...pod, uid: 'u-3', labels: { 'io.cri-containerd.kind': 'sandbox' } }
      const annotations = { ...claims, bundle: '/etc' }
      const sandbox = await cri.runPod({ ...own, annotations })
      return cri.runContainer(sandbox, { ...own, annotations }, 'app', plain)
    },
    { ...app, pod: { ...pod, uid: 'u-3' } }
  ],
  [
    'an image with every label, by ctr',
    ({ cri }) => ctrRun(cri, 'default', 'ctr-image', hostile),
    { ...nobody, name: 'ctr-image' }
  ],
  [
    'every label by ctr run',
    ({ cri }) => ctrRun(cri, 'default', 'ctr-labels', plain, claims),
    {
      ...{ ...nobody, name: 'payments', secco: claims['secco.dev/profile'] },
      ...{ assigned: claims['secco.dev/assigned'], owner: 'payments' }
    }
  ],
  [
    'the same image, and one label by ctr run',
    ({ cri }) => ctrRun(cri, 'default', 'ctr-both', hostile, { 'secco.dev/profile': 'mine' }),
    { ...nobody, name: 'ctr-both', secco: 'mine' }
  ],
  [
    "an image with every label, by ctr in CRI's namespace",
    ({ cri }) => ctrRun(cri, 'k8s.io', 'ctr-k8s', hostile),
    { ...nobody, name: 'ctr-k8s' }
  ],
  [
    'an image whose name got another image since',
    async ({ cri }) => {
      const name = 'docker.io/library/moved:1'
      await cri.addImage(name, { Labels: claims }, 'default')
      const id = await ctrRun(cri, 'default', 'ctr-moved', name)
      await cri.addImage(name, { Labels: {} }, 'default')
      return id
    },
    { ...nobody, name: 'ctr-moved' }
  ],
  [
    'a bundle with every annotation',
    ({ runc }) => runc('by-hand', claims),
    {
      ...{ ...nobody, name: 'payments', secco: claims['secco.dev/profile'] },
      ...{ assigned: claims['secco.dev/assigned'], owner: 'payments' }
    }
  ],
  [
    "an annotation with another container's bundle",
    async ({ runc, root, registry }) => {
      const victim = await runc('victim', { 'secco.dev/profile': 'victims' })
      await found(registry, victim)
      const state = await readFile(join(root, victim, 'state.json'), 'utf8')
      const bundle = /"bundle=([^"]+)"/.exec(state)?.[1] ?? ''
      return runc('thief', { bundle })
    },
    { ...nobody, name: 'thief' }
  ],
  [
    'an annotation with a line break and a label after it',
    ({ runc }) => runc('breaks', { a: 'b\nbundle=/etc\nsecco.dev/profile=x', '\nbundle': '/etc' }),
    { ...nobody, name: 'breaks' }
  ],
  [
    'a bundle that others can write',
    async ({ runc, folder }) =>
      runc(
        'open-bundle',
        claims,
        (_config, bundle) => run('chmod', ['777', bundle]),
        join(folder, 'open')
      ),
    { ...nobody, name: 'open-bundle', doubt: true }
  ],
  [
    'a bundle in a root file system',
    async ({ runc, folder }) =>
      runc('in-rootfs', claims, undefined, join(folder, 'x/rootfs/bundle')),
    { ...nobody, name: 'in-rootfs', doubt: true }
  ],
  [
    "a bundle in containerd's folder, of another name",
    async ({ runc, folder }) =>
      runc(
        'misnamed',
        claims,
        undefined,
        join(folder, 'io.containerd.runtime.v2.task/k8s.io/etcd')
      ),
    { ...nobody, name: 'misnamed', doubt: true }
  ],
  [
    'a host name, an environment and a name of a program that say who it is',
    ({ runc }) =>
      runc('loud', {}, (config) => {
        const own = config['process'] as Record<string, unknown>
        config['hostname'] = 'etcd.kube-system'
        own['env'] = ['SECCO_PROFILE=x', 'KUBERNETES_POD=etcd', `LONG=${'x'.repeat(120_000)}`]
        own['args'] = [
          '/probe',
          'wait',
          'secco.dev/profile=x\nbundle=/etc',
          '\u001b]0;runc:[2:INIT]\u0007'
        ]
      }),
    { ...nobody, name: 'loud' }
  ],
  [
    'a cgroup with the name of a container of a pod',
    ({ runc }) =>
      runc('cgroup-name', {}, (config) => {
        const linux = config['linux'] as Record<string, unknown>
        linux['cgroupsPath'] = `/${markedName('hostile')}/cri-containerd-${'e'.repeat(64)}.scope`
      }),
    { ...nobody, name: 'cgroup-name' }
  ]
]

const skip = process.getuid?.() === 0 ? false : 'not root: containers cannot run here'

test('nobody who starts a container, or makes its image, makes it another one', {
  skip
}, async (t) => {
  const rig = await openRig()
  t.teardown(() => rig.dispose())
  const { cri, registry } = rig
  const config = { Entrypoint: ['/probe', 'wait'] }
  for (const namespace of ['k8s.io', 'default']) {
    await cri.addImage(plain, config, namespace)
    await cri.addImage(hostile, { ...config, Labels: claims }, namespace)
  }
  for (const [what, start, expected] of lies) {
    const id = await start(rig)
    const container = await found(registry, id)
    t.strictSame(believedOf(container), expected, what)
    // The registry that is asked for one container, and one that starts after it.
    const asked = await containerdRuntime(cri.socket).byId(id)
    if (asked !== undefined) t.strictSame(believedOf(asked), expected, `${what}: by its id`)
    const later = openRegistry(
      [runcRuntime([cri.runcRoot, rig.root]), containerdRuntime(cri.socket)],
      createLogger('test', quiet)
    )
    t.strictSame(believedOf(await found(later, id)), expected, `${what}: after a restart`)
    later.close()
    const slot = slotOf(container.pid)
    t.equal(registry.find(slot)?.id, id, `${what}: what it calls is its own`)
  }
  await nestedCgroups(t, rig)
})

/** A container with a cgroup of its own makes more in it, with the names of other containers. */
async function nestedCgroups(t: Test, { cri, registry, runc }: Rig): Promise<void> {
  const own = { ...pod, name: 'victim-1', uid: 'u-9' }
  const running = await cri.runContainer(await cri.runPod(own), own, 'victim', plain)
  const ended = await ctrRun(cri, 'default', 'f'.repeat(64), plain, { 'secco.dev/profile': 'v' })
  await cri.ctr('--namespace', 'default', 'task', 'kill', '--signal', 'KILL', ended)
  const outer = await found(registry, await runc('outer', {}))
  const folder = cgroupFolderOf(outer.pid) ?? ''
  await until('the end of the other', async () => {
    await registry.refresh()
    return registry.all().some(({ id, pid }) => id === ended && pid === 0) || undefined
  })
  const names: [string, string[]][] = [
    ['a running container of a pod', [running]],
    ['a scope of a running container', [`cri-containerd-${running}.scope`]],
    ['a container that has ended', [ended]],
    ['the same, two levels down', ['docker', ended]],
    ["a container's own id", ['outer']],
    ['no container', ['system.slice', 'a.service']]
  ]
  for (const [what, parts] of names) {
    const inner = join(folder, ...parts)
    await mkdir(inner, { recursive: true })
    await writeFile(join(inner, 'cgroup.procs'), String(outer.pid))
    const slot = slotOf(outer.pid)
    const identity = identityOf(slot, registry.find(slot))
    const id = identity.kind === 'container' ? identity.container.id : identity.kind
    t.equal(id, 'outer', `a cgroup with the name of ${what}`)
    await writeFile(join(folder, 'cgroup.procs'), String(outer.pid))
    for (let at = inner; at !== folder; at = dirname(at)) await rmdir(at)
  }
}
