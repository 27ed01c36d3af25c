import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { readCgroupName } from '../../satellite/containers/cgroup-name.js'
import { createContainerIndex } from '../../satellite/containers/container-index.js'
import { dockerRuntime } from '../../satellite/containers/docker.js'
import {
  containerFromName,
  findContainer,
  identify,
  isHalfTold
} from '../../satellite/containers/identify.js'
import { isSandbox, nameOf, podOf, sharedLabels } from '../../satellite/containers/labels.js'
import { parseOciConfig } from '../../satellite/containers/oci-config.js'
import { mergeContainers } from '../../satellite/containers/merge.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import { runcRuntime } from '../../satellite/containers/runc.js'
import type { Container, ContainerRuntime } from '../../satellite/containers/runtime.js'
import { startInspector } from '../../satellite/inspector/inspector.js'
import { resolveContainer, traceContainer } from '../../satellite/trace-session.js'
import { digestOfSeccomp } from '../../satellite/seccomp-digest.js'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { createLogger } from '../../src/log.js'
import { renderProfile } from '../../src/seccomp/render.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { probeTracing } from '../../native/recorder.js'
import { openStateWatch } from '../../native/state-watch.js'
import { quiet } from '../helpers/quiet.js'
import { until } from '../helpers/until.js'

const hex = 'ab'.repeat(32)
const plain = (over: Partial<Container>): Container => ({
  id: 'web',
  runtime: 'runc',
  name: 'web',
  pid: 10,
  mntns: 7,
  cgroupId: 100n,
  status: 'running',
  labels: {},
  ...over
})
const slot = (over: Partial<Parameters<typeof findContainer>[0]>) => ({
  mntns: 7,
  cgroupId: 100n,
  cgroupName: 'web',
  cgroupParent: '',
  ...over
})

test('what a cgroup name says', (t) => {
  const table: [string, string, ReturnType<typeof readCgroupName>][] = [
    [
      `cri-containerd-${hex}.scope`,
      'kubepods-pod1.slice',
      { kind: 'container', id: hex, runtime: 'containerd' }
    ],
    [`docker-${hex}.scope`, 'system.slice', { kind: 'container', id: hex, runtime: 'docker' }],
    [`libpod-${hex}.scope`, 'machine.slice', { kind: 'container', id: hex, runtime: 'podman' }],
    [`libpod-${hex}`, 'libpod_parent', { kind: 'container', id: hex, runtime: 'podman' }],
    ['container', `libpod-${hex}.scope`, { kind: 'container', id: hex, runtime: 'podman' }],
    ['init.scope', `docker-${hex}.scope`, { kind: 'container', id: hex, runtime: 'docker' }],
    [hex, 'pod0-1', { kind: 'container', id: hex }],
    ['runc-web.scope', 'system.slice', { kind: 'container', id: 'web', runtime: 'runc' }],
    ['secco-trace-4711-mwv06g38', '/', { kind: 'other' }],
    [`libpod-conmon-${hex}.scope`, 'machine.slice', { kind: 'other' }],
    [`crio-conmon-${hex}.scope`, 'machine.slice', { kind: 'other' }],
    ['web', '', { kind: 'perhaps', id: 'web' }],
    ['systemd-logind.service', 'system.slice', { kind: 'other' }],
    ['snap.firefox.hook.scope', 'app.slice', { kind: 'other' }],
    ['user.slice', '', { kind: 'other' }],
    ['', '', { kind: 'other' }],
    ['/', '', { kind: 'other' }]
  ]
  for (const [leaf, parent, verdict] of table) {
    t.strictSame(readCgroupName(leaf, parent), verdict, `${parent}/${leaf}`)
  }
  t.end()
})

