import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import {
  collectRevisions,
  installRevision,
  verifyInstalled
} from '../../satellite/revisions/installer.js'
import { type Satellite, startSatellite, type UplinkHandlers } from '../../satellite/main.js'
import type { Observation, Revision } from '../../src/api/gen/hub.js'
import { SatelliteClient, type TraceUpdate } from '../../src/api/gen/satellite.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { createLogger } from '../../src/lib/log.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { digestOf } from '../../src/lib/digest.js'
import { normalConditions } from '../../src/seccomp/arguments/argument-rules.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import { startContainerd } from '../helpers/containerd.js'
import { quiet } from '../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { matchLists } from '../helpers/match-lists.js'

t.setTimeout(300_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')
const asRoot = process.getuid?.() === 0 ? false : 'needs root'
const logger = createLogger('test', quiet)

function revision(seccomp: LinuxSeccomp, over: Partial<Revision> = {}): Revision {
  const json = Buffer.from(canonicalJson(seccomp))
  const ref = { namespace: 'shop', profile: 'checkout.app', digest: digestOf(json) }
  return { ...ref, json, origin: undefined, ...over }
}
const small: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  syscalls: [{ names: ['read', 'write', 'exit_group'], action: 'SCMP_ACT_ALLOW' }]
}
const fileOf = (root: string, one: Revision): string =>
  join(root, 'secco', one.namespace, one.profile, `${one.digest.slice(7)}.json`)

test('installing a revision', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-install-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const good = revision(small)
  t.match(await installRevision(root, good), { ready: true, code: '', digest: good.digest })
  const path = fileOf(root, good)
  t.strictSame(await readFile(path), good.json)
  const first = await stat(path)
  t.equal(first.mode & 0o7777, 0o644)
  t.match(await installRevision(root, good), { ready: true })
  t.equal((await stat(path)).ino, first.ino, 'again: nothing is written')
  t.strictSame(
    await readdir(dirname(path)),
    [`${good.digest.slice(7)}.json`],
    'no temporary file stays'
  )

  const other = Buffer.from('{"defaultAction":"SCMP_ACT_ALLOW"}')
  const text = (json: string) =>
    revision(small, { json: Buffer.from(json), digest: digestOf(json) })
  const rejected: [string, Revision, string][] = [
    ['namespace ..', revision(small, { namespace: '..' }), 'INVALID_NAME'],
    ['namespace with /', revision(small, { namespace: 'a/b' }), 'INVALID_NAME'],
    ['profile ..', revision(small, { profile: '..' }), 'INVALID_NAME'],
    ['profile a..b', revision(small, { profile: 'a..b' }), 'INVALID_NAME'],
    ['profile with /', revision(small, { profile: '../../x' }), 'INVALID_NAME'],
    ['profile empty', revision(small, { profile: '' }), 'INVALID_NAME'],
    ['digest path', revision(small, { digest: 'sha256:../../x' }), 'INVALID_ARGUMENT'],
    ['other bytes', revision(small, { json: other }), 'DIGEST_MISMATCH'],
    ['no JSON', text('{'), 'INVALID_DOCUMENT'],
    [
      'unknown key',
      text('{"defaultAction":"SCMP_ACT_ERRNO","listenerPath":"/x"}'),
      'INVALID_DOCUMENT'
    ],
    ['wrong action', text('{"defaultAction":"SCMP_ACT_NOTIFY"}'), 'INVALID_DOCUMENT']
  ]
  for (const [name, wrong, code] of rejected) {
    t.match(await installRevision(root, wrong), { ready: false, code, message: /./ }, name)
  }
  const trial = () => Promise.resolve({ ok: false as const, reason: 'rejected by the kernel' })
  const fresh = revision({ ...small, defaultErrnoRet: 2 })
  t.match(await installRevision(root, fresh, { trial }), {
    ready: false,
    code: 'TRIAL_LOAD_FAILED'
  })
  t.strictSame(
    (await verifyInstalled(root)).held.map(({ digest }) => digest),
    [good.digest]
  )

  await writeFile(path, '{"defaultAction":"SCMP_ACT_ALLOW"}')
  t.strictSame(await verifyInstalled(root), { held: [], wrong: [path], rejected: [] })
  const drifted: string[] = []
  t.match(await installRevision(root, good, { onDrift: (where) => drifted.push(where) }), {
    ready: true
  })
  t.strictSame(drifted, [path])
  t.strictSame(await readFile(path), good.json, 'drift is fixed')
  await chmod(path, 0o666)
  t.strictSame((await verifyInstalled(root)).wrong, [path], 'a file that others may write is drift')
  await installRevision(root, good)

  await rm(path)
  await symlink('/etc/passwd', path)
  t.match(await installRevision(root, good), { ready: true })
  t.strictSame(await readFile(path), good.json, 'a link in its place is replaced')
  t.match(await readFile('/etc/passwd', 'utf8'), /root/, 'and was not followed')
  const outside = await mkdtemp(join(tmpdir(), 'secco-outside-'))
  t.teardown(() => rm(outside, { recursive: true, force: true }))
  await symlink(outside, join(root, 'secco', 'linked'))
  const through = revision(small, { namespace: 'linked' })
  t.match(await installRevision(root, through), { ready: false, code: 'WRITE_FAILED' })
  t.strictSame(await readdir(outside), [])

  await writeFile(`${path}.999999999.tmp`, 'half')
  t.strictSame(await collectRevisions(root, [], new Set([good.digest])), [`${path}.999999999.tmp`])
  t.strictSame(await collectRevisions(root, [good], new Set()), [])
  t.strictSame(await collectRevisions(root, [], new Set()), [path])
})

