/*
 * Runs inside a guest: what the recorder promises, on the kernel that is running here. One JSON object
 * a line on stdout: {"check", "ok", "detail"}. Arguments: folder with the compiled programs, checks to run.
 */
import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { isDeepStrictEqual, promisify } from 'node:util'
import { join } from 'node:path'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { launchCommand } from '../../native/launcher.js'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder, RecorderOptions, SlotCounts } from '../../native/types.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import { runcRuntime } from '../../satellite/containers/runc.js'
import { startRecorderLoop } from '../../satellite/recorder/recorder-loop.js'
import type { Observation } from '../../src/api/gen/hub.js'
import { createLogger } from '../../src/lib/log.js'
import { inPod, proofInPod, startAsPod } from '../helpers/as-pod.js'
import { quiet } from '../helpers/quiet.js'
import { makeBundle } from '../helpers/runc-bundle.js'

const execute = promisify(execFile)
const [programs = '', ...wanted] = process.argv.slice(2)
const calls = join(programs, 'calls')
// x86-64 numbers that the programs call.
const nr = { getpriority: 140, getsid: 124, execve: 59, execveat: 322, getpid: 39, socket: 41 }

/** Throws what is wrong; returns what is worth to be told. */
type Check = () => Promise<string>

function expect(what: string, got: unknown, expected: unknown): void {
  if (isDeepStrictEqual(got, expected)) return
  throw new Error(`${what}: ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`)
}

async function withRecorder(
  hook: Recorder['hook'],
  use: (recorder: Recorder) => Promise<string>,
  options: RecorderOptions = {}
): Promise<string> {
  const recorder = openRecorder({ ...options, hook })
  try {
    recorder.attach()
    expect('hook', recorder.hook, hook)
    return await use(recorder)
  } finally {
    recorder.stop()
  }
}

/** A command's counts, from its first instruction to its end. */
async function counted(recorder: Recorder, command: readonly string[]): Promise<SlotCounts> {
  const launched = await launchCommand(command, { filter: true, stdio: 'ignore' })
  launched.go()
  await launched.ended
  const slot = recorder.slots().find((one) => one.pid === launched.pid)
  const counts = slot && recorder.read(slot.index, slot.generation)
  if (slot === undefined || counts === undefined)
    throw new Error(`no slot for ${command.join(' ')}`)
  if (!slot.complete) throw new Error(`${command.join(' ')} is not complete`)
  recorder.release(slot.index, slot.generation)
  return counts
}

async function selfTest(recorder: Recorder): Promise<string> {
  const result = await recorder.selfTest()
  expect('marker calls', result.counted, result.expected)
  expect('recursion misses', recorder.counters().recursionMisses, 0)
  return `${result.counted} of ${result.expected}`
}

/** A socket that is denied for its family, and one that is not. */
async function byArguments(recorder: Recorder): Promise<string> {
  const command = [calls, 'meet-values', '0']
  const launched = await launchCommand(command, { filter: true, stdio: 'pipe' })
  const { stdin, stdout } = launched.process
  if (stdin === null || stdout === null) throw new Error('no pipes')
  const ready = once(stdout, 'data')
  launched.go()
  await ready
  const slot = recorder.slots().find((one) => one.pid === launched.pid)
  if (slot === undefined) throw new Error('no slot')
  const deciding = {
    calls: [{ abi: 'native', nr: nr.socket, asked: 1 }],
    anyResult: false
  } as const
  const none = { native: [], compat: [], x32: [] }
  recorder.watchDenials(slot.index, slot.generation, none, deciding)
  stdin.write('g')
  await launched.ended
  const told = recorder.denials(slot).map((one) => [one.arguments?.[0], one.count, one.result])
  expect('told apart by arguments', String(told), '16,1,-1')
  recorder.release(slot.index, slot.generation)
  return 'by arguments 1'
}

const asPod: Check = async () => {
  const pod = await startAsPod({ calls, script: inPod.proof, before: ['unshare', '--cgroup'] })
  const found = (await pod.next()) as typeof proofInPod
  await pod.end()
  const works = found.capabilities.map(({ name, works }) => ({ name, works }))
  expect('proof', { ...found, capabilities: works }, proofInPod)
  return `${found.test.counted} of ${found.test.expected}`
}

const denials: Check = () =>
  withRecorder('tp_btf', async (recorder) => {
    const told: string[] = []
    for (const [action, args, count] of [
      ['ERRNO', ['errno', '321'], 321],
      ['LOG', ['log', '123'], 123],
      ['TRAP', ['trap', '77'], 77],
      ['KILL_PROCESS', ['kill'], 1],
      ['KILL_THREAD', ['kill-thread'], 1]
    ] as const) {
      expect(action, (await counted(recorder, [calls, ...args])).native.get(nr.getsid), count)
      told.push(`${action} ${count}`)
    }
    told.push(await byArguments(recorder))
    return told.join(', ')
  })

/** As on a machine with more CPUs than a slot has rows. */
const sharedCounters: Check = () =>
  withRecorder(
    'tp_btf',
    async (recorder) => {
      const { native } = await counted(recorder, [calls, 'threads', '20000', '8'])
      expect('getpriority of 8 threads', native.get(nr.getpriority), 160_000)
      return selfTest(recorder)
    },
    { stripes: 1 }
  )

const abis: Check = () =>
  withRecorder('tp_btf', async (recorder) => {
    const compat = await counted(recorder, [calls, 'compat', '55'])
    expect('i386 getpid', compat.compat.get(20), 55)
    expect('x86-64 writev, which has its number', compat.native.get(20), undefined)
    const x32 = await counted(recorder, [calls, 'x32', '33'])
    expect('x32 getpid', x32.x32.get(nr.getpid), 33)
    return 'i386 55, x32 33'
  })

