import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { credentials } from '@grpc/grpc-js'
import { type Test, test } from 'tap'
import { cleanPins } from '../../native/pins.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import { runcRuntime } from '../../satellite/containers/runc.js'
import { type Satellite, startSatellite, type UplinkHandlers } from '../../satellite/main.js'
import { startRecorderLoop } from '../../satellite/recorder/recorder-loop.js'
import type { RecordMode } from '../../satellite/recorder/record-mode.js'
import type { NodeStatus, Observation } from '../../src/api/gen/hub.js'
import { SatelliteClient } from '../../src/api/gen/satellite.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { createLogger } from '../../src/lib/log.js'
import { renderLearn, renderProfile } from '../../src/seccomp/render/render.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { digestOf } from '../../src/lib/digest.js'
import { runs } from '../helpers/fuzz.js'
import { quiet } from '../helpers/quiet.js'
import { seededRandom } from '../helpers/random.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'
import { readSpool } from '../helpers/state-folder.js'
import { until } from '../helpers/until.js'

const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')
const logger = createLogger('test', quiet)
const kills = runs(5)
/** As test/satellite/pinned-child.ts has it. */
const slots = 2048
const seed = Number(process.env['SECCO_TEST_SEED'] ?? Date.now() % 1_000_000)

interface Place {
  folder: string
  pin: string
  root: string
  runc: (...args: string[]) => Promise<unknown>
  bundleOf: (args: readonly string[], seccomp?: LinuxSeccomp) => Promise<string>
  /** Ids that no other container of the machine has. */
  id: (name: string) => string
}

/** A folder with a bpf file system and a runc root of its own. */
async function place(t: Test): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'secco-durable-'))
  const mount = join(folder, 'bpf')
  const root = join(folder, 'runc')
  const pin = join(mount, 'secco')
  for (const path of [mount, root]) mkdirSync(path)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  const rootfs = await makeRootfs()
  const bundles: string[] = []
  t.teardown(async () => {
    for (const id of readdirSync(root)) await run('runc', ['--root', root, 'delete', '-f', id])
    if (existsSync(pin)) cleanPins(pin)
    execFileSync('umount', [mount])
    for (const path of [folder, dirname(rootfs), ...bundles]) {
      await rm(path, { recursive: true, force: true })
    }
  })
  return {
    ...{ folder, pin, root },
    // No pipes: a detached container would hold them open.
    runc: async (...args) => {
      const child = spawn('runc', ['--root', root, ...args], { stdio: 'ignore' })
      const [code] = (await once(child, 'exit')) as [number | null]
      if (code !== 0) throw new Error(`runc ${args.join(' ')} ended with ${code}`)
    },
    bundleOf: async (args, seccomp) => {
      const bundle = await makeBundle(rootfs, {
        args,
        ...(seccomp === undefined ? {} : { seccomp })
      })
      bundles.push(bundle)
      return bundle
    },
    id: (name) => `secco-${name}-${process.pid}`
  }
}

interface Rig {
  satellite: Satellite
  offered: Observation[]
  status: () => NodeStatus
  install: UplinkHandlers['onRevision']
  /** The newest observation that fits, now or later. */
  seen: (fits: (one: Observation) => boolean) => Promise<Observation>
  /** Resolves when the satellite told that its state changed to what fits. */
  told: (fits: (status: NodeStatus) => boolean) => Promise<void>
}

