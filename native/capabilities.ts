import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { NativeUnavailable } from './addon.js'
import { type Capability, capability, type CapabilityName } from './capability-table.js'
import { reasonOf } from './failure-reason.js'
import { startHeld } from './held-child.js'
import { nativeBuild } from './paths.js'
import { openRecorder } from './recorder.js'
import type { Recorder, SelfTest } from './types.js'

/** Room for other containers that are seen meanwhile: the probe's own children must find a slot. */
const slots = 256
const deniedCalls = 500
const bpfFolder = '/sys/fs/bpf'
const patienceMs = 2000

function probePath(): string {
  const path = nativeBuild('secco-probe')
  if (!existsSync(path)) throw new NativeUnavailable('it is not built: run `make -C native`')
  return path
}

/** Runs a mode of the probe that prints "ok" or a reason. Resolves with the reason, or undefined if it works. */
async function tryProbe(mode: string, ...args: string[]): Promise<string | undefined> {
  const child = spawn(probePath(), [mode, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  const output = (out.trim() === '' ? err : out).trim()
  if (child.exitCode === 0 && output === 'ok') return undefined
  return output === '' ? `the trial ended with ${child.exitCode ?? child.signalCode ?? ''}` : output
}

/** CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (capabilities(7)): files of other users can be read. */
const readsOthers = 0b110n

/** Returns why only processes of the same user can be read; undefined if all can (proc_pid_syscall(5): mode 0400). */
async function whyOnlyOwn(): Promise<string | undefined> {
  const status = await readFile('/proc/self/status', 'utf8')
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return (effective & readsOthers) === 0n
    ? 'of other users, without CAP_DAC_READ_SEARCH'
    : undefined
}

/** Tries to read the call in which a child sleeps, and whether that of another user's process could be read. */
async function tryBlockedCalls(): Promise<string | undefined> {
  const child = await startHeld(probePath(), ['wait'])
  const { pid, numbers } = child
  try {
    const until = performance.now() + patienceMs
    let content = ''
    while (performance.now() < until) {
      content = await readFile(`/proc/${pid}/task/${pid}/syscall`, 'utf8')
      if (Number(content.split(' ')[0]) === numbers[0]) return await whyOnlyOwn()
      await delay(1)
    }
    return `/proc/PID/task/TID/syscall has ${JSON.stringify(content.trim())}`
  } finally {
    await child.kill()
  }
}

/** Tries on a filtered child whether denied calls are counted one by one, and arguments are noted. */
async function tryDenials(recorder: Recorder): Promise<{ denials: Capability; args: Capability }> {
  const child = await startHeld(probePath(), ['denied', String(deniedCalls)])
  const { pid } = child
  const [mntns = 0, marker = -1, withValue = -1, value = -1] = child.numbers
  const find = () => recorder.slots().find((one) => one.mntns === mntns && one.pid === pid)
  try {
    recorder.admit({ pid, mntns })
    const answer = await child.go()
    if (answer !== 'ready') throw new Error(answer ?? 'the trial ended without output')
    const slot = find()
    if (slot === undefined) throw new Error('the filtered child was not seen')
    const { index, generation } = slot
    recorder.watchDenials(index, generation, { native: [marker], compat: [], x32: [] })
    await child.go()
    await child.ended
    const counted = recorder.read(index, generation)?.native.get(marker) ?? 0
    const detail = recorder
      .denials()
      .find((one) => one.index === index && one.generation === generation && one.nr === marker)
    const noted = recorder.readArguments(index, generation)?.values ?? []
    const caller =
      detail === undefined
        ? 'without process and errno'
        : `with process and errno: ${detail.comm}, ${detail.result}`
    return {
      denials:
        counted === deniedCalls
          ? capability('denials', undefined, caller)
          : capability('denials', `counted ${counted} of ${deniedCalls} denied calls`),
      args: noted.some((one) => one.nr === withValue && one.value === BigInt(value))
        ? capability('record-arguments')
        : capability('record-arguments', 'a value that was passed was not noted')
    }
  } finally {
    await child.kill()
    const slot = find()
    if (slot !== undefined) recorder.release(slot.index, slot.generation)
  }
}

function exactOr(test: SelfTest | undefined, misses: number): string | undefined {
  if (test?.ok === false) return `counted ${test.counted} of ${test.expected} marker calls`
  return misses > 0 ? `the kernel skipped the hook ${misses} times` : undefined
}

/** What a recorder was seen to do. */
interface Proof {
  /** record, record-arguments, denials */
  capabilities: Capability[]
  /** Its self-test, if that could be run. */
  test?: SelfTest
}

async function tryAttached(recorder: Recorder): Promise<Proof> {
  const { test, untested } = await recorder.selfTest().then(
    (result) => ({ test: result, untested: '' }),
    (error: unknown) => ({ test: undefined, untested: reasonOf(error) })
  )
  const inexact = exactOr(test, recorder.counters().recursionMisses)
  if (inexact !== undefined) throw new Error(inexact)
  const unproven =
    untested === '' ? '' : `; not proven, the self-test could not be run: ${untested}`
  const recorded = capability('record', undefined, `hook ${recorder.hook}${unproven}`)
  const proof = test === undefined ? {} : { test }
  try {
    const { denials, args } = await tryDenials(recorder)
    return { capabilities: [recorded, args, denials], ...proof }
  } catch (error) {
    const reason = reasonOf(error)
    const others = [capability('record-arguments', reason), capability('denials', reason)]
    return { capabilities: [recorded, ...others], ...proof }
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
 * Tries a recorder that is in use on children of this process, and leaves it attached. Call it before anything else
 * reads its slots: those of the children are released again. Never rejects.
 */
export async function proveRecorder(recorder: Recorder): Promise<Proof> {
  try {
    recorder.attach()
    return await tryAttached(recorder)
  } catch (error) {
    return { capabilities: noRecorder(reasonOf(error)) }
  }
}

/** Tries a recorder with the better hook, and with the other one if that does not load or count. */
async function tryRecorder(btf: string | undefined): Promise<Capability[]> {
  const reasons: string[] = []
  for (const hook of ['tp_btf', 'raw_tp'] as const) {
    try {
      const recorder = openRecorder({ hook, slots, btf })
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
 * Tries every capability on children of this process and undoes it. Takes about half a second; never rejects. Resolves
 * with all capabilities in the order of {@link capabilityNames}.
 * @param proven what a recorder in use has shown; no other one is loaded then.
 * @param btf as in RecorderOptions
 */
export async function probeCapabilities(proven?: Proof, btf?: string): Promise<Capability[]> {
  const recorded = proven?.capabilities ?? (await tryRecorder(btf))
  const others = await Promise.all([
    tryOne('blocked-calls', tryBlockedCalls),
    tryOne('audit-log', () => tryProbe('audit')),
    tryOne('read-filter', () => tryProbe('read-filter')),
    tryOne('pin', () => tryProbe('pin', bpfFolder)),
    tryOne('iter-task', () => tryProbe('iter', nativeBuild('iter-task.bpf.o')))
  ])
  return [...recorded, ...others]
}
