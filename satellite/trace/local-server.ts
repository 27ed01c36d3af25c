import { randomUUID } from 'node:crypto'
import { chmod, mkdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js'
import type { Observation } from '../../src/api/gen/hub.js'
import {
  type SatelliteServer,
  SatelliteService,
  type TraceUpdate
} from '../../src/api/gen/satellite.js'
import { errorKinds, SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { createEndedList, type Recorded, recordedOf } from './ended-list.js'
import type { RecorderLoop } from '../recorder/recorder-loop-types.js'
import { sumAbis } from './trace-report.js'

/** Counters are sent this often while a trace runs. */
const updateMs = 1000
/** Ended containers that ListContainers and a late StopTrace can still tell of. */
const rememberedEnds = 512

export interface LocalServerOptions {
  socketPath: string
  logger: Logger
  /** undefined: nothing can be traced here, for the reason given. */
  loop: RecorderLoop | undefined
  /** Keeps the recorder attached until what it gives is called: a trace needs it. */
  hold: () => Promise<() => void>
  unavailable: string
}

export interface LocalServer {
  /** To be told of every observation: traces end with their container. */
  accept(observation: Observation): void
  close(): Promise<void>
}

interface Trace {
  id: string
  word: string
  stop: AbortController
  last: TraceUpdate
}

function isCalled({ container }: Recorded, word: string): boolean {
  const { id, name } = container
  return id === word || name === word || (word.length >= 12 && id.startsWith(word))
}

function toUpdate(traceId: string, observations: readonly Recorded[], lost: number): TraceUpdate {
  const first = observations[0]?.container
  return {
    traceId,
    container: first?.name ?? '',
    complete: lost === 0 && observations.length > 0 && observations.every((one) => one.complete),
    ended: observations.length > 0 && observations.every((one) => one.ended),
    lost,
    abis: Object.entries(sumAbis(observations.map((one) => one.abis))).map(([abi, counts]) => ({
      abi,
      counts
    }))
  }
}

/** gRPC's status for a SeccoError: the code travels in front of the message. */
function toServiceError(error: unknown): Partial<ServiceError> {
  const known = toSeccoError(error)
  const name = status[errorKinds[known.code].grpc] as keyof typeof status
  return {
    code: status[name],
    details: `${known.code}: ${known.message}`
  }
}

function groupByContainer(observations: readonly Recorded[]): Recorded[][] {
  const groups = new Map<string, Recorded[]>()
  for (const observation of observations) {
    const key = `${observation.container.runtime}/${observation.container.id}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [observation])
    else group.push(observation)
  }
  return [...groups.values()]
}

/**
 * Serves `secco.v1alpha1.Satellite` on a unix socket that only its owner can open (mode 0600), from the
 * satellite's own recorder: a trace attaches it where nothing else needed it.
 */
export async function serveLocally(options: LocalServerOptions): Promise<LocalServer> {
  const { socketPath, loop, logger } = options
  const traces = new Map<string, Trace>()
  const ends = createEndedList(rememberedEnds)
  const listeners = new Set<() => void>()

  const recorder = (): RecorderLoop => {
    if (loop !== undefined) return loop
    throw new SeccoError('TRACING_UNAVAILABLE', options.unavailable)
  }
  const lost = (): number => {
    const losses = recorder().losses()
    return losses.tableFull + losses.recursionMisses
  }
  const everything = async (): Promise<Recorded[]> => {
    const live = (await recorder().current()).map(recordedOf)
    const ids = new Set(live.map(({ id }) => id))
    return [...ends.all().filter(({ id }) => !ids.has(id)), ...live]
  }
  const nextEnd = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        listeners.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      listeners.add(done)
      signal.addEventListener('abort', done)
    })

  const run = async (
    trace: Trace,
    wait: boolean,
    write: (update: TraceUpdate) => void
  ): Promise<void> => {
    const signal = trace.stop.signal
    // With wait, what ended before the trace was asked for is another instance.
    const before = new Set(ends.ids())
    let isFirst = true
    for (;;) {
      const all = (await everything()).filter((one) => !before.has(one.id))
      const own = all.filter((one) => isCalled(one, trace.word))
      if (own.length === 0 && !wait) {
        throw new SeccoError(
          'CONTAINER_NOT_FOUND',
          `no running container is called ${JSON.stringify(trace.word)}`
        )
      }
      if (isFirst && new Set(own.map(({ container }) => container.id)).size > 1) {
        throw new SeccoError(
          'CONTAINER_AMBIGUOUS',
          `several containers are called ${JSON.stringify(trace.word)}`
        )
      }
      isFirst = own.length === 0
      trace.last = toUpdate(trace.id, own, lost())
      write(trace.last)
      if (signal.aborted || trace.last.ended) return
      const pause = new AbortController()
      const end = (): void => pause.abort()
      signal.addEventListener('abort', end)
      await Promise.race([
        delay(updateMs, undefined, { signal: pause.signal, ref: false }).catch(() => undefined),
        nextEnd(pause.signal)
      ])
      signal.removeEventListener('abort', end)
      // Whichever of the two came, nobody waits for the other: a trace may take days.
      end()
    }
  }

  const service: SatelliteServer = {
    startTrace: (call) => {
      const { container: word, durationSeconds, wait } = call.request
      const trace: Trace = {
        id: randomUUID(),
        word,
        stop: new AbortController(),
        last: toUpdate('', [], 0)
      }
      traces.set(trace.id, trace)
      const timer =
        durationSeconds > 0
          ? setTimeout(() => trace.stop.abort(), Math.min(durationSeconds * 1000, 2 ** 31 - 1))
          : undefined
      call.on('cancelled', () => trace.stop.abort())
      const work =
        word === ''
          ? Promise.reject(
              new SeccoError('INVALID_ARGUMENT', 'container: an id or a name is needed')
            )
          : options
              .hold()
              .then((leave) => run(trace, wait, (update) => call.write(update)).finally(leave))
      work.then(
        () => call.end(),
        (error: unknown) => call.emit('error', toServiceError(error))
      )
      void work
        .catch(() => undefined)
        .then(() => {
          clearTimeout(timer)
          traces.delete(trace.id)
        })
    },
    stopTrace: (call, callback) => {
      const trace = traces.get(call.request.traceId)
      if (trace === undefined) {
        callback(toServiceError(new SeccoError('NOT_FOUND', `no trace ${call.request.traceId}`)))
        return
      }
      void everything().then(
        (all) => {
          trace.last = toUpdate(
            trace.id,
            all.filter((one) => isCalled(one, trace.word)),
            lost()
          )
          trace.stop.abort()
          callback(null, trace.last)
        },
        (error: unknown) => callback(toServiceError(error))
      )
    },
    listContainers: (_call, callback) => {
      void everything().then(
        (all) =>
          callback(null, {
            containers: groupByContainer(all).map((group) => toUpdate('', group, lost())),
            forgotten: ends.forgotten()
          }),
        (error: unknown) => callback(toServiceError(error))
      )
    }
  }

  await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 })
  await unlink(socketPath).catch(() => undefined)
  const server = new Server()
  server.addService(SatelliteService, service)
  // Created closed: between bind and chmod nobody else may connect.
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  } finally {
    process.umask(mask)
  }
  await chmod(socketPath, 0o600)
  logger.info({ socket: socketPath }, 'local service listens')
  return {
    accept: (observation) => {
      if (!observation.ended) return
      ends.add(recordedOf(observation))
      for (const listener of [...listeners]) listener()
    },
    close: async () => {
      for (const trace of traces.values()) trace.stop.abort()
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => server.forceShutdown(), 1000)
        server.tryShutdown(() => {
          clearTimeout(force)
          resolve()
        })
      })
      await unlink(socketPath).catch(() => undefined)
    }
  }
}