test('whose slot is it', (t) => {
  const web = plain({})
  t.equal(findContainer(slot({}), [web]), web)
  t.equal(findContainer(slot({ cgroupName: 'odd', mntns: 9 }), [web]), web, 'by cgroup id alone')
  const before = plain({ cgroupId: 50n, mntns: 6 })
  const v1 = plain({ cgroupId: 1n })
  t.equal(findContainer(slot({}), [before]), undefined, 'an earlier one with that id')
  t.equal(
    findContainer(slot({ cgroupId: 101n, cgroupName: 'new' }), [web]),
    undefined,
    'mount namespace numbers are reused: the other cgroup tells'
  )
  t.equal(
    findContainer(slot({ cgroupId: 1n, cgroupName: '' }), [v1]),
    v1,
    'version 1: by mount namespace'
  )
  const [first, second] = [11, 12].map((firstPid) => {
    const gone = { ...web, id: `v1-${firstPid}`, pid: 0, firstPid }
    Reflect.deleteProperty(gone, 'cgroupId')
    return gone
  })
  if (first === undefined || second === undefined) throw new Error('no containers')
  const onV1 = { cgroupId: 1n, cgroupName: '' }
  t.equal(findContainer(slot({ ...onV1, pid: 11 }), [first, second]), first, 'v1, after the end')
  t.equal(findContainer(slot({ ...onV1, pid: 12 }), [first, second]), second, 'v1, same mntns')
  t.equal(findContainer(slot({ ...onV1, pid: 13 }), [first, second]), undefined)
  t.equal(findContainer(slot({ ...onV1, pid: 11, mntns: 9 }), [first]), undefined)
  const root = { cgroupId: 1n, cgroupName: '' }
  t.equal(
    findContainer(slot({ ...root, pid: web.pid, part: 'entry' }), [web]),
    web,
    'and by the process that it began with'
  )
  t.equal(
    findContainer(slot({ ...root, pid: web.pid + 1, part: 'entry' }), [web]),
    undefined,
    'a mount namespace number alone may have a new owner'
  )
  t.equal(
    findContainer(slot({ cgroupId: 7n, cgroupName: 'inner', cgroupParent: 'web' }), [web]),
    web,
    'a cgroup of its own inside'
  )
  const named = containerFromName(slot({ cgroupName: `docker-${hex}.scope` }))
  t.match(named, { id: hex, name: hex, runtime: 'docker', pid: 0 })
  t.match(containerFromName(slot({})), { id: 'web', runtime: 'unknown' })
  t.strictSame(identify(slot({ cgroupName: 'x.service' }), []), { kind: 'other' })
  const pause = plain({ labels: { 'io.cri-containerd.kind': 'sandbox' } })
  t.strictSame(identify(slot({}), [pause]), { kind: 'other' })
  t.end()
})

test('labels, OCI configuration, and two sources of one container', (t) => {
  const labels = {
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.name': 'checkout-1',
    'io.kubernetes.pod.uid': 'u',
    'io.kubernetes.container.name': 'app'
  }
  t.strictSame(podOf(labels), { namespace: 'shop', name: 'checkout-1', uid: 'u' })
  t.equal(nameOf(labels, hex), 'app')
  t.equal(nameOf({}, hex), hex)
  const cri = {
    'io.kubernetes.cri.sandbox-namespace': 'shop',
    'io.kubernetes.cri.sandbox-name': 'checkout-1',
    'io.kubernetes.cri.container-type': 'sandbox'
  }
  t.match(podOf(cri), { namespace: 'shop', uid: '' })
  t.ok(isSandbox(cri))
  const byRunc = { ...cri, 'io.kubernetes.cri.container-type': 'container' }
  t.ok(isHalfTold(byRunc), 'its pod is known, not its labels')
  t.notOk(isHalfTold({ ...byRunc, 'io.cri-containerd.kind': 'container' }))
  t.notOk(isHalfTold(labels))
  t.same(
    sharedLabels({
      'pod-template-hash': 'x',
      'io.kubernetes.cri.container-type': 'sandbox',
      a: 'b'
    }),
    { 'pod-template-hash': 'x' },
    'nothing that a pod could hide behind'
  )
  t.notOk(isSandbox(labels))
  t.equal(parseOciConfig('nonsense'), undefined)
  t.equal(parseOciConfig('[]'), undefined)
  t.strictSame(parseOciConfig('{"linux":{"seccomp":7}}'), { annotations: {}, privileged: false })
  t.match(
    parseOciConfig(
      '{"annotations":{"a":"b","c":1},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_LOG"}}}'
    ),
    {
      annotations: { a: 'b' },
      seccomp: { defaultAction: 'SCMP_ACT_LOG' }
    }
  )
  const state = plain({ id: hex, name: hex, seccomp: { defaultAction: 'SCMP_ACT_LOG' } })
  const docker = plain({
    id: hex,
    runtime: 'docker',
    name: 'shop',
    pid: 0,
    status: 'running',
    labels: { a: '1' }
  })
  for (const merged of [mergeContainers(state, docker), mergeContainers(docker, state)]) {
    t.match(merged, { name: 'shop', runtime: 'docker', pid: 10, mntns: 7, labels: { a: '1' } })
    t.equal(merged.seccomp, state.seccomp)
  }
  t.end()
})

