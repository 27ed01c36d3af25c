import type { ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js'
import type { HubClient, HubMessage } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import { backoffMs } from './backoff.js'
import { connectionHint } from './connection-hint.js'
import { type HubAddress, newHubClient, type UplinkTls } from './hub-client.js'
import { HubRedirect } from './hub-redirect.js'
import { type Body, connectMethod, encodeBody } from './messages.js'

type Stream = ClientDuplexStream<Uint8Array, HubMessage>

/** All in milliseconds. */
export interface ConnectionTiming {
  heartbeatMs: number
  /** Bounds of the waits between two attempts to connect. */
  firstMs: number
  baseMs: number
  mostMs: number
}

interface HubConnectionOptions extends HubAddress {
  tls: UplinkTls
  token?: string | undefined
  timing: ConnectionTiming
  logger: Logger
  /** The first message of a stream. */
  greeting: () => Promise<Body>
  onMessage: (message: HubMessage) => void
  /** The transport accepts messages again. */
  onWritable: () => void
  /** The stream ended; another one is dialled. */
  onLost: () => void
  /** Called at each heartbeat. */
  onHeartbeat: () => void
  /** Facts for the log when the hub is lost. */
  facts: () => object
}

/** A stream counts as dead when the hub has sent nothing for so many heartbeats. */
const silentBeats = 3

/** The active hub, dialled at its own address, must answer within this time. */
const directMs = 10_000

/** The longest wait while hubs answer that none of them is active yet. */
const standbyMs = 4000

/** HubConnection keeps one stream to the hub: dials, detects a silent hub, and dials again until closed. */
export class HubConnection {
  readonly #options: HubConnectionOptions
  readonly #dialer: Worker
  readonly #heart: Worker
  #tls: UplinkTls
  #token: string | undefined
  #client: HubClient | undefined
  readonly #redirect: HubRedirect
  /** Ends the wait for an answer of the active hub's own address. */
  #directTimer: NodeJS.Timeout | undefined
  #stream: Stream | undefined
  /** The hub accepted this node. */
  #welcomedAt: number | undefined
  #attempt = 0
  #heardAt = 0
  #beats = 0
  /** The transport's buffer is full. */
  #blocked = false
  #closed = false
  /** The last hint that was logged: an hour without a hub is one line, not hundreds. */
  #logged = ''

  constructor(options: HubConnectionOptions) {
    const { logger, tls, token, timing } = options
    this.#options = options
    this.#tls = tls
    this.#token = token
    this.#redirect = new HubRedirect(options)
    this.#dialer = new Worker(() => this.#dial(), {
      onError: (error) => {
        logger.error({ err: error }, 'hub could not be dialled; trying again')
        this.#dialLater()
      }
    })
    this.#heart = new Worker(() => this.#beat(), {
      everyMs: timing.heartbeatMs,
      onError: (error) => logger.error({ err: error }, 'heartbeat failed')
    })
  }

  /** Starts to dial, and goes on until closed. */
  open(): void {
    void this.#dialer.runNow()
  }

  /** A stream is open, or being opened. */
  get hasStream(): boolean {
    return this.#stream !== undefined
  }

  get welcomed(): boolean {
    return this.#welcomedAt !== undefined
  }

  get isWritable(): boolean {
    return this.welcomed && !this.#blocked
  }

  /** Notes that the hub accepted this node. */
  welcome(): void {
    this.#welcomedAt = performance.now()
    this.#logged = ''
    clearTimeout(this.#directTimer)
    this.#redirect.welcomed()
    const hub = this.#redirect.address ?? this.#options.hub
    this.#options.logger.info({ hub }, 'connected to the hub')
  }

  /** Sends a message if the hub accepted this node. Returns whether it did. */
  send(body: Body): boolean {
    if (!this.welcomed) return false
    this.write(encodeBody(body))
    return true
  }

  write(message: Uint8Array): void {
    if (this.#stream?.write(message) === false) this.#blocked = true
  }

  /** Dials again with another certificate. */
  setTls(tls: UplinkTls): void {
    this.#tls = tls
    const old = this.#client
    this.#client = undefined
    // First: the address of a stream that this satellite ends itself is reachable.
    this.#redirect.close()
    if (this.#stream !== undefined) this.#lost(this.#stream, 'the certificate was renewed')
    old?.close()
  }

  /** Gives the hub another token; the stream stays. */
  setToken(token: string): void {
    this.#token = token
    if (this.#stream === undefined) return
    this.write(encodeBody({ $case: 'credentials', value: { token } }))
  }

  /** Ends the stream. Messages that were written before are still delivered until `close`. */
  end(): void {
    this.#closed = true
    void this.#heart.close()
    void this.#dialer.close()
    this.#welcomedAt = undefined
    clearTimeout(this.#directTimer)
    this.#stream?.end()
  }

  close(): void {
    this.#stream?.cancel()
    this.#redirect.close()
    this.#client?.close()
  }

  async #dial(): Promise<void> {
    const greeting = await this.#options.greeting()
    if (this.#closed) return
    const metadata = this.#redirect.metadata()
    if (this.#token !== undefined) metadata.set('authorization', `Bearer ${this.#token}`)
    const { path, serialize, deserialize } = connectMethod
    const client = this.#clientFor()
    const isDirect = client !== this.#client
    const stream = client.makeBidiStreamRequest(path, serialize, deserialize, metadata)
    this.#stream = stream
    this.#heardAt = performance.now()
    stream.on('data', (message: HubMessage) => {
      this.#heardAt = performance.now()
      this.#options.onMessage(message)
    })
    stream.on('drain', () => {
      this.#blocked = false
      if (stream === this.#stream) this.#options.onWritable()
    })
    stream.on('error', (error: ServiceError) => this.#lost(stream, error.message, error.metadata))
    stream.on('end', () => this.#lost(stream, 'the hub ended the stream'))
    this.write(encodeBody(greeting))
    // The address of a node that lost its power answers nothing at all.
    if (isDirect) {
      const silent = () => this.#lost(stream, 'the active hub does not answer')
      this.#directTimer = setTimeout(silent, directMs)
    }
  }

  /** Returns the client for the next dial: that of the active hub after a redirect, otherwise that of the Service. */
  #clientFor(): HubClient {
    const direct = this.#redirect.client(this.#tls)
    if (direct !== undefined) return direct
    this.#client ??= newHubClient(this.#options, this.#tls, this.#options.timing.mostMs)
    return this.#client
  }

  /** Closes the connection to a replica that knows no active hub: the Service may lead the next one elsewhere. */
  #leaveReplica(): void {
    this.#client?.close()
    this.#client = undefined
  }

  #dialLater(): void {
    if (this.#redirect.isFresh) {
      this.#dialer.request(Math.random() * this.#options.timing.firstMs)
      return
    }
    this.#attempt += 1
    const { timing } = this.#options
    const mostMs = this.#redirect.isStandby ? Math.min(standbyMs, timing.mostMs) : timing.mostMs
    this.#dialer.request(backoffMs(this.#attempt, Math.random(), { ...timing, mostMs }))
  }

  /** @param metadata of the stream's end: a hub on standby names the active one */
  #lost(which: Stream, reason: string, metadata?: Metadata): void {
    if (which !== this.#stream) return
    clearTimeout(this.#directTimer)
    this.#redirect.ended(metadata)
    if (this.#redirect.isStandby) this.#leaveReplica()
    const { timing, onLost } = this.#options
    this.#stream = undefined
    this.#blocked = false
    // A hub that accepts this node and drops it at once must not be dialled in a tight loop.
    const lasted = performance.now() - (this.#welcomedAt ?? performance.now())
    if (lasted > timing.baseMs) this.#attempt = 0
    this.#welcomedAt = undefined
    which.cancel()
    onLost()
    if (this.#closed) return
    if (!this.#redirect.isFresh) this.#logLost(reason)
    this.#dialLater()
  }

  #logLost(reason: string): void {
    const hint = connectionHint(reason)
    if (this.#logged === hint) return
    this.#logged = hint
    const { hub, facts, logger } = this.#options
    logger.warn({ code: 'UNAVAILABLE', hub, ...facts(), reason }, `no hub: ${hint}`)
  }

  #beat(): void {
    const stream = this.#stream
    if (stream === undefined) return
    if (performance.now() - this.#heardAt > silentBeats * this.#options.timing.heartbeatMs) {
      this.#lost(stream, 'the hub is silent')
      return
    }
    this.#beats += 1
    this.send({ $case: 'heartbeat', value: { sequence: this.#beats } })
    this.#options.onHeartbeat()
  }
}