test('a full and a read-only folder', { skip: asRoot }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-full-'))
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', root])
  t.teardown(async () => {
    await run('umount', [root])
    await rm(root, { recursive: true, force: true })
  })
  await writeFile(join(root, 'ballast'), Buffer.alloc(60 * 1024)).catch(() => undefined)
  await writeFile(join(root, 'rest'), Buffer.alloc(8 * 1024)).catch(() => undefined)
  const one = revision(small)
  t.match(await installRevision(root, one), {
    ready: false,
    code: 'WRITE_FAILED',
    message: /ENOSPC/
  })
  const left = await readdir(dirname(fileOf(root, one))).catch(() => [])
  t.strictSame(left, [], 'nothing half-written')
  await rm(join(root, 'ballast'))
  await run('mount', ['-o', 'remount,ro', root])
  t.match(await installRevision(root, one), {
    ready: false,
    code: 'WRITE_FAILED',
    message: /EROFS/
  })
  await run('mount', ['-o', 'remount,rw', root])
  t.match(await installRevision(root, one), { ready: true })
})

interface Rig {
  satellite: Satellite
  ends: UplinkHandlers
  offered: Observation[]
  /** Resolves with the newest observation that fits, now or later. */
  until: (fits: (one: Observation) => boolean) => Promise<Observation>
}

async function rig(options: {
  folder: string
  runcRoots?: string[]
  containerdSocket?: string
  record?: 'always' | 'off'
}): Promise<Rig> {
  const offered: Observation[] = []
  const news = new EventEmitter()
  let ends: UplinkHandlers | undefined
  const satellite = await startSatellite({
    node: 'n1',
    connect: (given) => {
      ends = given
      return {
        offer: (observation) => {
          offered.push(observation)
          news.emit('offer')
        },
        report: () => undefined,
        statusChanged: () => undefined,
        connected: true,
        durable: () => Promise.resolve(),
        flush: () => Promise.resolve(),
        close: () => Promise.resolve()
      }
    },
    seccompRoot: join(options.folder, 'seccomp'),
    socketPath: join(options.folder, 'satellite.sock'),
    runcRoots: options.runcRoots ?? [join(options.folder, 'runc')],
    containerdSocket: options.containerdSocket ?? join(options.folder, 'none.sock'),
    record: options.record ?? 'always',
    logger
  })
  if (ends === undefined) throw new Error('the satellite did not connect')
  return {
    satellite,
    ends,
    offered,
    until: async (fits) => {
      for (;;) {
        const found = offered.findLast(fits)
        if (found !== undefined) return found
        await once(news, 'offer')
      }
    }
  }
}

const namesIn = (one: Observation, abi = 'x86_64'): string[] =>
  one.abis.find((each) => each.abi === abi)?.syscalls.map(({ name }) => name) ?? []
const isOf = (id: string) => (one: Observation) => one.container?.id === id