async function rig(at: Place, record: RecordMode, pinned = true): Promise<Rig> {
  const offered: Observation[] = []
  const news = new EventEmitter().setMaxListeners(50)
  let given: UplinkHandlers | undefined
  const status = (): NodeStatus => {
    if (given === undefined) throw new Error('not connected')
    return given.status()
  }
  const satellite = await startSatellite({
    node: 'n1',
    connect: (ends) => {
      given = ends
      return {
        offer: (observation) => {
          offered.push(observation)
          news.emit('offer')
        },
        report: () => undefined,
        statusChanged: () => void news.emit('status'),
        connected: true,
        durable: () => Promise.resolve(),
        flush: () => Promise.resolve(),
        close: () => Promise.resolve()
      }
    },
    seccompRoot: join(at.folder, 'seccomp'),
    socketPath: join(at.folder, 'satellite.sock'),
    runcRoots: [at.root],
    containerdSocket: join(at.folder, 'none.sock'),
    ...{ record, logger, lingerMs: 600 },
    ...(pinned ? { pin: at.pin } : {})
  })
  return {
    ...{ satellite, offered, status },
    install: (revision) => given?.onRevision(revision) ?? Promise.reject(new Error('no ends')),
    seen: async (fits) => {
      for (;;) {
        const found = offered.findLast(fits)
        if (found !== undefined) return found
        await once(news, 'offer')
      }
    },
    told: async (fits) => {
      while (!fits(status())) await once(news, 'status')
    }
  }
}

const isOf = (id: string) => (one: Observation) => one.container?.id === id
const endOf = (id: string) => (one: Observation) => isOf(id)(one) && one.ended
const namesIn = (one: Observation): string[] =>
  one.abis.flatMap(({ syscalls }) => syscalls.map(({ name }) => name))
const countsIn = (one: Observation): string[] =>
  one.abis
    .flatMap(({ abi, syscalls }) => syscalls.map(({ name, count }) => `${abi}/${name} ${count}`))
    .sort()
const argumentsIn = (one: Observation): string[] =>
  one.arguments.map(({ abi, name, index, values }) => `${abi}/${name} ${index}: ${values.join()}`)
const deniedIn = (one: Observation): string[] =>
  one.denied.map(({ name, action, count, detail }) =>
    [name, action, count, detail?.errno, detail?.pid, detail?.comm].join(' ')
  )
/** Of a container that is over before its profile was read: what another one knows to be denied is not learned. */
const isUnproven = (one: Observation, { denied }: Observation): boolean =>
  one.denied.length === 0 &&
  denied.every(({ name }) => one.unproven.some(({ names }) => names.includes(name)))
/** Resolves when the program of a container runs: `runc run` returns some instructions earlier. */
async function begun(folder: string): Promise<void> {
  const text = readFileSync(join(folder, 'state.json'), 'utf8')
  const { init_process_pid: pid } = JSON.parse(text) as { init_process_pid: number }
  await until('the program to run', () =>
    readFileSync(`/proc/${pid}/comm`, 'utf8') === 'probe\n' ? true : undefined
  )
}
const links = (pin: string): string[] =>
  existsSync(pin)
    ? readdirSync(pin).flatMap((layout) =>
        readdirSync(join(pin, layout)).filter((name) => name.startsWith('link-'))
      )
    : []

test('a restart loses nothing, and a second satellite is denied', {
  skip,
  timeout: 600_000
}, async (t) => {
  const at = await place(t)
  const [living, short, unseen] = ['living', 'short', 'unseen'].map(at.id) as [
    string,
    string,
    string
  ]
  const first = await rig(at, 'always')
  t.match(first.status(), { attached: true, record: 'always' })
  const [pinned, ...others] = first.status().capabilities.filter(({ name }) => name === 'pin')
  t.match(pinned, { works: true })
  t.same(others, [])
  await at.runc('run', '-d', '-b', await at.bundleOf(['/probe', 'getsid', 'wait']), living)
  const before = await first.seen((one) => isOf(living)(one) && namesIn(one).includes('pause'))
  t.match(before, { complete: true, ended: false })
  await t.rejects(rig(at, 'always'), { code: 'RECORDER_IN_USE' })
  await first.satellite.close({ keep: true })
  t.ok(links(at.pin).length >= 3, 'recording goes on')

  await at.runc('run', '-b', await at.bundleOf(['/probe', 'getpriority']), unseen)
  const second = await rig(at, 'always')
  const missedNothing = await second.seen(endOf(unseen))
  t.match(missedNothing, { complete: true, container: { name: unseen } })
  t.ok(namesIn(missedNothing).includes('getpriority'))
  const after = await second.seen(isOf(living))
  t.match(after, { complete: true, id: before.id })
  t.ok(namesIn(after).includes('execve'), 'its first call, seen by another process')
  await at.runc('run', '-b', await at.bundleOf(['/probe', 'getpgid']), short)
  t.match(await second.seen(endOf(short)), { complete: true })
  await at.runc('kill', living, 'KILL')
  t.match(await second.seen(endOf(living)), { complete: true, id: before.id })
  await second.satellite.close()
  t.strictSame(readdirSync(at.pin), [], 'an end for good leaves nothing')
})

