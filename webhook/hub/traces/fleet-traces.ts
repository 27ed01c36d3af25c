import { randomBytes } from 'node:crypto'
import type { Hello, TraceCounts } from '../../../src/api/gen/hub.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { encode } from '../stream/outbox.js'
import type { Session } from '../stream/session.js'
import { type RunningTrace, Trace, type TraceTarget } from './trace.js'

/** TraceTiming is in milliseconds. */
export interface TraceTiming {
  /** Time between two renewals of a trace's lease on its node, which is three times as long. */
  traceRenewMs: number
  /** A trace ends when nobody has looked at it for this long. */
  traceViewerMs: number
}

export const traceTiming: TraceTiming = { traceRenewMs: 5000, traceViewerMs: 30_000 }

/** Traces that run at once on one node; a satellite accepts no more either. */
export const mostOfNode = 20
/** Traces that run at once at one hub. */
export const mostOfHub = 100
/** Traces that ended and are still shown. */
const mostEnded = 50
/** A satellite answers within a scan of its node. */
const answerMs = 5000
const stopMs = 2000
/** A trace waits this long for a node that has lost its connection. */
const awayMs = 120_000

/** FleetTracesOptions is what FleetTraces needs of the hub. */
export interface FleetTracesOptions {
  timing: TraceTiming
  logger: Logger
  now?: () => number
}

interface Connected {
  session: Session
  takesTraces: boolean
  version: string
}

/**
 * FleetTraces runs traces of containers on any node over the streams of their satellites. It renews the lease of each
 * trace that somebody watches, and starts it again on the next stream of its node; the counts go on.
 */
export class FleetTraces {
  readonly #options: FleetTracesOptions
  readonly #now: () => number
  readonly #nodes = new Map<string, Connected>()
  readonly #traces = new Map<string, Trace>()
  readonly #prefix = randomBytes(8).toString('hex')
  #next = 1
  #timer: NodeJS.Timeout | undefined

