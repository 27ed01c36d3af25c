import type { X509Certificate } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import { Registry } from 'prom-client'
import { type CertificatePair, checkPair } from '../certs/pair.js'
import { SeccoError } from '../src/lib/errors.js'
import { idleMs } from '../src/lib/idle-connections.js'
import type { Logger } from '../src/lib/log.js'
import type { Snapshot } from '../src/rules/snapshot.js'
import type { Admission } from './admission/admit.js'
import { type ClientGuard, createClientGuard } from './admission/client-guard.js'
import type { SnapshotNews } from './admission/await-news.js'
import { FairTurns } from './admission/fair-turns.js'
import { type AdmissionMetrics, admissionMetrics } from './admission/metrics.js'
import { bodyLimit } from './admission/parse-body.js'
import { admissionPlugin } from './admission/plugin.js'
import type { ReadinessCheck } from '../src/lib/health.js'
import { FailedRequests, failureOf } from './failed-requests.js'
import { type ClientErrorHandler, clientErrorHandler } from './client-errors.js'
import { addHealthRoutes } from './health.js'
import { InFlight } from './in-flight.js'
import { takeTurns } from './request-turns.js'

export interface AdmissionServerOptions {
  /** Serving pair; P-256 keeps handshakes cheap. */
  tls: Pick<CertificatePair, 'cert' | 'key'>
  /** PEM of the authority of callers; with it, `/mutate` answers only callers that have its certificate. */
  clientCa?: string
  /** Common names of the certificates that are accepted; default: every name that `clientCa` has signed. */
  clientNames?: readonly string[]
  getSnapshot: () => Snapshot
  /** How a replica hears of new snapshots that may be behind; see await-news.ts. */
  news?: SnapshotNews
  /** Whether new nodes get the start-up taint now; default: they stay as they are. */
  isServed?: () => boolean
  /** Whether `/mutate` is served; default true. Health and metrics are always served. */
  admission?: boolean
  logger: Logger
  /** Called after each decision was answered. @param isProven whether the caller is known to be the API server */
  onDecision?: (admission: Admission, isProven: boolean) => void
  /** Shared with the program's other parts; served at `/metrics`. */
  registry?: Registry
  /** Checks besides the server's own: `tls`, and `serving`, which fails as soon as a shutdown begins. */
  checks?: readonly ReadinessCheck[]
  /** 48 bytes; replicas with the same keys resume each other's TLS sessions. */
  ticketKeys?: Buffer
}

export interface ShutdownOptions {
  /** How long to continue serving while `/readyz` fails, until no endpoint points here; default 0. */
  delayMs?: number
  /**
   * How long callers get to close their connections, which they do when a request was answered or when they did not use them
   * for some time; default: idle connections are closed when no request came for a second.
   */
  callersMs?: number
}

export interface AdmissionServer {
  /** @throws SeccoError PORT_IN_USE. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>
  /**
   * Uses a renewed pair for new connections; open connections continue.
   * @throws SeccoError CERTIFICATE_INVALID; the old pair stays.
   */
  setCertificate(pair: Pick<CertificatePair, 'cert' | 'key'>): void
  /** Stops without dropping a request: readyz fails, wait, requests in flight end, close. */
  shutdown(options?: ShutdownOptions): Promise<void>
}

/** During a shutdown that does not wait for callers, connections without a request for this long are idle. */
const quietMs = 1000
/** How long requests in flight may take in such a shutdown. */
const drainMs = 10_000
/** How long a whole request may take to arrive. */
const requestMs = 5000

type Pair = Pick<CertificatePair, 'cert' | 'key'>

function secureContext(pair: Pair, ticketKeys: Buffer, clientCa: string | undefined) {
  return {
    cert: pair.cert,
    key: pair.key,
    minVersion: 'TLSv1.2' as const,
    ticketKeys,
    ...(clientCa === undefined ? {} : { ca: clientCa })
  }
}