test("docker's socket", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-docker-'))
  const socket = join(folder, 'docker.sock')
  t.strictSame(await dockerRuntime(socket).list(), [], 'absence is silent')
  const server = createServer((request, response) => {
    if (request.url === '/version') response.end('{"Version":"27.0"}')
    else if (request.url?.startsWith('/containers/json') === true) {
      response.end(
        JSON.stringify([{ Id: hex, Names: ['/shop'], Image: 'i', State: 'running', Labels: {} }, 7])
      )
    }
  })
  server.listen(socket)
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const docker = dockerRuntime(socket)
  t.match(await docker.list(), [{ id: hex, name: 'shop', runtime: 'docker', image: 'i' }])
  t.equal(await docker.version(), '27.0')
})

test('the registry: real runc state, remembered after the end, bad state survived', async (t) => {
  if (process.getuid?.() !== 0) {
    t.comment('not root: runc cannot run here')
    return
  }
  const rootfs = await makeRootfs()
  const root = await mkdtemp(join(tmpdir(), 'secco-runc-'))
  const bundle = await makeBundle(rootfs, {
    args: ['/probe', 'wait'],
    annotations: { 'secco.dev/profile': 'shop', 'io.kubernetes.container.name': 'app' }
  })
  t.teardown(async () => {
    for (const folder of [dirname(rootfs), root, bundle])
      await rm(folder, { recursive: true, force: true })
  })
  await mkdir(join(root, 'broken'))
  await writeFile(join(root, 'broken/state.json'), '{"init_process_pid": "x"')
  const failing: ContainerRuntime = {
    name: 'failing',
    list: () => Promise.reject(new Error('down')),
    byId: () => Promise.resolve(undefined),
    version: () => Promise.reject(new Error('down'))
  }
  const registry = openRegistry([runcRuntime([root]), failing], createLogger('test', quiet))
  t.teardown(() => registry.close())
  const id = `secco-registry-${process.pid}`
  const container = spawn('runc', ['--root', root, 'run', '--bundle', bundle, id], {
    stdio: 'ignore'
  })
  const gone = once(container, 'exit')
  const found = () => registry.all().find((one) => one.id === id)
  while (found()?.status !== 'running') await registry.refresh()
  t.match(found(), {
    name: 'app',
    runtime: 'runc',
    bundle,
    labels: { 'secco.dev/profile': 'shop' },
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW' }
  })
  t.ok((found()?.mntns ?? 0) > 0 && (found()?.cgroupId ?? 0n) > 1n)
  const cgroup = found()?.cgroupId
  await run('runc', ['--root', root, 'kill', id, 'KILL'])
  await gone
  await registry.refresh()
  t.match(found(), { pid: 0, status: 'stopped', name: 'app' })
  t.equal(found()?.cgroupId, cgroup, 'the cgroup id stays for sets that are named later')
  t.match(await registry.versions(), [{ name: 'runc', version: /^\d/ }])
})

test("a container's state is told once, its end and the next one of its name all the same", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const [root, bundle] = [join(folder, 'root'), join(folder, 'bundle')]
  for (const path of [root, bundle]) await mkdir(path)
  const watch = openStateWatch([root])
  t.teardown(async () => {
    watch.close()
    await rm(folder, { recursive: true, force: true })
  })
  if (!watch.start(() => undefined)) {
    t.comment('the addon is not built: no folder is followed')
    return
  }
  const own = join(root, 'web')
  const write = async (pid: number) => {
    const labels = [`bundle=${bundle}`]
    await writeFile(join(own, 'new'), JSON.stringify({ init_process_pid: pid, config: { labels } }))
    await rename(join(own, 'new'), join(own, 'state.json'))
  }
  const told: [boolean, number | undefined, string | undefined][] = []
  const next = async (count: number) => {
    await until(`news ${count}`, () => {
      for (const { gone, state } of watch.take().news) {
        told.push([gone, state?.pid, state?.annotations])
      }
      return told.length >= count ? true : undefined
    })
  }
  await mkdir(own)
  await write(11)
  await next(1)
  // Its bundle could not be read: what comes later counts.
  await writeFile(join(bundle, 'config.json'), '{"annotations":{"a":"b"}}')
  await write(11)
  await next(2)
  // All is known: this is no news.
  await write(11)
  await rm(own, { recursive: true })
  await next(3)
  await mkdir(own)
  await write(12)
  await next(4)
  t.strictSame(told, [
    [false, 11, ''],
    [false, 11, '{"a":"b"}'],
    [true, undefined, undefined],
    [false, 12, '{"a":"b"}']
  ])
})