  constructor(options: FleetTracesOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** A satellite has connected: its traces go on. */
  joined(session: Session, { takesTraces, version }: Hello): void {
    this.#nodes.set(session.node, { session, takesTraces, version })
    for (const trace of this.#runningOn(session.node)) {
      trace.connected = true
      if (takesTraces) this.#sendStart(trace)
      else trace.end(tooOld(session.node, version), this.#now())
    }
  }

  left(session: Session): void {
    if (this.#nodes.get(session.node)?.session !== session) return
    this.#nodes.delete(session.node)
    for (const trace of this.#runningOn(session.node)) {
      trace.connected = false
      trace.lostAt = this.#now()
      trace.changed()
    }
  }

  /** Takes what a satellite has counted; a satellite reports only about its own node. */
  reported(session: Session, counts: TraceCounts): void {
    const trace = [...this.#traces.values()].find(({ wireId }) => wireId === counts.id)
    if (trace?.ended === false && trace.target.node === session.node) {
      trace.take(counts, this.#now())
    } else if (!counts.ended) {
      session.outbox.send(encode({ $case: 'stopTrace', value: { id: counts.id } }))
    }
  }

  /**
   * Starts a trace. Resolves when its node counts: what the container does from then on is in it.
   * @param seconds after which it ends by itself; 0: never
   * @throws SeccoError UNAVAILABLE, TRACING_UNAVAILABLE, CONTAINER_NOT_FOUND
   */
  async start(target: TraceTarget, by: string, seconds = 0): Promise<RunningTrace> {
    this.#mustReach(target.node)
    this.#mustHaveRoom(target.node)
    const id = String(this.#next++)
    const wireId = `${this.#prefix}-${id}`
    const trace = new Trace({ id, wireId, target, by }, this.#now())
    this.#traces.set(id, trace)
    this.#sendStart(trace)
    this.#timer ??= setInterval(() => this.#renew(), this.#options.timing.traceRenewMs).unref()
    await settled(trace, () => trace.began || trace.ended, answerMs)
    if (!trace.began) {
      const silent = `node ${target.node}: its satellite did not begin the trace in time`
      this.#end(trace, new SeccoError('UNAVAILABLE', silent))
      this.#traces.delete(id)
      throw trace.failure ?? new SeccoError('UNAVAILABLE', 'the trace was stopped')
    }
    if (seconds > 0) setTimeout(() => void this.stop(id), seconds * 1000).unref()
    const { namespace, pod, name, node } = target
    this.#options.logger.info({ trace: id, user: by, namespace, pod, name, node }, 'trace started')
    return trace
  }

  /** Returns a trace; somebody looks at it. */
  find(id: string): RunningTrace | undefined {
    const trace = this.#traces.get(id)
    if (trace !== undefined) trace.viewedAt = this.#now()
    return trace
  }

  list(): RunningTrace[] {
    return [...this.#traces.values()]
  }

  /** Calls the listener after each change; until the returned function is called, somebody watches the trace. */
  watch(id: string, listener: () => void): () => void {
    const trace = this.#traces.get(id)
    trace?.listeners.add(listener)
    return () => {
      if (trace?.listeners.delete(listener) === true) trace.viewedAt = this.#now()
    }
  }

  /** Ends a trace. Resolves when its last counts have come; without an answer the counts so far stay. */
  async stop(id: string): Promise<void> {
    const trace = this.#traces.get(id)
    if (trace === undefined || trace.ended) return
    const message = encode({ $case: 'stopTrace', value: { id: trace.wireId } })
    trace.stopping = true
    this.#nodes.get(trace.target.node)?.session.outbox.send(message)
    if (trace.connected) await settled(trace, () => trace.ended || !trace.connected, stopMs)
    trace.end(undefined, this.#now())
  }

  close(): void {
    clearInterval(this.#timer)
    for (const trace of this.#traces.values()) {
      this.#end(trace, new SeccoError('UNAVAILABLE', 'the hub is stopping'))
    }
  }

  #running(): Trace[] {
    return [...this.#traces.values()].filter(({ ended }) => !ended)
  }

  #runningOn(node: string): Trace[] {
    return this.#running().filter(({ target }) => target.node === node)
  }

  #sendStart({ wireId, target, stopping }: Trace): void {
    if (stopping) return
    const leaseMs = 3 * this.#options.timing.traceRenewMs
    const value = { id: wireId, container: target.id, leaseMs }
    const message = encode({ $case: 'startTrace', value })
    this.#nodes.get(target.node)?.session.outbox.send(message)
  }

  #renew(): void {
    const now = this.#now()
    const { traceViewerMs } = this.#options.timing
    for (const trace of this.#running()) {
      const { node } = trace.target
      if (trace.listeners.size === 0 && now - trace.viewedAt > traceViewerMs) {
        this.#end(trace, new SeccoError('UNAVAILABLE', 'it ended because nobody watched it'))
      } else if (trace.connected) this.#sendStart(trace)
      else if (now - trace.lostAt > awayMs) {
        this.#end(trace, this.#unreachable(node))
      }
    }
    if (this.#running().length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Ends a trace here and on its node. */
  #end(trace: Trace, failure: SeccoError): void {
    if (trace.ended) return
    const message = encode({ $case: 'stopTrace', value: { id: trace.wireId } })
    this.#nodes.get(trace.target.node)?.session.outbox.send(message)
    trace.end(failure, this.#now())
    this.#options.logger.info({ trace: trace.id, reason: failure.message }, 'trace ended')
  }

  #unreachable(node: string): SeccoError {
    return new SeccoError('UNAVAILABLE', `node ${node}: its satellite is not connected`, {
      hint: 'see why: secco doctor'
    })
  }

  #mustReach(node: string): void {
    const connected = this.#nodes.get(node)
    if (connected === undefined) throw this.#unreachable(node)
    if (!connected.takesTraces) throw tooOld(node, connected.version)
  }

  #mustHaveRoom(node: string): void {
    const hint = 'stop one of them first'
    if (this.#runningOn(node).length >= mostOfNode) {
      throw new SeccoError('UNAVAILABLE', `${mostOfNode} traces run on ${node} already`, { hint })
    }
    if (this.#running().length >= mostOfHub) {
      throw new SeccoError('UNAVAILABLE', `${mostOfHub} traces run already`, { hint })
    }
    const ended = [...this.#traces.values()].filter((trace) => trace.ended)
    for (const { id } of ended.slice(0, Math.max(0, ended.length - mostEnded))) {
      this.#traces.delete(id)
    }
  }
}

function tooOld(node: string, version: string): SeccoError {
  const message = `node ${node}: its satellite has version ${version}, which takes no traces from the hub`
  return new SeccoError('UNAVAILABLE', message, {
    hint: 'upgrade it: secco install | kubectl apply -f -'
  })
}

/** Resolves when the trace is as wanted, or after a time. */
async function settled(trace: Trace, holds: () => boolean, ms: number): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    function check(): void {
      if (holds()) done()
    }
    function done(): void {
      clearTimeout(timer)
      trace.listeners.delete(check)
      resolve()
    }
    trace.listeners.add(check)
  })
}
