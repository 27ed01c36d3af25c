import { chmod, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  status
} from '@grpc/grpc-js'
import type { Observation } from '../../src/api/gen/hub.js'
import {
  type SatelliteServer,
  SatelliteService,
  type StartTraceRequest,
  type TraceUpdate
} from '../../src/api/gen/satellite.js'
import { ensureFolder } from '../../src/lib/durable-file.js'
import { errorKinds, toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { type TracedRecording, Traces } from './traces.js'

/** Longest delay of a timer. */
const longestMs = 2 ** 31 - 1
/** Open calls get this long to end when the server closes. */
const shutdownMs = 1000

interface TraceServerOptions {
  socketPath: string
  logger: Logger
  recording: TracedRecording
}

export interface TraceServer {
  /** Takes every observation: a trace ends with its container. */
  observed(observation: Observation): void
  close(): Promise<void>
}

/**
 * Serves `secco.v1alpha1.Satellite` on a unix socket that only its owner can open (mode 0600), from the
 * satellite's own recorder. A trace attaches the recorder if nothing else needed it.
 */
export async function serveTraces(options: TraceServerOptions): Promise<TraceServer> {
  const traces = new Traces(options.recording)
  const server = new Server()
  server.addService(SatelliteService, serviceOf(traces))
  await listenPrivately(server, options.socketPath)
  options.logger.info({ socket: options.socketPath }, 'serving traces')
  return {
    observed: (observation) => traces.observed(observation),
    close: async () => {
      traces.stopAll()
      await shutDown(server)
      await unlink(options.socketPath).catch(() => undefined)
    }
  }
}

/** gRPC's status of a SeccoError; the message starts with the code. */
function toServiceError(error: unknown): Partial<ServiceError> {
  const known = toSeccoError(error)
  const name = status[errorKinds[known.code].grpc] as keyof typeof status
  return { code: status[name], details: `${known.code}: ${known.message}` }
}

function serviceOf(traces: Traces): SatelliteServer {
  return {
    startTrace: (call) => void serveTrace(traces, call),
    stopTrace: (call, callback) => {
      traces.stop(call.request.traceId).then(
        (update) => callback(null, update),
        (error: unknown) => callback(toServiceError(error))
      )
    },
    listContainers: (_call, callback) => {
      traces.list().then(
        (list) => callback(null, list),
        (error: unknown) => callback(toServiceError(error))
      )
    }
  }
}

async function serveTrace(
  traces: Traces,
  call: ServerWritableStream<StartTraceRequest, TraceUpdate>
): Promise<void> {
  const { container, durationSeconds, wait } = call.request
  const trace = traces.start(container)
  const end = (): void => trace.stop.abort()
  const timer =
    durationSeconds > 0 ? setTimeout(end, Math.min(durationSeconds * 1000, longestMs)) : undefined
  call.on('cancelled', end)
  try {
    await traces.run(trace, wait, (update) => call.write(update))
    call.end()
  } catch (error) {
    call.emit('error', toServiceError(error))
  } finally {
    clearTimeout(timer)
    traces.finished(trace)
  }
}

/** The socket is created with mode 0600: between bind and chmod nobody else may connect. */
async function listenPrivately(server: Server, socketPath: string): Promise<void> {
  await ensureFolder(dirname(socketPath))
  await unlink(socketPath).catch(() => undefined)
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
}

async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), shutdownMs)
    server.tryShutdown(() => {
      clearTimeout(force)
      resolve()
    })
  })
}