test('unprofiled: attached only while something needs it', {
  skip,
  timeout: 600_000
}, async (t) => {
  const at = await place(t)
  // No weaker than the node's floor.
  const seccomp: LinuxSeccomp = renderLearn('x86_64').seccomp
  const json = Buffer.from(canonicalJson(seccomp))
  const { satellite, status, seen, told, offered, install } = await rig(at, 'unprofiled')
  t.teardown(() => satellite.close())
  const detached = (): Promise<void> => told((now) => !now.attached)
  await detached()
  t.match(status(), { record: 'unprofiled', hook: /tp/, tracingUnavailable: '' })
  t.strictSame(links(at.pin), [], 'not even by a pin')

  const plain = at.id('plain')
  const begin = async (id: string, bundle: string): Promise<void> => {
    await at.runc('create', '-b', bundle, id)
    // A machine that is busy may otherwise run the first instruction before anybody attaches.
    await told((now) => now.attached)
    await at.runc('start', id)
  }
  await begin(plain, await at.bundleOf(['/probe', 'getsid', 'wait']))
  const one = await seen((each) => isOf(plain)(each) && namesIn(each).includes('pause'))
  t.match(one, { complete: true }, 'attached before its first instruction')
  t.ok(namesIn(one).includes('getsid'))
  await at.runc('kill', plain, 'KILL')
  await seen(endOf(plain))
  await detached()

  // One that runs under a revision of this node needs nobody.
  const { ready } = await install({
    ...{ namespace: 'shop', profile: 'checkout', json, origin: undefined },
    digest: digestOf(json)
  })
  t.ok(ready)
  const profiled = at.id('profiled')
  await at.runc('run', '-d', '-b', await at.bundleOf(['/probe', 'wait'], seccomp), profiled)
  await detached()
  const settled = offered.length
  const client = new SatelliteClient(
    `unix:${join(at.folder, 'satellite.sock')}`,
    credentials.createInsecure()
  )
  t.teardown(() => client.close())
  const trace = client.startTrace({ container: profiled, durationSeconds: 0, wait: false })
  trace.on('error', () => undefined)
  const [update] = (await once(trace, 'data')) as [{ container: string }]
  t.equal(status().attached, true, 'a trace attaches')
  t.equal(update.container, profiled)
  trace.cancel()
  await detached()
  t.ok(offered.length >= settled)
  await at.runc('kill', profiled, 'KILL')

  // What it asks in audit is what speaks for enforcing it, or against.
  const inAudit = renderProfile(
    {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
      metadata: { namespace: 'shop', name: 'trial' },
      spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] } }
    },
    { mode: 'audit', machine: 'x86_64', resolve: () => undefined }
  )
  const { ready: readyToo } = await install({
    ...{ namespace: 'shop', profile: 'trial', origin: undefined },
    ...{ json: Buffer.from(inAudit.json), digest: inAudit.digest }
  })
  t.ok(readyToo)
  const trial = at.id('trial')
  const asks = ['/probe', 'getsid', 'wait']
  await begin(trial, await at.bundleOf(asks, inAudit.seccomp))
  const logged = await seen((each) => isOf(trial)(each) && each.denied.length > 0)
  t.match(logged, { complete: true, revision: inAudit.digest })
  t.ok(logged.denied.some(({ name }) => name === 'getsid'))
  // Longer than it lingers after the last need.
  await delay(2000)
  t.equal(status().attached, true, 'as long as it runs')
  await at.runc('kill', trial, 'KILL')
  await detached()

  // What begins while nothing is attached cannot be complete.
  const late = at.id('late')
  await satellite.close()
  await at.runc('run', '-d', '-b', await at.bundleOf(['/probe', 'wait']), late)
  await begun(join(at.root, late))
  const next = await rig(at, 'unprofiled')
  t.match(await next.seen(isOf(late)), { complete: false })
  t.equal(next.status().losses?.missed, 0)
  await at.runc('kill', late, 'KILL')
  await next.satellite.close({ keep: true })
})