function createApp(
  context: ReturnType<typeof secureContext>,
  isClientKnown: boolean,
  clientErrors: ClientErrorHandler
) {
  return Fastify({
    clientErrorHandler: (error, socket) => {
      clientErrors.handle(error, socket)
    },
    https: {
      ...context,
      ...(isClientKnown ? { requestCert: true, rejectUnauthorized: false } : {}),
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
}

type App = ReturnType<typeof createApp>

/** Closes the app without cutting idle connections: the next request may be on its way on one of them. */
function stopListening(app: App): Promise<void> {
  return new Promise<void>((resolve) => Server.prototype.close.call(app.server, () => resolve()))
}

class HttpsAdmissionServer implements AdmissionServer {
  readonly #options: AdmissionServerOptions
  readonly #registry: Registry
  readonly #metrics: AdmissionMetrics
  readonly #ticketKeys: Buffer
  readonly #clientErrors = clientErrorHandler()
  readonly #inFlight = new InFlight()
  readonly #turns = new FairTurns()
  readonly #failed: FailedRequests
  readonly #app: App
  readonly #guard: ClientGuard | undefined
  #notAfter: Date
  #isDraining = false

  constructor(options: AdmissionServerOptions) {
    const { getSnapshot } = options
    this.#options = options
    this.#failed = new FailedRequests(options.logger)
    this.#registry = options.registry ?? new Registry()
    this.#metrics = admissionMetrics(this.#registry, () => getSnapshot().rules.size)
    this.#ticketKeys = options.ticketKeys ?? randomBytes(48)
    this.#notAfter = new Date(checkPair(options.tls, 'serving certificate').validTo)
    this.#metrics.certificate(this.#notAfter)
    const isClientKnown = options.clientCa !== undefined
    this.#app = createApp(this.#context(options.tls), isClientKnown, this.#clientErrors)
    this.#guard = isClientKnown ? createClientGuard(options.clientNames) : undefined
    takeTurns(this.#app.server, {
      turns: this.#turns,
      isProven: (socket) => this.#guard?.accepts(socket) === true,
      onRequest: (response) => this.#countRequest(response)
    })
    this.#clientErrors.watch(this.#app.server)
    this.#guard?.watch(this.#app.server)
    this.#answerErrors()
    this.#addRoutes()
  }

  async listen(address: { host: string; port: number }): Promise<{ host: string; port: number }> {
    const { server } = this.#app
    try {
      await this.#app.listen(address)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
        const where = `${address.host}:${address.port}`
        throw new SeccoError('PORT_IN_USE', `${where} is in use`, { cause: error })
      }
      throw error
    }
    // The server continues after a connection that it could not accept (no memory, no descriptor).
    server.on('error', (err) => this.#options.logger.error({ err }, 'connection not accepted'))
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('not listening on a port')
    return { host: bound.address, port: bound.port }
  }

  setCertificate(pair: Pair): void {
    const certificate: X509Certificate = checkPair(pair, 'renewed serving certificate')
    this.#app.server.setSecureContext(this.#context(pair))
    this.#notAfter = new Date(certificate.validTo)
    this.#metrics.certificate(this.#notAfter)
    const notAfter = this.#notAfter.toISOString()
    this.#options.logger.info({ notAfter }, 'serving certificate renewed')
  }

  async shutdown({ delayMs = 0, callersMs }: ShutdownOptions = {}): Promise<void> {
    this.#isDraining = true
    await delay(delayMs)
    const stop = new AbortController()
    const ends = [
      stopListening(this.#app),
      delay(callersMs ?? drainMs, undefined, { signal: stop.signal }).catch(() => undefined)
    ]
    // Whoever closes an idle connection here may cross a review that is on its way: HTTP/1.1 cannot tell the caller, and an API server
    // sends no review twice (RFC 9112, 9.3.1 and 9.6).
    if (callersMs === undefined) ends.push(this.#inFlight.quiet(quietMs, stop.signal))
    await Promise.race(ends)
    stop.abort()
    const closing = this.#app.close()
    this.#clientErrors.endSilent()
    // A closing server checks no time limits: it would wait for a peer that sent half of a request.
    const cut = setTimeout(() => {
      this.#app.server.closeAllConnections()
    }, requestMs)
    await closing
    clearTimeout(cut)
  }

  #context(pair: Pair) {
    return secureContext(pair, this.#ticketKeys, this.#options.clientCa)
  }

  /** Counts a request in flight. Fastify does not call onResponse for a request that ends half-sent. */
  #countRequest(response: ServerResponse): void {
    this.#inFlight.begin()
    // The caller closes the connection, so that it sends no request while the server closes it.
    if (this.#isDraining) response.shouldKeepAlive = false
    response.once('close', this.#inFlight.end)
  }

  #answerErrors(): void {
    this.#app.setErrorHandler((error, _request, reply) => {
      const { status, failure } = failureOf(error)
      this.#metrics.rejected(failure.code)
      this.#failed.log(error, status, failure)
      const { code, message, hint } = failure
      // The log has the cause of an internal failure; the caller gets none of it.
      const shown = status < 500 ? message : 'the review could not be decided'
      reply.code(status).send({ code, message: shown, hint })
    })
    // Nothing but reviews has a body that is read: the connection ends instead.
    this.#app.removeAllContentTypeParsers()
    this.#app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    this.#app.setNotFoundHandler((_request, reply) => {
      const hint = 'POST /mutate, GET /livez, /readyz, /metrics'
      reply
        .header('connection', 'close')
        .code(404)
        .send({ code: 'NOT_FOUND', message: 'no such route', hint })
    })
  }

  #addRoutes(): void {
    const {
      admission,
      getSnapshot,
      news,
      isServed,
      logger,
      onDecision,
      checks = []
    } = this.#options
    if (admission !== false) {
      this.#app.register(admissionPlugin, {
        ...{ getSnapshot, news, isServed, logger, onDecision, metrics: this.#metrics },
        ...{ guard: this.#guard, turns: this.#turns }
      })
    }
    const isValid = () => this.#notAfter.getTime() > Date.now()
    addHealthRoutes(this.#app, [
      { name: 'serving', problem: () => (this.#isDraining ? 'shutting down' : undefined) },
      { name: 'tls', problem: () => (isValid() ? undefined : 'certificate has ended') },
      ...checks
    ])
    this.#app.get('/metrics', async (_request, reply) => {
      const text = await this.#registry.metrics()
      return reply.type(this.#registry.contentType).send(text)
    })
  }
}

/**
 * Creates the webhook's own server: HTTPS, HTTP/1.1 only, `POST /mutate`, `GET /livez /readyz /metrics`.
 * Every stage of a request has a time limit, so that slow peers hold nothing for long; a connection without a
 * request is kept for as long as an API server keeps one.
 * @throws SeccoError CERTIFICATE_INVALID.
 */
export function createAdmissionServer(options: AdmissionServerOptions): AdmissionServer {
  return new HttpsAdmissionServer(options)
}
