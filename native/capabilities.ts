import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { NativeUnavailable } from './addon.js'
import { type Capability, capability, type CapabilityName } from './capability-table.js'
import { nativeBuild } from './paths.js'
import { openRecorder, reasonOf } from './recorder.js'
import type { Recorder, SelfTest } from './types.js'

/** Room for the neighbours that are met meanwhile: the probe's own children must find a slot. */
const slots = 256
const refusedCalls = 500
const bpfFolder = '/sys/fs/bpf'
const patienceMs = 2000

function probePath(): string {
  const path = nativeBuild('secco-probe')
  if (!existsSync(path)) throw new NativeUnavailable('it is not built: run `make -C native`')
  return path
}

/** Runs one of the probe's modes that answer "ok" or a reason; undefined: it works. */
async function tryProbe(mode: string, ...args: string[]): Promise<string | undefined> {
  const child = spawn(probePath(), [mode, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  const said = (out.trim() === '' ? err : out).trim()
  if (child.exitCode === 0 && said === 'ok') return undefined
  return said === '' ? `the trial ended with ${child.exitCode ?? child.signalCode ?? ''}` : said
}

/** A child of the probe that has said its first line and goes on when it is told to. */
async function startProbe(mode: string, ...args: string[]) {
  const child = spawn(probePath(), [mode, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
  const ended = once(child, 'close')
  ended.catch(() => undefined)
  child.stdin.on('error', () => undefined)
  await once(child, 'spawn')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const first = (await lines.next()) as IteratorResult<string, undefined>
  const numbers = (first.value ?? '').split(' ').map(Number)
  if (numbers.some(Number.isNaN) || first.value === undefined) {
    throw new Error(first.value ?? 'the trial ended without a word')
  }
  return { pid: child.pid ?? 0, numbers, go: () => child.stdin.end('g'), child, ended }
}

/** A sleeping child's call must be readable while it sleeps in it. */
async function tryBlockedCalls(): Promise<string | undefined> {
  const { pid, numbers, child, ended } = await startProbe('wait')
  try {
    const until = performance.now() + patienceMs
    let said = ''
    while (performance.now() < until) {
      said = await readFile(`/proc/${pid}/task/${pid}/syscall`, 'utf8')
      if (Number(said.split(' ')[0]) === numbers[0]) return undefined
      await delay(1)
    }
    return `/proc/PID/task/TID/syscall says ${JSON.stringify(said.trim())}`
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** Refused calls must be counted one by one; arguments and details are noted where the build can. */
async function tryRefused(recorder: Recorder): Promise<{ denials: Capability; args: Capability }> {
  const { pid, numbers, go, ended } = await startProbe('refused', String(refusedCalls))
  const [mntns, getsid = -1, personality = -1] = numbers
  try {
    const slot = recorder.slots().find((one) => one.mntns === mntns && one.pid === pid)
    if (slot === undefined) throw new Error('the filtered child was not seen')
    const { index, generation } = slot
    recorder.watchDenials(index, generation, { native: [getsid], compat: [], x32: [] })
    go()
    await ended
    const counted = recorder.read(index, generation)?.native.get(getsid) ?? 0
    const detail = recorder
      .denials()
      .find((one) => one.index === index && one.generation === generation && one.nr === getsid)
    const noted = recorder.readArguments(index, generation)?.values.map((value) => value.nr) ?? []
    recorder.release(index, generation)
    const told =
      detail === undefined
        ? 'without process and errno'
        : `with process and errno: ${detail.comm}, ${detail.result}`
    return {
      denials:
        counted === refusedCalls
          ? capability('denials', undefined, told)
          : capability('denials', `counted ${counted} of ${refusedCalls} refused calls`),
      args: noted.includes(personality)
        ? capability('record-arguments')
        : capability('record-arguments', 'a value that was passed was not noted')
    }
  } finally {
    go()
    await ended
  }
}

function exactOr(test: SelfTest, misses: number): string | undefined {
  if (!test.ok) return `counted ${test.counted} of ${test.expected} marker calls`
  return misses > 0 ? `the kernel skipped the hook ${misses} times` : undefined
}

/** What a recorder has shown to do. */
export interface Proof {
  /** record, record-arguments, denials */
  capabilities: Capability[]
  /** Its self-test, where that could be run. */
  test?: SelfTest
}

async function tryAttached(recorder: Recorder): Promise<Required<Proof>> {
  const test = await recorder.selfTest()
  const inexact = exactOr(test, recorder.counters().recursionMisses)
  if (inexact !== undefined) throw new Error(inexact)
  const recorded = capability('record', undefined, `hook ${recorder.hook}`)
  try {
    const { denials, args } = await tryRefused(recorder)
    return { capabilities: [recorded, args, denials], test }
  } catch (error) {
    const reason = reasonOf(error)
    const others = [capability('record-arguments', reason), capability('denials', reason)]
    return { capabilities: [recorded, ...others], test }
  }
}

function noRecorder(reason: string): Capability[] {
  return [
    capability('record', reason),
    capability('record-arguments', 'nothing is recorded'),
    capability('denials', 'nothing is recorded')
  ]
}

/**
 * Tries a recorder that is in use, on children of its own; it is attached afterwards. To be called before
 * anybody takes its slots: the children's are given back. Never rejects.
 */
export async function proveRecorder(recorder: Recorder): Promise<Proof> {
  try {
    recorder.attach()
    return await tryAttached(recorder)
  } catch (error) {
    return { capabilities: noRecorder(reasonOf(error)) }
  }
}

/** Attaches with the better hook that loads and counts; the other one is tried where it does not. */
async function tryRecorder(): Promise<Capability[]> {
  const reasons: string[] = []
  for (const hook of ['tp_btf', 'raw_tp'] as const) {
    try {
      const recorder = openRecorder({ hook, slots })
      try {
        recorder.attach()
        return (await tryAttached(recorder)).capabilities
      } finally {
        recorder.stop()
      }
    } catch (error) {
      const reason = reasonOf(error)
      if (!reasons.includes(reason)) reasons.push(reason)
    }
  }
  return noRecorder(reasons[0] ?? 'no hook')
}

async function tryOne(
  name: CapabilityName,
  attempt: () => Promise<string | undefined>
): Promise<Capability> {
  try {
    return capability(name, await attempt())
  } catch (error) {
    return capability(name, reasonOf(error))
  }
}

/**
 * Tries everything that this kernel may give, by doing it on children of its own, and undoes it.
 * Takes about half a second; never rejects. In the order of {@link capabilityNames}.
 * @param proven what a recorder in use has shown already: none is loaded for that then.
 */
export async function probeCapabilities(proven?: Proof): Promise<Capability[]> {
  const recorded = proven?.capabilities ?? (await tryRecorder())
  const others = await Promise.all([
    tryOne('blocked-calls', tryBlockedCalls),
    tryOne('audit-log', () => tryProbe('audit')),
    tryOne('read-filter', () => tryProbe('read-filter')),
    tryOne('pin', () => tryProbe('pin', bpfFolder)),
    tryOne('iter-task', () => tryProbe('iter', nativeBuild('iter-task.bpf.o')))
  ])
  return [...recorded, ...others]
}
