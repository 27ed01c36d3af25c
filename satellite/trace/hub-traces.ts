import { type Observation, type StartTrace, TraceCounts } from '../../src/api/gen/hub.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { type Clock, Worker } from '../../src/lib/worker.js'
import type { Container } from '../containers/runtime.js'
import { lostIn } from './trace-report.js'
import { TraceSum } from './trace-sum.js'
import type { TracedRecording } from './traces.js'

/** Time between two readings while a trace runs: what changes in it is one message. */
const everyMs = 500
/** Traces that run at once: each costs a reading of its container's counts twice a second. */
export const mostTraces = 20
/** A hub that asks for less than this would end its own traces. */
const shortestLeaseMs = 1000
const longestLeaseMs = 600_000

export interface HubTracesOptions {
  recording: TracedRecording
  /** Every container that runs or ran lately. */
  containers: () => readonly Pick<Container, 'id' | 'pid'>[]
  /** Sends a message to the hub; returns false without a connection. */
  send: (counts: TraceCounts) => boolean
  logger: Logger
  clock?: Clock
}

/** A trace that the hub has started. */
interface HubTrace {
  id: string
  container: string
  leaseUntil: number
  sum: TraceSum
  /** Lets the recorder detach; undefined until it is attached. */
  release: (() => void) | undefined
  /** The hub has stopped it: the next message is the last one. */
  stopped: boolean
  /** Once the trace is over: its last message, for a hub that was not connected then. */
  last: TraceCounts | undefined
}

/**
 * HubTraces runs the traces that the hub has asked for over its stream. A trace ends when the hub stops it or does not
 * renew its lease, and when its container ends. It does not end with the stream: the next one goes on with it.
 */
export class HubTraces {
  readonly #options: HubTracesOptions
  readonly #now: () => number
  readonly #traces = new Map<string, HubTrace>()
  readonly #worker: Worker
  #closed = false

  constructor(options: HubTracesOptions) {
    const { logger, clock } = options
    this.#options = options
    this.#now = () => clock?.now() ?? performance.now()
    this.#worker = new Worker(() => this.#report(), {
      delayMs: everyMs,
      unref: true,
      onError: (error) => logger.error({ err: error }, 'traces could not be reported'),
      ...(clock === undefined ? {} : { clock })
    })
  }

  /** Number of traces that run. */
  get running(): number {
    return [...this.#traces.values()].filter(({ last }) => last === undefined).length
  }

  /** Starts a trace, or renews its lease. */
  start({ id, container, leaseMs }: StartTrace): void {
    if (this.#closed) return
    const lease = Math.min(Math.max(leaseMs, shortestLeaseMs), longestLeaseMs)
    const leaseUntil = this.#now() + lease
    const known = this.#traces.get(id)
    if (known !== undefined) {
      known.leaseUntil = leaseUntil
      if (known.last !== undefined) this.#options.send(known.last)
      return
    }
    if (this.running >= mostTraces) {
      const message = `${mostTraces} traces run on this node already`
      this.#options.send(endOf(id, new SeccoError('UNAVAILABLE', message)))
      return
    }
    const sum = new TraceSum()
    const trace: HubTrace = {
      ...{ id, container, leaseUntil, sum, stopped: false, release: undefined, last: undefined }
    }
    this.#traces.set(id, trace)
    this.#options.logger.info({ trace: id, container }, 'trace started')
    void this.#attach(trace)
  }

  /** Ends a trace with its last counts. */
  stop(id: string): void {
    const trace = this.#traces.get(id)
    if (trace === undefined) return
    if (trace.release === undefined) {
      this.#drop(trace, 'stopped by the hub')
      return
    }
    trace.stopped = true
    void this.#worker.runNow()
  }

  /** Takes every observation: parts of a container that end between two readings count too. */
  observed(observation: Observation): void {
    if (!observation.ended) return
    for (const trace of this.#traces.values()) {
      if (observation.container?.id !== trace.container || trace.last !== undefined) continue
      trace.sum.addEnded(observation)
    }
  }

  /** A hub accepted this node: it gets every call of its traces again. */
  welcome(): void {
    for (const { sum } of this.#traces.values()) sum.restart()
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const trace of this.#traces.values()) this.#drop(trace, 'the satellite ends')
    await this.#worker.close()
  }

  async #attach(trace: HubTrace): Promise<void> {
    const { recording } = this.#options
    try {
      if (recording.losses() === undefined) {
        throw new SeccoError('TRACING_UNAVAILABLE', recording.problem)
      }
      const release = await recording.hold()
      // The trace may have been stopped meanwhile.
      if (this.#traces.get(trace.id) === trace) trace.release = release
      else release()
      await this.#worker.runNow()
    } catch (error) {
      this.#end(trace, endOf(trace.id, toSeccoError(error)))
    }
  }

  /** Reads the counts of all traced containers at once and sends what changed. */
  async #report(): Promise<void> {
    try {
      this.#dropLapsed()
      const ready = [...this.#traces.values()].filter(({ release }) => release !== undefined)
      if (ready.length === 0) return
      const wanted = new Set(ready.map(({ container }) => container))
      const all = await this.#options.recording.current(({ id }) => wanted.has(id))
      for (const trace of ready) {
        // It may have been dropped while the counts were read.
        if (this.#traces.get(trace.id) !== trace) continue
        const live = all.filter(({ container }) => container?.id === trace.container)
        this.#send(trace, live)
      }
    } finally {
      if (this.#traces.size > 0 && !this.#closed) this.#worker.request()
    }
  }

  #send(trace: HubTrace, live: readonly Observation[]): void {
    const { id, sum } = trace
    const ended = sum.hasEnded(live)
    if (!ended && live.length === 0 && !this.#isRunning(trace)) {
      const message = `container ${trace.container} does not run on this node`
      this.#end(trace, endOf(id, new SeccoError('CONTAINER_NOT_FOUND', message)))
      return
    }
    const next = sum.next(live)
    const lost = lostIn(this.#options.recording.losses())
    const complete = next.complete && lost === 0
    const counts = TraceCounts.fromPartial({ ...next, id, lost, complete, ended })
    if (trace.stopped) {
      this.#options.send({ ...counts, ended: true })
      this.#drop(trace, 'stopped by the hub')
    } else if (ended) this.#end(trace, counts)
    else if (!this.#options.send(counts)) sum.restart()
  }

  #isRunning({ container }: HubTrace): boolean {
    return this.#options.containers().some(({ id, pid }) => id === container && pid > 0)
  }

  /** Ends a trace, and keeps its last message until the hub has had the time to ask for it again. */
  #end(trace: HubTrace, last: TraceCounts): void {
    trace.release?.()
    trace.release = undefined
    if (!this.#options.send(last)) {
      // What an earlier message had may not have arrived either.
      trace.sum.restart()
      trace.last = { ...last, calls: trace.sum.next([]).calls }
    } else trace.last = last
    this.#options.logger.info({ trace: trace.id, code: last.code }, 'trace ended')
  }

  #drop(trace: HubTrace, reason: string): void {
    trace.release?.()
    trace.release = undefined
    this.#traces.delete(trace.id)
    if (trace.last === undefined) {
      this.#options.logger.info({ trace: trace.id, reason }, 'trace ended')
    }
  }

  #dropLapsed(): void {
    const now = this.#now()
    for (const trace of this.#traces.values()) {
      if (trace.leaseUntil <= now) this.#drop(trace, 'nobody watches it any more')
    }
  }
}

function endOf(id: string, { code, message }: SeccoError): TraceCounts {
  return TraceCounts.fromPartial({ id, ended: true, code, message })
}