test('containers in namespaces of a root, of those that were there and those that are made later', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const root = join(folder, 'root')
  await mkdir(join(root, 'old'), { recursive: true })
  await mkdir(join(root, 'busy', 'first'), { recursive: true })
  const watch = openStateWatch([root])
  t.teardown(async () => {
    watch.close()
    await rm(folder, { recursive: true, force: true })
  })
  if (!watch.start(() => undefined)) {
    t.comment('the addon is not built: no folder is followed')
    return
  }
  const told = new Map<string, number>()
  const toldOf = (path: string) =>
    until(`news of ${path}`, () => {
      for (const one of watch.take().news) {
        if (one.state !== undefined) told.set(one.folder, one.state.pid)
      }
      return told.get(join(root, path))
    })
  const start = async (path: string, pid: number) => {
    await mkdir(join(root, path), { recursive: true })
    const text = JSON.stringify({ init_process_pid: pid, config: { labels: [] } })
    await writeFile(join(root, path, 'state-1'), text)
    await rename(join(root, path, 'state-1'), join(root, path, 'state.json'))
  }
  await start('busy/second', 2)
  t.equal(await toldOf('busy/second'), 2, 'in a namespace with containers')
  await start('old/one', 3)
  t.equal(await toldOf('old/one'), 3, 'in one that was empty')
  await start('new/one', 4)
  t.equal(await toldOf('new/one'), 4, 'in one that was made with it')
  await mkdir(join(root, 'empty'))
  await start('direct', 5)
  t.equal(await toldOf('direct'), 5, 'in the root itself')
  await start('empty/one', 6)
  t.equal(await toldOf('empty/one'), 6, 'in one that was empty when it was met')
  await start('empty/two', 7)
  t.equal(await toldOf('empty/two'), 7)
})

test('containers that ended are known for a while, a few of them longer, never too many', (t) => {
  const clock = { now: 0 }
  const index = createContainerIndex(() => clock.now)
  const run = (n: number) => plain({ id: `c${n}`, cgroupId: BigInt(1000 + n), firstPid: 5000 + n })
  const live = run(0)
  index.put(live)
  for (let n = 1; n <= 1500; n += 1) {
    index.put(run(n))
    t.match(index.stop(run(n)), { id: `c${n}`, pid: 0, status: 'stopped' })
  }
  t.equal(index.stop(run(1500)), undefined, 'it is no news')
  t.equal(index.all().length, 1025, 'the newest 1,024, and what lives')
  t.equal(index.find(slot({ cgroupId: 1001n, cgroupName: 'c1' })), undefined)
  t.match(index.find(slot({ cgroupId: 2500n })), { id: 'c1500', pid: 0 })
  clock.now = 19_000
  index.put(run(1999))
  index.stop(run(1999))
  t.equal(index.all().length, 1025)
  clock.now = 20_000
  index.put(run(2000))
  index.stop(run(2000))
  t.equal(index.all().length, 65)
  t.match(index.find(slot({ cgroupId: 2500n })), { id: 'c1500' }, 'of a quiet node longer')
  t.equal(index.find(slot({ cgroupId: 1000n })), live)
  t.end()
})

