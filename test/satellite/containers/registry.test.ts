import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { findContainer } from '../../../satellite/containers/identify.js'
import { mntnsOf } from '../../../satellite/containers/processes.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import type { Container, ContainerRuntime } from '../../../satellite/containers/runtime.js'
import { resolveContainer } from '../../../satellite/trace/trace-session.js'
import { createLogger } from '../../../src/lib/log.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { quiet } from '../../helpers/quiet.js'
import { slot, plain } from '../../helpers/container-facts.js'

test('the registry reads real runc state, remembers it after the end, and survives bad state', {
  skip: process.getuid?.() === 0 ? false : 'not root: runc cannot run here'
}, async (t) => {
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

test('one id in two namespaces of a runtime is two containers', async (t) => {
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

test('an id that is used again at once: the run before ends with its process', async (t) => {
  const own = { pid: process.pid, firstPid: process.pid, mntns: mntnsOf(process.pid) ?? 0 }
  // [what, the mount namespace and the process of the run before, its process afterwards]
  const table: [string, Partial<Container>, number][] = [
    ['its process is gone', { pid: 2 ** 30, firstPid: 2 ** 30 }, 0],
    ['its process id belongs to another process', { pid: process.ppid, firstPid: process.ppid }, 0],
    [
      'it runs: ids are unique only within a namespace',
      { ...own, pid: process.ppid, firstPid: process.ppid },
      process.ppid
    ]
  ]
  for (const [what, former, pid] of table) {
    for (const way of ['asked', 'reported']) {
      const before = plain(former)
      const now = plain({ ...own, cgroupId: 101n })
      const news = [before]
      const runtime: ContainerRuntime = {
        name: 'fake',
        list: () => Promise.resolve([now]),
        byId: () => Promise.resolve(now),
        version: () => Promise.resolve(''),
        takeChanges: () => ({ containers: news.splice(0), missed: false })
      }
      const registry = openRegistry([runtime], createLogger('test', quiet))
      registry.take()
      if (way === 'asked') await registry.ask(slot({ cgroupId: 101n, cgroupName: before.id }))
      else {
        news.push(now)
        registry.take()
      }
      t.strictSame(
        registry
          .all()
          .map((one) => [one.cgroupId, one.pid])
          .sort(([a = 0n], [b = 0n]) => (a < b ? -1 : 1)),
        [
          [before.cgroupId, pid],
          [101n, process.pid]
        ].sort(([, left], [, right]) => (left === 0 && right !== 0 ? 1 : 0)),
        `${what}, ${way}`
      )
      registry.close()
    }
  }
})

test('a container that starts while a slow runtime answers counts as running', async (t) => {
  const [before, begins] = [plain({}), plain({ id: 'begins', pid: 11, mntns: 8, cgroupId: 101n })]
  let answer: (containers: Container[]) => void = () => undefined
  let wasAsked: () => void = () => undefined
  const asked = new Promise<void>((resolve) => (wasAsked = resolve))
  let news: Container[] = []
  const slow: ContainerRuntime = {
    name: 'slow',
    list: () =>
      new Promise((resolve) => {
        answer = resolve
        wasAsked()
      }),
    byId: () => Promise.resolve(undefined),
    version: () => Promise.resolve(''),
    takeChanges: () => ({ containers: news.splice(0), missed: false })
  }
  const registry = openRegistry([slow], createLogger('test', quiet))
  t.teardown(() => registry.close())
  news = [before]
  registry.take()
  const refreshed = registry.refresh()
  await asked
  news = [begins]
  registry.take()
  // The answer was made before the second one started, and after the first one had ended.
  answer([])
  await refreshed
  t.strictSame(
    registry.all().map(({ id, pid }) => [id, pid]),
    [
      ['begins', 11],
      [before.id, 0]
    ]
  )
})
