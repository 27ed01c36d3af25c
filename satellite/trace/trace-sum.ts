import {
  type Observation,
  SyscallCount,
  type TraceCounts,
  type TracedCall
} from '../../src/api/gen/hub.js'
import { isLearned } from './trace-report.js'

type Counted = Pick<Observation, 'abis' | 'denied' | 'part' | 'complete'>

/** Counts by `ABI name`. */
type Counts = Map<string, TracedCall>
type Denials = Map<string, SyscallCount>

function addCalls(sum: Counts, { abis, part }: Counted): void {
  if (!isLearned({ part })) return
  for (const { abi, syscalls } of abis) {
    for (const { name, count } of syscalls) {
      const key = `${abi} ${name}`
      sum.set(key, { abi, name, count: count + (sum.get(key)?.count ?? 0) })
    }
  }
}

function addDenials(sum: Denials, { denied }: Counted): void {
  for (const { name, action, count, detail } of denied) {
    const expected = detail?.expected === true
    const key = `${name} ${action} ${expected}`
    const total = count + (sum.get(key)?.count ?? 0)
    // What is denied on purpose is no alarm, but no call that a profile learns either.
    const note = expected ? { detail: { expected } } : {}
    sum.set(key, SyscallCount.fromPartial({ name, action, count: total, ...note }))
  }
}

/**
 * TraceSum adds up the observations of one container: each mount namespace and each exec in it has its own. Those that
 * ended are kept as sums, because a trace may take days and a probe run every second.
 */
export class TraceSum {
  readonly #calls: Counts = new Map()
  readonly #denied: Denials = new Map()
  #complete = true
  /** What the hub has, so that only changes are sent. */
  readonly #sent = new Map<string, number>()
  #sawLive = false

  /** Takes the last observation of a part that ended. */
  addEnded(observation: Counted): void {
    this.#sawLive = true
    addCalls(this.#calls, observation)
    addDenials(this.#denied, observation)
    this.#complete &&= observation.complete
  }

  /** Whether the container ran and no part of it does any more. */
  hasEnded(live: readonly Counted[]): boolean {
    if (live.length > 0) this.#sawLive = true
    return this.#sawLive && live.length === 0
  }

  /** Returns what changed since the last message. @param live what the running parts have counted now */
  next(live: readonly Counted[]): Pick<TraceCounts, 'calls' | 'denied' | 'complete'> {
    const all: Counts = new Map(this.#calls)
    const denied: Denials = new Map(this.#denied)
    for (const one of live) {
      addCalls(all, one)
      addDenials(denied, one)
    }
    const calls: TracedCall[] = []
    for (const [key, call] of all) {
      if (this.#sent.get(key) === call.count) continue
      this.#sent.set(key, call.count)
      calls.push(call)
    }
    const complete = this.#complete && live.every((one) => one.complete)
    return { calls, denied: [...denied.values()], complete }
  }

  /** The hub has nothing of this trace: the next message has every call. */
  restart(): void {
    this.#sent.clear()
  }
}