test('the command: SIGTERM keeps, --clean and off do not', {
  skip,
  timeout: 600_000
}, async (t) => {
  const at = await place(t)
  const satellite = (...more: string[]): ChildProcess =>
    spawnSecco([
      ...['satellite', '--hub', '127.0.0.1:1', '--node', 'n', '--state', join(at.folder, 'state')],
      ...['--seccomp-root', join(at.folder, 'seccomp'), '--runc-root', at.root],
      ...['--containerd-socket', join(at.folder, 'none.sock'), '--pin', at.pin, ...more]
    ])
  const ends = async (child: ChildProcess, signal: NodeJS.Signals): Promise<string> => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await until('the satellite to be up', () =>
      said.includes('connects to the hub') ? true : undefined
    )
    child.kill(signal)
    await once(child, 'close')
    return said
  }
  const clean = () => runSecco(['satellite', '--clean', '--pin', at.pin])

  t.match(await ends(satellite(), 'SIGTERM'), /Recording goes on .*--clean/)
  t.ok(links(at.pin).length >= 3)
  t.match(await clean(), { code: 0, stdout: /removed 1/ })
  t.notOk(existsSync(at.pin))
  t.match(await clean(), { code: 0, stdout: /nothing is pinned/ })
  await ends(satellite(), 'SIGINT')
  t.strictSame(links(at.pin), [], 'Ctrl-C leaves nothing')
  await ends(satellite(), 'SIGTERM')
  t.ok(links(at.pin).length >= 3)
  await ends(satellite('--record', 'off'), 'SIGTERM')
  t.strictSame(links(at.pin), [], 'off detaches what was pinned')
  for (const wrong of [
    ['--pin', 'x'],
    ['--record', 'sometimes'],
    ['--clean', '--pin', 'off']
  ]) {
    const denied = await runSecco(['satellite', ...wrong])
    t.match(denied, { code: 1, stderr: /INVALID_ARGUMENT/ }, wrong.join(' '))
  }
})

