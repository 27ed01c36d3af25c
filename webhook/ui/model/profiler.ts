import { existsSync } from 'node:fs'
import { credentials, Metadata } from '@grpc/grpc-js'
import { SatelliteClient, type TraceUpdate } from '../../../src/api/gen/satellite.js'
import { SeccoError } from '../../../src/lib/errors.js'

/** A trace that somebody started from a page or the command line. */
export interface RunningTrace {
  id: string
  container: string
  by: string
  /** In ms. */
  startedAt: number
  ended: boolean
  update: TraceUpdate | undefined
  /** When each syscall was first counted, in ms, by `ABI name`. */
  firstSeen: ReadonlyMap<string, number>
  problem: string
}

/** The satellite of this machine, asked over its own socket. */
export interface Profiler {
  /** Lists the containers that the satellite has recorded. @throws SeccoError UNAVAILABLE when it does not answer */
  containers(): Promise<TraceUpdate[]>
  /** Traces until the trace is stopped, the container ends, or this many seconds have passed. */
  start(container: string, seconds: number, by: string): RunningTrace
  find(id: string): RunningTrace | undefined
  list(): RunningTrace[]
  stop(id: string): void
  close(): void
}

const mostTraces = 50
const answerMs = 5000

function problemText(error: Error): string {
  return 'details' in error && typeof error.details === 'string' ? error.details : error.message
}

/** One trace: its counts come from a stream of the satellite. */
class StreamedTrace implements RunningTrace {
  readonly firstSeen = new Map<string, number>()
  readonly startedAt: number
  ended = false
  problem = ''
  update: TraceUpdate | undefined
  readonly id: string
  readonly container: string
  readonly by: string
  readonly #now: () => number
  readonly #cancel: () => void

  constructor(
    given: { id: string; container: string; by: string },
    stream: ReturnType<SatelliteClient['startTrace']>,
    now: () => number
  ) {
    this.id = given.id
    this.container = given.container
    this.by = given.by
    this.startedAt = now()
    this.#now = now
    this.#cancel = () => {
      stream.cancel()
    }
    stream.on('data', (update: TraceUpdate) => {
      this.#take(update)
    })
    stream.on('error', (error: Error) => {
      if (!this.ended) this.problem = problemText(error)
      this.ended = true
    })
    stream.on('end', () => {
      this.ended = true
    })
  }

  cancel(): void {
    this.#cancel()
  }

  #take(update: TraceUpdate): void {
    this.update = update
    for (const { abi, counts } of update.abis) {
      for (const name of Object.keys(counts)) {
        const key = `${abi} ${name}`
        if (!this.firstSeen.has(key)) this.firstSeen.set(key, this.#now())
      }
    }
    if (update.ended) this.ended = true
  }
}

class SatelliteProfiler implements Profiler {
  readonly #socketPath: string
  readonly #now: () => number
  readonly #traces = new Map<string, StreamedTrace>()
  #client: SatelliteClient | undefined
  #next = 1

  constructor(socketPath: string, now: () => number) {
    this.#socketPath = socketPath
    this.#now = now
  }

  containers(): Promise<TraceUpdate[]> {
    return new Promise((resolve, reject) => {
      this.#connect().listContainers({}, new Metadata(), this.#deadline(), (error, answer) => {
        if (error === null) resolve(answer.containers)
        else reject(new SeccoError('UNAVAILABLE', `the satellite: ${problemText(error)}`))
      })
    })
  }

  start(container: string, seconds: number, by: string): RunningTrace {
    this.#makeRoom()
    const request = { container, durationSeconds: seconds, wait: false }
    const stream = this.#connect().startTrace(request)
    const trace = new StreamedTrace({ id: String(this.#next++), container, by }, stream, this.#now)
    this.#traces.set(trace.id, trace)
    return trace
  }

  find(id: string): RunningTrace | undefined {
    return this.#traces.get(id)
  }

  list(): RunningTrace[] {
    return [...this.#traces.values()]
  }

  stop(id: string): void {
    const trace = this.#traces.get(id)
    if (trace === undefined || trace.ended) return
    trace.ended = true
    const traceId = trace.update?.traceId
    if (traceId === undefined) {
      trace.cancel()
      return
    }
    // The answer is the last count; without an answer the counts so far stay.
    this.#connect().stopTrace({ traceId }, new Metadata(), this.#deadline(), (error, update) => {
      if (error === null) trace.update = update
    })
  }

  close(): void {
    for (const trace of this.#traces.values()) trace.cancel()
    this.#client?.close()
  }

  #connect(): SatelliteClient {
    if (!existsSync(this.#socketPath)) {
      throw new SeccoError('UNAVAILABLE', 'no satellite runs on this machine', {
        hint: 'start it with `secco up` or `secco satellite`'
      })
    }
    this.#client ??= new SatelliteClient(`unix:${this.#socketPath}`, credentials.createInsecure())
    return this.#client
  }

  #deadline(): { deadline: Date } {
    return { deadline: new Date(this.#now() + answerMs) }
  }

  /** Forgets the oldest ended traces. @throws SeccoError UNAVAILABLE when too many run */
  #makeRoom(): void {
    for (const [id, trace] of this.#traces) {
      if (this.#traces.size < mostTraces) return
      if (trace.ended) this.#traces.delete(id)
    }
    if (this.#traces.size >= mostTraces)
      throw new SeccoError('UNAVAILABLE', `${mostTraces} traces run already`, {
        hint: 'stop one of them first'
      })
  }
}

/** @param socketPath socket of the satellite on this machine, which may start later */
export function createProfiler(socketPath: string, now: () => number): Profiler {
  return new SatelliteProfiler(socketPath, now)
}