test('without tracing it still delivers revisions', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-sat-'))
  const { satellite, ends } = await rig({ folder, record: 'off' })
  t.teardown(async () => {
    await satellite.close()
    await rm(folder, { recursive: true, force: true })
  })
  t.match(ends.status(), { tracingUnavailable: /switched off/, hook: '', abis: ['x86_64'] })
  const one = revision(small)
  t.match(await ends.onRevision(one), { ready: true })
  const { namespace, profile, digest } = one
  t.strictSame(ends.holding(), [{ namespace, profile, digest }])
  const client = new SatelliteClient(
    `unix:${join(folder, 'satellite.sock')}`,
    credentials.createInsecure()
  )
  t.teardown(() => client.close())
  const error = await new Promise((resolve) => client.listContainers({}, resolve))
  t.match(error, { code: 12, details: /TRACING_UNAVAILABLE/ })
})

test('real containers of runc', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-sat-'))
  const rootfs = await makeRootfs()
  const root = join(folder, 'runc')
  await mkdir(root)
  const runc = (...args: string[]) => run('runc', ['--root', root, ...args])
  const bundleOf = async (options: Parameters<typeof makeBundle>[1]): Promise<string> => {
    const bundle = await makeBundle(rootfs, options)
    t.teardown(() => rm(bundle, { recursive: true, force: true }))
    return bundle
  }
  const id = (name: string) => `secco-${name}-${process.pid}`
  const early = id('early')
  const waiting = await bundleOf({ args: ['/probe', 'wait'] })
  const running = spawn('runc', ['--root', root, 'run', '--bundle', waiting, early], {
    stdio: 'ignore'
  })
  const earlyGone = once(running, 'exit')
  while (
    !(await runc('state', early).then(
      ({ stdout }) => stdout.includes('"running"'),
      () => false
    ))
  );

  const { satellite, ends, offered, until } = await rig({ folder, runcRoots: [root] })
  t.teardown(async () => {
    await satellite.close()
    for (const path of [folder, dirname(rootfs)]) await rm(path, { recursive: true, force: true })
  })
  matchLists(t, ends.status(), {
    tracingUnavailable: '',
    hook: /tp/,
    losses: { tableFull: 0, recursionMisses: 0 },
    conditions: [{ type: 'RecorderExact', status: 'True' }]
  })
  const adopted = await until(isOf(early))
  t.match(adopted, { complete: false, ended: false })
  t.ok(namesIn(adopted).includes('pause'), 'blocked before the first scan')

  const client = new SatelliteClient(
    `unix:${join(folder, 'satellite.sock')}`,
    credentials.createInsecure()
  )
  t.teardown(() => client.close())
  t.equal((await stat(join(folder, 'satellite.sock'))).mode & 0o777, 0o600)
  const updates: TraceUpdate[] = []
  const stream = client.startTrace({ container: early, durationSeconds: 0, wait: false })
  stream.on('data', (update: TraceUpdate) => updates.push(update))
  const streamEnd = once(stream, 'end')
  await once(stream, 'data')
  t.match(updates[0], { container: early, complete: false, ended: false })
  const listed = await new Promise<TraceUpdate[]>((resolve, reject) => {
    client.listContainers({}, (error, answer) => {
      if (error === null) resolve(answer.containers)
      else reject(error)
    })
  })
  t.ok(listed.some(({ container }) => container === early))
  const unknown = client.startTrace({ container: 'nobody', durationSeconds: 0, wait: false })
  const [rejection] = (await once(unknown.resume(), 'error').catch((error: unknown) => [
    error
  ])) as [unknown]
  t.match(rejection, { code: 5, details: /CONTAINER_NOT_FOUND/ })

  // Two at once, each of some milliseconds: named, complete, not mixed; ended before a scan.
  const [a, b] = [id('a'), id('b')]
  const bundleA = await bundleOf({
    args: ['/probe', 'getpgid'],
    annotations: { 'secco.dev/profile': 'shop' }
  })
  const bundleB = await bundleOf({ args: ['/probe', 'getsid'] })
  const ran = Promise.all([
    runc('run', '--bundle', bundleA, a),
    runc('run', '--bundle', bundleB, b)
  ])
  const [endA, endB] = await Promise.all([
    until((one) => isOf(a)(one) && one.ended),
    until((one) => isOf(b)(one) && one.ended)
  ])
  await ran
  t.match(endA, {
    complete: true,
    filtered: true,
    container: { name: a, runtime: 'runc', profile: 'shop' }
  })
  t.match(endB, { complete: true, container: { name: b } })
  t.ok(namesIn(endA).includes('getpgid') && !namesIn(endA).includes('getsid'))
  t.ok(namesIn(endB).includes('getsid') && !namesIn(endB).includes('getpgid'))
  // Without pins the recorder is another one after a restart, and counts from zero.
  t.match(endA.id, /^n1\/[0-9a-f-]{36}\+[0-9a-z]+\/\d+\.\d+\.\d+$/)

  // The same id again under a revision of this node: another set, exact denials, the revision named.
  const within = runtimeDefault()
  const strict: LinuxSeccomp = {
    ...within,
    defaultErrnoRet: 38,
    syscalls: [
      // Conditions as every rendering has them.
      ...(within.syscalls ?? []).map(({ args, ...rule }) => ({
        ...rule,
        names: rule.names.filter((name) => name !== 'getpriority'),
        ...(args === undefined ? {} : { args: normalConditions(args) })
      })),
      { names: ['getpriority'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }
    ]
  }
  const enforced = revision(strict)
  t.match(await ends.onRevision(enforced), { ready: true })
  const bundleC = await bundleOf({
    args: ['/probe', 'getpriority', 'getpriority', 'getpriority', 'getpgid'],
    seccomp: JSON.parse(
      await readFile(fileOf(join(folder, 'seccomp'), enforced), 'utf8')
    ) as LinuxSeccomp
  })
  await runc('run', '--bundle', bundleC, a)
  const again = await until((one) => isOf(a)(one) && one.ended && one.id !== endA.id)
  matchLists(t, again.denied, [
    {
      ...{ name: 'getpriority', count: 3, action: 'SCMP_ACT_ERRNO' },
      detail: { abi: 'x86_64', errno: 1, signal: '', expected: false }
    }
  ])
  t.equal(again.denied.length, 1)
  t.equal(again.revision, enforced.digest)

  await runc('kill', early, 'KILL')
  await earlyGone
  await streamEnd
  t.match(updates.at(-1), { container: early, ended: true })
  t.match(await until((one) => isOf(early)(one) && one.ended), { complete: false })
  const sequences = offered.filter(isOf(early)).map(({ sequence }) => sequence)
  t.strictSame(
    sequences,
    [...sequences].sort((left, right) => left - right)
  )
  t.equal(new Set(sequences).size, sequences.length, 'sequences only grow')
})