const strace: Check = () =>
  withRecorder('tp_btf', async (recorder) => {
    const command = ['bash', '-c', 'ls / | sort | head -3']
    const log = `/tmp/secco-strace-${process.pid}`
    await execute('strace', ['-f', '-n', '-o', log, ...command])
    const seen = new Set<number>()
    for (const line of (await readFile(log, 'utf8')).split('\n')) {
      const number = /resumed>|\+\+\+|---/.test(line) ? undefined : /^\d+ +\[ *(\d+)\]/.exec(line)
      if (number !== null && number !== undefined) seen.add(Number(number[1]))
    }
    await rm(log)
    const { native } = await counted(recorder, command)
    expect(
      'seen by strace only',
      [...seen].filter((one) => !native.has(one)),
      []
    )
    return `${native.size} syscalls, strace ${seen.size}`
  })

interface Wanted {
  name: string
  own: string
  filter: boolean
}

const root = '/run/secco-runc'

/** @param last the container stays until it is killed */
async function runContainer({ name, own, filter }: Wanted, last = false): Promise<void> {
  const args = ['/probe', own, ...(last ? ['wait'] : [])]
  const bundle = await makeBundle(join(programs, 'rootfs'), { args })
  if (!filter) {
    const path = join(bundle, 'config.json')
    const config = JSON.parse(await readFile(path, 'utf8')) as { linux: { seccomp?: unknown } }
    delete config.linux.seccomp
    await writeFile(path, JSON.stringify(config))
  }
  const ran = execute('runc', ['--root', root, 'run', '--bundle', bundle, name])
  // Killed, it ends with 137.
  await (last ? ran.catch(() => undefined) : ran)
}

/** Runs containers under the satellite's own loop: each named, complete, with its own calls and nobody else's. */
async function learned(
  all: readonly Wanted[],
  start: (lasting: boolean) => Promise<void>,
  lasting = false
): Promise<string> {
  const logger = createLogger('guest', quiet)
  const registry = openRegistry([runcRuntime([root])], logger)
  const ended = new Map<string, Observation>()
  const news = new EventEmitter()
  const loop = await startRecorderLoop({
    recorder: openRecorder({ hook: 'tp_btf' }),
    registry,
    node: 'guest',
    bootId: 'guest',
    machine: 'x86_64',
    logger,
    onObservation: (one) => {
      const name = one.container?.name ?? ''
      // Seen and named: it may end.
      if (lasting && !one.ended)
        void execute('runc', ['--root', root, 'kill', name, 'KILL']).catch(() => undefined)
      if (!one.ended) return
      ended.set(name, one)
      news.emit('ended')
    }
  })
  try {
    await start(lasting)
    const patience = AbortSignal.timeout(120_000)
    while (ended.size < all.length && !patience.aborted) {
      await once(news, 'ended', { signal: patience }).catch(() => undefined)
    }
  } finally {
    await loop.stop()
    registry.close()
  }
  const names = all.map(({ name }) => name).sort()
  expect('named', [...ended.keys()].sort(), names)
  for (const { name, own, filter } of all) {
    const one = ended.get(name)
    const syscalls = one?.abis.find(({ abi }) => abi === 'x86_64')?.syscalls ?? []
    const native = new Map(syscalls.map((call) => [call.name, call.count]))
    expect(`${name} has a filter`, one?.filtered, filter)
    expect(`${name} is complete`, one?.complete, true)
    expect(`${name}: ${own}`, native.get(own), 1)
    for (const { own: other } of all.filter((neighbour) => neighbour.own !== own)) {
      expect(`${name}: ${other}, the neighbour's`, native.get(other), undefined)
    }
    expect(`${name}: pivot_root, the runtime's`, native.get('pivot_root'), undefined)
  }
  return names.join(', ')
}

const sideBySide = (last: boolean): Promise<string> => {
  const all = [
    { name: 'filtered', own: 'getsid', filter: true },
    { name: 'unfiltered', own: 'getpriority', filter: false }
  ]
  return learned(
    all,
    async (lasting) => {
      await Promise.all(all.map((one) => runContainer(one, lasting)))
    },
    last
  )
}

/** The mount namespace's number comes again at once: only what else is known tells them apart. */
const oneAfterTheOther = (last: boolean): Promise<string> => {
  const all = [
    { name: 'first', own: 'getsid', filter: true },
    { name: 'second', own: 'getpriority', filter: true },
    { name: 'third', own: 'getpgid', filter: false }
  ]
  return learned(
    all,
    async (lasting) => {
      for (const one of all) await runContainer(one, lasting)
    },
    last
  )
}

const checks: Record<string, Check> = {
  'tp_btf self-test': () => withRecorder('tp_btf', selfTest),
  'raw_tp self-test': () =>
    withRecorder('raw_tp', async (recorder) => {
      const told = await selfTest(recorder)
      const { native } = await counted(recorder, [calls, 'native', '42'])
      expect('getpriority', native.get(nr.getpriority), 42)
      return told
    }),
  'with the rights of a pod': asPod,
  'shared counters': sharedCounters,
  'denials by count': denials,
  'ABIs apart': abis,
  'no less than strace': strace,
  'runc, side by side': () => sideBySide(false),
  'runc, one after the other': () => oneAfterTheOther(false),
  'runc, lasting, side by side': () => sideBySide(true),
  'runc, lasting, one by one': () => oneAfterTheOther(true)
}

for (const name of wanted) {
  const check = checks[name]
  if (check === undefined) throw new Error(`there is no check ${name}`)
  let outcome: { ok: boolean; detail: string }
  try {
    outcome = { ok: true, detail: await check() }
  } catch (error) {
    outcome = { ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
  process.stdout.write(`${JSON.stringify({ check: name, ...outcome })}\n`)
}