test(`kill -9 of the satellite ${kills} times`, { skip, timeout: 600_000 }, async (t) => {
  t.comment(`seed ${seed} (repeat with SECCO_TEST_SEED)`)
  const random = seededRandom(seed)
  const at = await place(t)
  // Beside it: a recorder of its own in this process, which nobody interrupts.
  const reference = new Map<string, Observation>()
  const registry = openRegistry([runcRuntime([at.root])], logger)
  const loop = await startRecorderLoop({
    ...{ recorder: openRecorder(), registry, logger, node: 'reference', bootId: 'b' },
    machine: 'x86_64',
    selfTest: false,
    onObservation: (one) => {
      if (one.ended) reference.set(one.container?.id ?? '', one)
    }
  })
  const script = fileURLToPath(new URL('../satellite/pinned-child.js', import.meta.url))
  let child: ChildProcess | undefined
  let recorded: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const own = spawn(process.execPath, [script, at.folder, at.pin], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    child = own
    const { stdout } = own
    const [line] = (await Promise.race([
      once(createInterface({ input: stdout }), 'line'),
      once(own, 'exit')
    ])) as [unknown]
    if (line === 'recording') recorded = own
  }
  /** @returns whether it was recording until then. */
  const kill = async (): Promise<boolean> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return false
    child.kill('SIGKILL')
    const was = recorded === child
    await once(child, 'exit')
    return was
  }
  t.teardown(async () => {
    await kill()
    await loop.stop()
    registry.close()
  })

  let recording = start()
  await recording
  t.ok(recorded)
  const denying: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['getpriority'], action: 'SCMP_ACT_ERRNO' }]
  }
  const living = at.id('living')
  const stays = await at.bundleOf(['/probe', 'getsid', 'getpriority', 'wait'], denying)
  await at.runc('run', '-d', '-b', stays, living)
  const kinds = await Promise.all([
    at.bundleOf(['/probe', 'getpgid']),
    at.bundleOf(['/probe', 'getsid', 'socket']),
    at.bundleOf(['/probe', 'getpriority'], denying),
    at.bundleOf(['/probe', 'getpgid', 'getpriority', 'socket'], denying)
  ])
  const state = { done: false }
  const isDone = (): boolean => state.done
  const ids: string[] = []
  const churn = (async () => {
    while (!isDone()) {
      const id = at.id(`k${ids.length}`)
      await at.runc('run', '-b', kinds[ids.length % kinds.length] ?? '', id)
      ids.push(id)
      await delay(250)
    }
  })()
  const began = Date.now()
  let killed = 0
  for (let round = 1; round <= kills; round += 1) {
    // One in five dies while it adopts, maybe, the others while they record.
    const starts = round % 5 === 0
    if (!starts) await recording
    await delay(random() * (starts ? 800 : 500))
    if (await kill()) killed += 1
    recording = start()
  }
  t.ok(killed >= kills - Math.floor(kills / 5), `${killed} of ${kills} were recording`)
  const tookMs = Date.now() - began
  state.done = true
  await churn
  await at.runc('kill', living, 'KILL')
  ids.push(living)
  await until(
    'the last satellite to have reported every end',
    () => {
      const told = new Set(
        readSpool(join(at.folder, 'spool'))
          .filter((one) => one.ended)
          .map(({ container }) => container?.id)
      )
      const open = ids.filter((id) => !told.has(id) || !reference.has(id))
      if (open.length > 0) throw new Error(`not yet: ${open.slice(0, 5).join(' ')}`)
      return true
    },
    { timeoutMs: 120_000 }
  )
  await kill()

  const spooled = new Map(
    readSpool(join(at.folder, 'spool'))
      .filter(({ ended, container }) => ended && ids.includes(container?.id ?? ''))
      .map((one) => [one.container?.id ?? '', one])
  )
  const wrong: unknown[] = []
  const compared = { values: 0, denied: 0, unproven: 0 }
  for (const id of ids) {
    const [ours, theirs] = [spooled.get(id), reference.get(id)]
    if (ours === undefined || theirs === undefined) wrong.push([id, 'missing'])
    else if (!ours.complete || !theirs.complete) wrong.push([id, 'incomplete', ours.complete])
    else {
      for (const of of [countsIn, argumentsIn]) {
        if (of(ours).join() !== of(theirs).join()) wrong.push([id, of(ours), of(theirs)])
      }
      if (deniedIn(ours).join() === deniedIn(theirs).join()) compared.denied += theirs.denied.length
      else if (isUnproven(ours, theirs) || isUnproven(theirs, ours)) compared.unproven += 1
      else wrong.push([id, deniedIn(ours), deniedIn(theirs)])
      compared.values += theirs.arguments.length
    }
  }
  t.strictSame(wrong, [], 'every container: the same, as often, from its first instruction')
  t.ok(compared.values > 0 && compared.denied > 0, 'arguments and denied calls among it')
  const recorder = openRecorder({ pin: at.pin, slots })
  t.equal(recorder.pinning.adopted, true)
  t.match(recorder.counters(), { tableFull: 0, recursionMisses: 0 })
  t.match(await recorder.selfTest(), { ok: true })
  // Slots that a killed satellite had taken or was giving back are not lost.
  await until('released slots to be free', () => {
    const used = recorder.slots().length
    let free = 0
    for (; recorder.adopt(free + 1, 7n, process.pid) !== undefined; free += 1);
    const all = used + free
    for (const slot of recorder.slots()) {
      if (slot.cgroupId === 7n) recorder.release(slot.index, slot.generation)
    }
    if (all < slots) throw new Error(`${all} slots are left`)
    return true
  })
  recorder.stop()
  t.comment(
    JSON.stringify({ seed, kills, tookMs, recording: killed, containers: ids.length, ...compared })
  )
})