test('the inspector looks at what the registry tells of, and at nothing that is over by then', async (t) => {
  const told: string[] = []
  const listeners = new Set<(container: Container) => void>()
  const asked = { all: 0 }
  const inspector = startInspector({
    registry: {
      all: () => {
        asked.all += 1
        return []
      },
      refresh: () => Promise.resolve(),
      onAppear: () => () => undefined,
      onChange: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    },
    seccompRoot: tmpdir(),
    holding: () => [],
    abis: ['x86_64'],
    logger: createLogger('test', quiet),
    lookMs: 20,
    onChange: (changed, gone) => {
      told.push(...changed.map(({ container }) => `+${container?.id ?? ''}`))
      told.push(...gone.map((key) => `-${key.slice(0, key.indexOf('@'))}`))
    }
  })
  t.teardown(() => inspector.close())
  const tell = (container: Container) => {
    for (const listener of listeners) listener(container)
  }
  const own = plain({ id: 'own', pid: process.pid, firstPid: process.pid })
  const short = plain({ id: 'short', pid: process.ppid, firstPid: process.ppid })
  tell(short)
  tell({ ...short, pid: 0, status: 'stopped' })
  tell(own)
  await until('the live one', () => told.includes('+own') || undefined)
  t.match(inspector.list(), [{ container: { id: 'own' }, pid: process.pid, running: true }])
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const ending = plain({ id: 'ending', pid, firstPid: pid })
  tell(ending)
  await until('the one that will end', () => told.includes('+ending') || undefined)
  child.kill('SIGKILL')
  await once(child, 'exit')
  tell({ ...ending, pid: 0, status: 'stopped' })
  await until('its end', () => told.includes('-ending') || undefined)
  t.notOk(told.some((one) => one.endsWith('short')))
  t.equal(asked.all, 1, 'thousands are not walked through for each that comes')
})

test('one id in two namespaces of a runtime: two containers, and neither is taken for the other', async (t) => {
  const [first, second] = [plain({}), plain({ pid: 11, mntns: 8, cgroupId: 101n })]
  const fake = (name: string, list: Container[]): ContainerRuntime => ({
    name,
    list: () => Promise.resolve(list),
    byId: () => Promise.resolve(undefined),
    version: () => Promise.resolve('')
  })
  const named = { ...first, runtime: 'containerd', image: 'web:1' }
  const runtimes = [fake('runc', [first, second]), fake('containerd', [named])]
  const registry = openRegistry(runtimes, createLogger('test', quiet))
  t.teardown(() => registry.close())
  await registry.refresh()
  const found = registry.all().map(({ pid, image }) => [pid, image])
  t.strictSame(found, [
    [10, 'web:1'],
    [11, undefined]
  ])
  t.throws(() => resolveContainer(registry.all(), 'web'), { code: 'CONTAINER_AMBIGUOUS' })
  t.equal(findContainer(slot({ cgroupId: 101n }), registry.all())?.pid, 11)
})

const probe = probeTracing()
test('a trace of a container that ends before it was seen ends too', {
  skip: probe.available ? false : (probe.reason ?? 'nothing can be traced'),
  timeout: 20_000
}, async (t) => {
  const state = { listed: 0 }
  const report = await traceContainer({
    word: 'web',
    wait: false,
    registry: {
      refresh: () => {
        state.listed += 1
        return Promise.resolve()
      },
      all: () => [
        plain(state.listed > 1 ? { pid: 0, status: 'stopped' } : { cgroupId: 2n ** 40n })
      ],
      versions: () => Promise.resolve([]),
      take: () => undefined,
      ask: () => Promise.resolve(),
      find: () => undefined,
      onAppear: () => () => undefined,
      onChange: () => () => undefined,
      onBegin: () => () => undefined,
      close: () => undefined
    },
    machine: 'x86_64',
    logger: createLogger('test', quiet),
    signal: AbortSignal.timeout(15_000)
  })
  t.match(report, { container: 'web', complete: false, abis: {} })
  // More where other containers of this machine come and go meanwhile.
  t.ok(state.listed >= 3, 'ended by itself, by the first look at the runtimes')
})

test('a revision in a configuration that Go wrote anew is still that revision', (t) => {
  const profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['clone', 'personality', 'read', 'socket'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  for (const mode of ['audit', 'enforce'] as const) {
    const { seccomp, digest } = renderProfile(profile, {
      ...{ mode, machine: 'x86_64' },
      resolve: () => undefined
    })
    const text = JSON.stringify(seccomp)
    t.match(text, '"valueTwo":0', `${mode}: there is a comparison with zero`)
    t.equal(digestOfSeccomp(JSON.parse(text) as LinuxSeccomp), digest)
    // specs.LinuxSeccompArg of runtime-spec's Go package has `json:"valueTwo,omitempty"`.
    const anew = JSON.parse(text.replaceAll(',"valueTwo":0', '')) as LinuxSeccomp
    t.equal(digestOfSeccomp(anew), digest, `${mode}: as containerd and podman hand it on`)
    const other = JSON.parse(text.replaceAll('"valueTwo":0', '"valueTwo":1')) as LinuxSeccomp
    t.not(digestOfSeccomp(other), digest, `${mode}: another value is another profile`)
  }
  t.end()
})
