import type { X509Certificate } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import { Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify, { type FastifyError } from 'fastify'
import { Registry } from 'prom-client'
import { type CertificatePair, checkPair } from '../certs/pair.js'
import { SeccoError, errorKinds, toSeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import type { Snapshot } from '../src/rules/snapshot.js'
import type { Admission } from './admission/admit.js'
import { admissionMetrics } from './admission/metrics.js'
import { bodyLimit } from './admission/parse-body.js'
import { admissionPlugin } from './admission/plugin.js'
import type { ReadinessCheck } from '../src/lib/health.js'
import { clientErrorHandler, idleMs } from './client-errors.js'
import { addHealthRoutes } from './health.js'

export interface AdmissionServerOptions {
  /** Serving pair; P-256 keeps handshakes cheap. */
  tls: Pick<CertificatePair, 'cert' | 'key'>
  /** PEM of the authority of callers; when given, `/mutate` answers only those with its certificate. */
  clientCa?: string
  getSnapshot: () => Snapshot
  /** Whether `/mutate` is served; default: it is. Health and metrics are in any case. */
  admission?: boolean
  logger: Logger
  /** To be told of every decision, after it was answered. */
  onDecision?: (admission: Admission) => void
  /** Shared with the program's other parts; served at `/metrics`. */
  registry?: Registry
  /** Beside the server's own: `tls`, and `serving`, which fails as soon as a shutdown begins. */
  checks?: readonly ReadinessCheck[]
  /** 48 bytes; replicas that share them resume each other's sessions. */
  ticketKeys?: Buffer
}

export interface ShutdownOptions {
  /** How long to go on serving while `/readyz` fails, until no endpoint points here; default 0. */
  delayMs?: number
  /** How long requests in flight may take; default 10 s. */
  drainMs?: number
}

export interface AdmissionServer {
  /** @throws SeccoError PORT_IN_USE. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>
  /**
   * Puts a renewed pair into use: open connections go on, new ones see it.
   * @throws SeccoError CERTIFICATE_INVALID; the old pair stays.
   */
  setCertificate(pair: Pick<CertificatePair, 'cert' | 'key'>): void
  /** Stops without dropping a request: readyz fails, wait, requests in flight end, close. */
  shutdown(options?: ShutdownOptions): Promise<void>
}

/** Status and code for whatever a request ended with; Fastify's own errors included. */
function refusal(error: unknown): { status: number; failure: SeccoError } {
  if (error instanceof SeccoError) return { status: errorKinds[error.code].http, failure: error }
  const { code, statusCode } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const failure = new SeccoError('TOO_LARGE', `the body: must have at most ${bodyLimit} bytes`)
    return { status: 413, failure }
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const failure = new SeccoError('INVALID_REVIEW', 'content-type: must be application/json')
    return { status: 415, failure }
  }
  if (statusCode !== undefined && statusCode < 500) {
    const failure = new SeccoError('INVALID_REVIEW', 'the request could not be read')
    return { status: statusCode, failure }
  }
  return { status: 500, failure: toSeccoError(error) }
}

/** A kept connection that asks nothing for so long during a shutdown is idle. */
const quietMs = 1000
/** How long a whole request may take to come. */
const requestMs = 5000

/** Counts requests in flight, and tells when there are none. */
function inFlightCounter() {
  let count = 0
  let begun = 0
  let waiting: (() => void)[] = []
  const idle = (): Promise<void> =>
    count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))
  return {
    begin: () => {
      count++
      begun++
    },
    end: () => {
      count--
      if (count > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    /** Resolves when nothing was asked for so long. */
    quiet: async (ms: number, signal: AbortSignal): Promise<void> => {
      for (let before = -1; before !== begun && !signal.aborted; ) {
        before = begun
        await idle()
        await delay(ms, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}

/**
 * The webhook's own listener: HTTPS, HTTP/1.1 only, `POST /mutate`, `GET /livez /readyz /metrics`.
 * Every stage of a request has a time limit, so that slow peers hold nothing for long; a connection without a
 * request is kept for as long as an API server keeps one.
 * @throws SeccoError CERTIFICATE_INVALID.
 */
export function createAdmissionServer(options: AdmissionServerOptions): AdmissionServer {
  const { logger, getSnapshot, clientCa } = options
  const registry = options.registry ?? new Registry()
  const metrics = admissionMetrics(registry, () => getSnapshot().rules.size)
  const ticketKeys = options.ticketKeys ?? randomBytes(48)
  let notAfter = new Date(checkPair(options.tls, 'serving certificate').validTo)
  metrics.certificate(notAfter)
  let draining = false
  const context = (pair: Pick<CertificatePair, 'cert' | 'key'>) => ({
    cert: pair.cert,
    key: pair.key,
    minVersion: 'TLSv1.2' as const,
    ticketKeys,
    ...(clientCa === undefined ? {} : { ca: clientCa })
  })
  const clientErrors = clientErrorHandler(() => app.server)
  const app = Fastify({
    clientErrorHandler: (error, socket) => {
      clientErrors.handle(error, socket)
    },
    https: {
      ...context(options.tls),
      ...(clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
      handshakeTimeout: 5000,
      headersTimeout: 3000,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 16_384
    },
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    bodyLimit,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    logger: false
  })
  clientErrors.watch()
  const inFlight = inFlightCounter()
  // Not Fastify's onResponse: it is not called for a request that ends half-sent.
  app.server.prependListener('request', (_request, response) => {
    inFlight.begin()
    // The caller closes the connection itself, so that no request of its own crosses our closing.
    if (draining) response.shouldKeepAlive = false
    response.once('close', inFlight.end)
  })
  app.setErrorHandler((error, _request, reply) => {
    const { status, failure } = refusal(error)
    metrics.refused(failure.code)
    const line = { code: failure.code, status }
    if (status < 500) logger.warn({ ...line, reason: failure.message }, 'request refused')
    else logger.error({ ...line, err: error }, 'request failed')
    const { code, message, hint } = failure
    // What broke inside is for the log; a caller learns that it was not its fault.
    const told = status < 500 ? message : 'the review could not be decided'
    reply.code(status).send({ code, message: told, hint })
  })
  app.setNotFoundHandler((_request, reply) => {
    const hint = 'POST /mutate, GET /livez, /readyz, /metrics'
    reply.code(404).send({ code: 'NOT_FOUND', message: 'no such route', hint })
  })
  if (options.admission !== false) {
    app.register(admissionPlugin, {
      getSnapshot,
      logger,
      metrics,
      onDecision: options.onDecision,
      requireClientCertificate: clientCa !== undefined
    })
  }
  addHealthRoutes(app, [
    { name: 'serving', problem: () => (draining ? 'shutting down' : undefined) },
    {
      name: 'tls',
      problem: () => (notAfter.getTime() > Date.now() ? undefined : 'certificate has ended')
    },
    ...(options.checks ?? [])
  ])
  app.get('/metrics', async (_request, reply) => {
    const text = await registry.metrics()
    return reply.type(registry.contentType).send(text)
  })
  return {
    async listen(address) {
      try {
        await app.listen(address)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
          const where = `${address.host}:${address.port}`
          throw new SeccoError('PORT_IN_USE', `${where} is in use`, { cause: error })
        }
        throw error
      }
      // A connection that cannot be taken (no memory, no descriptor) ends nothing.
      app.server.on('error', (error) => logger.error({ err: error }, 'a connection was not taken'))
      const bound = app.server.address()
      if (bound === null || typeof bound === 'string') throw new Error('not listening on a port')
      return { host: bound.address, port: bound.port }
    },
    setCertificate(pair) {
      const certificate: X509Certificate = checkPair(pair, 'renewed serving certificate')
      app.server.setSecureContext(context(pair))
      notAfter = new Date(certificate.validTo)
      metrics.certificate(notAfter)
      logger.info({ notAfter: notAfter.toISOString() }, 'serving certificate renewed')
    },
    async shutdown({ delayMs = 0, drainMs = 10_000 } = {}) {
      draining = true
      await delay(delayMs)
      const stop = new AbortController()
      const limit = delay(drainMs, undefined, { signal: stop.signal }).catch(() => undefined)
      // Not its own close(), which also cuts idle connections: the next request may be on its way there.
      const closed = new Promise<void>((resolve) =>
        Server.prototype.close.call(app.server, () => resolve())
      )
      await Promise.race([closed, inFlight.quiet(quietMs, stop.signal), limit])
      stop.abort()
      const closing = app.close()
      clientErrors.endSilent()
      // A server that is closing looks at no time limit any more: who sent half of a request would be waited for.
      const cut = setTimeout(() => {
        app.server.closeAllConnections()
      }, requestMs)
      await closing
      clearTimeout(cut)
    }
  }
}