test('containers of containerd', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-ctd-'))
  const rootfs = await makeRootfs()
  const containerd = await startContainerd(folder)
  const name = `secco-ctd-${process.pid}`
  const { satellite, ends, until } = await rig({
    folder,
    containerdSocket: containerd.socket,
    runcRoots: [containerd.runcRoot]
  })
  t.teardown(async () => {
    await satellite.close()
    await containerd.remove(name)
    await containerd.stop()
    for (const path of [folder, dirname(rootfs)]) await rm(path, { recursive: true, force: true })
  })
  // Where crun is installed, the node has it as well.
  const runtimes = ends.status().runtimes.filter(({ name }) => name !== 'crun')
  matchLists(t, runtimes, [{ name: 'runc' }, { name: 'containerd', version: /\d/ }])
  const labels = [
    'io.kubernetes.pod.namespace=shop',
    'io.kubernetes.pod.name=checkout-1',
    'io.kubernetes.pod.uid=u-1',
    'io.kubernetes.container.name=app'
  ].flatMap((label) => ['--label', label])
  await containerd.run(name, rootfs, ['/probe', 'getpgid', 'wait'], ['--seccomp', ...labels])
  const seen = await until((one) => isOf(name)(one) && namesIn(one).includes('pause'))
  t.match(seen, {
    complete: true,
    ended: false,
    filtered: true,
    container: {
      runtime: 'containerd',
      name: 'app',
      // Labels of `ctr run` make no pod: that is CRI's to say (test/e2e/hostile-containers.test.ts).
      podNamespace: '',
      podName: '',
      podUid: ''
    }
  })
  t.ok(namesIn(seen).includes('getpgid'))
  await containerd.ctr('task', 'kill', '--signal', 'KILL', name)
  t.match(await until((one) => isOf(name)(one) && one.ended), { container: { name: 'app' } })
})
