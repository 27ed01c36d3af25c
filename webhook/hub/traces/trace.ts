import type { SyscallCount, TraceCounts } from '../../../src/api/gen/hub.js'
import { type ErrorCode, errorKinds, SeccoError } from '../../../src/lib/errors.js'

/** TraceTarget is the container that a trace counts, as the hub knew it at the start. */
export interface TraceTarget {
  /** Unique for one run in the fleet. */
  key: string
  node: string
  /** The id that its runtime gave it. */
  id: string
  namespace: string
  workload: string
  pod: string
  name: string
  image: string
  state: string
  /** `namespace/name` of the profile that its calls are learned into; empty without one. */
  profile: string
}

/** CountedCall is one syscall of a trace. */
export interface CountedCall {
  abi: string
  name: string
  /** Since the container began, or was first seen where the trace is not complete. */
  total: number
  /** Since the trace started. */
  since: number
  /** Calls per second, by the messages of the last seconds: one alone has often none of a call that is made. */
  rate: number
  /** In ms; the start of the trace for calls that were made before. */
  firstSeen: number
  /** Made before the trace started. */
  before: boolean
}

/** RunningTrace is a trace as pages and API see it, also after its end. */
export interface RunningTrace {
  readonly id: string
  readonly target: TraceTarget
  /** The user who started it. */
  readonly by: string
  /** In ms: when its node began to count for it. */
  readonly startedAt: number
  readonly ended: boolean
  /** Why it ended, if nobody stopped it. */
  readonly problem: string
  /** Whether its node is connected; otherwise the counts are those of the last message. */
  readonly connected: boolean
  readonly complete: boolean
  readonly lost: number
  /** Also what is denied on purpose: `detail.expected`. */
  readonly denied: readonly SyscallCount[]
  /** All calls per second, as those of each call. */
  readonly rate: number
  /** All calls per second, one number for each message, the newest last. */
  readonly rates: readonly number[]
  calls(): CountedCall[]
}

/** Calls that a trace keeps: no kernel has so many, but a message can hold anything. */
const mostCalls = 4096
const longestName = 64
/** Messages come twice a second: a minute of them. */
const mostRates = 120
/** Rates are of so many messages: five seconds. */
const rateMessages = 10

interface Counter extends Omit<CountedCall, 'rate'> {
  /** How many calls the newest messages added. */
  recent: Added[]
}

interface Added {
  message: number
  added: number
}

/** Notes what a message added. */
function noteAdded(recent: Added[], message: number, added: number): void {
  if (added > 0) recent.push({ message, added })
  if (recent.length > rateMessages) recent.shift()
}

/** Trace counts from its first message on: that message has what was counted before the start. */
export class Trace implements RunningTrace {
  readonly id: string
  readonly target: TraceTarget
  readonly by: string
  /** Id on the stream: not the id of another hub, or of this one before a restart. */
  readonly wireId: string
  readonly rates: number[] = []
  readonly listeners = new Set<() => void>()
  startedAt: number
  ended = false
  problem = ''
  failure: SeccoError | undefined
  complete = false
  lost = 0
  denied: readonly SyscallCount[] = []
  connected = true
  /** Somebody has stopped it, and its last counts are on their way: its lease must not be renewed. */
  stopping = false
  /** When its node was lost. */
  lostAt = 0
  /** When somebody last asked for it, in ms. */
  viewedAt: number
  readonly #calls = new Map<string, Counter>()
  #messages = 0
  #reportedAt = 0
  /** How long each of the newest messages is about. */
  readonly #seconds: number[] = []
  readonly #added: Added[] = []

  constructor(given: { id: string; wireId: string; target: TraceTarget; by: string }, now: number) {
    this.id = given.id
    this.wireId = given.wireId
    this.target = given.target
    this.by = given.by
    this.startedAt = now
    this.viewedAt = now
  }

  /** Whether its node has begun to count for it. */
  get began(): boolean {
    return this.#messages > 0
  }

  take(counts: TraceCounts, now: number): void {
    if (counts.code !== '') {
      this.end(failureOf(counts), now)
      return
    }
    if (!this.began) this.startedAt = now
    const seconds = this.began ? Math.max(0.001, (now - this.#reportedAt) / 1000) : 0
    if (seconds > 0) this.#seconds.push(seconds)
    if (this.#seconds.length > rateMessages) this.#seconds.shift()
    this.#reportedAt = now
    this.#messages += 1
    let added = 0
    for (const call of counts.calls) added += this.#count(call, now)
    noteAdded(this.#added, this.#messages, added)
    if (seconds > 0) this.rates.push(added / seconds)
    if (this.rates.length > mostRates) this.rates.shift()
    this.denied = counts.denied.slice(0, mostCalls)
    this.complete = counts.complete
    this.lost = counts.lost
    if (counts.ended) this.end(undefined, now)
    else this.changed()
  }

  /** Ends it; only the first end counts. */
  end(failure: SeccoError | undefined, now: number): void {
    if (this.ended) return
    this.ended = true
    this.failure = failure
    this.problem = failure?.message ?? ''
    this.viewedAt = now
    this.changed()
  }

  changed(): void {
    for (const listener of [...this.listeners]) listener()
  }

  calls(): CountedCall[] {
    return [...this.#calls.values()].map(({ recent, ...call }) => ({
      ...call,
      rate: this.#rateOf(recent)
    }))
  }

  get rate(): number {
    return this.#rateOf(this.#added)
  }

  #rateOf(recent: readonly Added[]): number {
    const seconds = this.#seconds.reduce((sum, one) => sum + one, 0)
    if (seconds === 0 || this.ended) return 0
    const first = this.#messages - this.#seconds.length
    const added = recent.reduce((sum, one) => (one.message > first ? sum + one.added : sum), 0)
    return added / seconds
  }

  /** Returns how many calls the message added. */
  #count({ abi, name, count }: TraceCounts['calls'][number], now: number): number {
    const key = `${abi} ${name}`
    const known = this.#calls.get(key)
    if (known === undefined) {
      if (this.#calls.size >= mostCalls || key.length > longestName) return 0
      const before = this.#messages === 1
      const since = before ? 0 : count
      const firstSeen = before ? this.startedAt : now
      const counter = { abi, name, total: count, since, firstSeen, before }
      const recent: Added[] = []
      noteAdded(recent, this.#messages, since)
      this.#calls.set(key, { ...counter, recent })
      return since
    }
    // A satellite that was started again has lost what ended before: then nothing is known to be added.
    const added = Math.max(0, count - known.total)
    known.total = count
    known.since += added
    noteAdded(known.recent, this.#messages, added)
    return added
  }
}

function failureOf({ code, message }: TraceCounts): SeccoError {
  const known = Object.hasOwn(errorKinds, code) ? (code as ErrorCode) : 'UNAVAILABLE'
  return new SeccoError(known, message.slice(0, 512))
}
