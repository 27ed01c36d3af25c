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
  /** ABI and name of each call → when it was counted first, in ms. */
  firstSeen: ReadonlyMap<string, number>
  problem: string
}

/** The satellite of this machine, asked over its own socket. */
export interface Profiler {
  /** Containers it has recorded and not forgotten. UNAVAILABLE when it does not answer. */
  containers(): Promise<TraceUpdate[]>
  /** Traces until stopped, the container's end, or so many seconds. */
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

/** @param socketPath of the satellite on this machine; it may start later */
export function createProfiler(socketPath: string, now: () => number): Profiler {
  let client: SatelliteClient | undefined
  const traces = new Map<string, RunningTrace & { cancel: () => void }>()
  let next = 1
  const connect = (): SatelliteClient => {
    if (!existsSync(socketPath)) {
      throw new SeccoError('UNAVAILABLE', 'no satellite runs on this machine', {
        hint: 'start it with `secco up` or `secco satellite`'
      })
    }
    client ??= new SatelliteClient(`unix:${socketPath}`, credentials.createInsecure())
    return client
  }
  const forget = () => {
    for (const [id, trace] of traces) {
      if (traces.size < mostTraces) return
      if (trace.ended) traces.delete(id)
    }
    if (traces.size >= mostTraces)
      throw new SeccoError('UNAVAILABLE', `${mostTraces} traces run already`, {
        hint: 'stop one of them first'
      })
  }
  return {
    containers: () =>
      new Promise((resolve, reject) => {
        const deadline = new Date(now() + answerMs)
        connect().listContainers({}, new Metadata(), { deadline }, (error, answer) => {
          if (error === null) resolve(answer.containers)
          else reject(new SeccoError('UNAVAILABLE', `the satellite: ${problemText(error)}`))
        })
      }),
    start(container, seconds, by) {
      forget()
      const stream = connect().startTrace({ container, durationSeconds: seconds, wait: false })
      const id = String(next++)
      const trace = {
        ...{ id, container, by, startedAt: now(), ended: false, problem: '' },
        update: undefined as TraceUpdate | undefined,
        firstSeen: new Map<string, number>(),
        cancel: () => stream.cancel()
      }
      traces.set(id, trace)
      stream.on('data', (update: TraceUpdate) => {
        trace.update = update
        for (const { abi, counts } of update.abis) {
          for (const name of Object.keys(counts)) {
            const key = `${abi} ${name}`
            if (!trace.firstSeen.has(key)) trace.firstSeen.set(key, now())
          }
        }
        if (update.ended) trace.ended = true
      })
      stream.on('error', (error: Error) => {
        if (!trace.ended) trace.problem = problemText(error)
        trace.ended = true
      })
      stream.on('end', () => {
        trace.ended = true
      })
      return trace
    },
    find: (id) => traces.get(id),
    list: () => [...traces.values()],
    stop(id) {
      const trace = traces.get(id)
      if (trace === undefined || trace.ended) return
      trace.ended = true
      const traceId = trace.update?.traceId
      if (traceId === undefined) {
        trace.cancel()
        return
      }
      // Its answer is the last count; without one what was counted so far stands.
      connect().stopTrace(
        { traceId },
        new Metadata(),
        { deadline: new Date(now() + answerMs) },
        (error, update) => {
          if (error === null) trace.update = update
        }
      )
    },
    close() {
      for (const { cancel } of traces.values()) cancel()
      client?.close()
    }
  }
}
