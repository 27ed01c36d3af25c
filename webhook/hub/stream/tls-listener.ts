import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type CertificatePair, checkPair } from '../../../certs/pair.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { errnoOf } from '../../../src/lib/durable-file.js'
import { FewLines } from '../../../src/lib/few-lines.js'
import type { Logger } from '../../../src/lib/log.js'
import { networkOf } from '../../../src/lib/network-of.js'
import { pagesProtocol } from './replica-link.js'
import { addressOf, peerOf, WaitingPeers } from './waiting-peers.js'

export interface Address {
  host: string
  port: number
}

/** TlsListener is the TLS listener in front of gRPC: it decides who may connect, and logs who may not. */
export interface TlsListener {
  address: Address
  /** Uses this pair for new handshakes; open connections continue. CERTIFICATE_INVALID keeps the old pair. */
  setCertificate(pair: CertificatePair): void
  /** Closes the connection of one peer (`address:port`, as gRPC's getPeer names it). */
  cut(peer: string): void
  /**
   * Records that a peer without a certificate has sent a token that is being reviewed, or that this is over. Those that only
   * connect take no room from it.
   */
  reviewing(peer: string, isReviewing: boolean): void
  /** Records that a peer without a certificate has authenticated in another way. */
  proven(peer: string): void
  close(): Promise<void>
}

export interface TlsListenerOptions {
  listen: Address
  tls: CertificatePair
  logger: Logger
  /** Whether peers may authenticate with a token instead of a certificate. */
  tokens?: boolean
  onConnection: (socket: TLSSocket) => void
  /** Takes connections of other replicas, and returns why it does not. */
  onReplica?: (socket: TLSSocket) => string | undefined
  /** Called for every connection that was rejected. */
  onRejected?: () => void
}

const handshakeTimeoutMs = 10_000
/**
 * Connections whose handshake is not complete, in total and from one address. A handshake takes milliseconds, and a node has
 * one connection; many nodes may share the address of a gateway.
 */
const handshakeLimits = { total: 1024, ofOneAddress: 256 }
/** Connections without a certificate that may wait for their token to be accepted, and for how long. */
const unprovenLimits = { total: 512, ofOneAddress: 64 }
/** Those whose token is being reviewed: as many as are reviewed at once, see reviewRate in identity.ts. */
const reviewingLimits = { total: 2048, ofOneAddress: 512 }
const provenWithinMs = 20_000
const madeRoom = 'made room for a newer connection'
/** One line per address and reason in this time: a port scan must not fill the log. */
const repeatMs = 10_000

function listen(server: Server, { host, port }: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error) => {
      const code = errnoOf(error) === 'EADDRINUSE' ? 'PORT_IN_USE' : 'UNAVAILABLE'
      const hint = 'choose another address with --hub-listen, or port 0'
      reject(new SeccoError(code, `hub ${host}:${port}: ${error.message}`, { cause: error, hint }))
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve({ host, port: (server.address() as AddressInfo).port })
    })
  })
}

/** Returns whether the peer presented no client certificate, as opposed to a wrong one. */
function isBare(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length === 0
}

/** PeerConnections holds the open connections, and for how long those without a certificate may stay. */
class PeerConnections {
  readonly #options: TlsListenerOptions
  /** Connections whose handshake is not complete. */
  readonly #handshakes = new WaitingPeers<Socket>(handshakeLimits)
  readonly #unproven = new WaitingPeers<TLSSocket>(unprovenLimits)
  readonly #reviewing = new WaitingPeers<TLSSocket>(reviewingLimits)
  readonly #sockets = new Map<string, TLSSocket>()
  /** When a rejection was last logged, by network and reason. */
  readonly #logged = new Map<string, number>()
  readonly #lines = new FewLines()

  constructor(options: TlsListenerOptions) {
    this.#options = options
  }

  /** Takes a connection that begins its handshake. */
  begin(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const surplus = this.#handshakes.surplus(address)
    if (surplus !== undefined) {
      this.#handshakes.remove(peerOf(surplus))
      this.#log(surplus.remoteAddress, madeRoom, undefined)
      // The server then reports `tlsClientError`, which counts it.
      surplus.destroy()
    }
    const peer = this.#handshakes.add(socket)
    socket.once('close', () => this.#handshakes.remove(peer, socket))
  }

  accept(socket: TLSSocket): void {
    this.#handshakes.remove(peerOf(socket))
    // The stream above ends and reports a reset.
    socket.on('error', () => undefined)
    if (socket.alpnProtocol === pagesProtocol) {
      const problem = this.#options.onReplica?.(socket)
      if (problem !== undefined) this.reject(socket, problem, undefined)
      return
    }
    // Node calls a resumed session of TLS 1.3 authorized even if its client never had a certificate.
    const isCertified = socket.authorized && !(socket.isSessionReused() && isBare(socket))
    if (!isCertified && !this.#mayStayBare(socket)) {
      const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string } }
      const reason: unknown = socket.authorizationError
      this.reject(socket, reason instanceof Error ? reason.message : String(reason), subject?.CN)
      return
    }
    const peer = peerOf(socket)
    this.#sockets.set(peer, socket)
    socket.once('close', () => {
      if (this.#sockets.get(peer) === socket) this.#sockets.delete(peer)
    })
    this.#options.onConnection(socket)
  }

  reject(socket: Socket, reason: string, peerName: string | undefined): void {
    this.#log(socket.remoteAddress, reason, peerName)
    this.#options.onRejected?.()
    socket.destroy()
  }

  proven(peer: string): void {
    this.#unproven.remove(peer)
    this.#reviewing.remove(peer)
  }

  review(peer: string, isReviewing: boolean): void {
    const [from, to] = isReviewing
      ? [this.#unproven, this.#reviewing]
      : [this.#reviewing, this.#unproven]
    if (!from.has(peer)) return
    this.#makeRoom(to, addressOf(peer))
    from.move(peer, to)
  }

  cut(peer: string): void {
    this.#sockets.get(peer)?.destroy()
  }

  cutAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  #mayStayBare(socket: TLSSocket): boolean {
    if (this.#options.tokens !== true || !isBare(socket)) return false
    this.#makeRoom(this.#unproven, socket.remoteAddress ?? '')
    const limit = setTimeout(() => {
      // A token came, and its review ends by itself.
      if (this.#reviewing.has(peer)) limit.refresh()
      else this.reject(socket, 'no token came in time', undefined)
    }, provenWithinMs)
    const peer = this.#unproven.add(socket, limit)
    socket.once('close', () => {
      for (const waiting of [this.#unproven, this.#reviewing]) waiting.remove(peer, socket)
    })
    return true
  }

  #makeRoom(waiting: WaitingPeers<TLSSocket>, address: string): void {
    const surplus = waiting.surplus(address)
    if (surplus === undefined) return
    waiting.remove(peerOf(surplus))
    this.reject(surplus, madeRoom, undefined)
  }

  #log(address = 'unknown', reason: string, peerName: string | undefined): void {
    const now = performance.now()
    const key = `${networkOf(address)} ${reason}`
    if (now - (this.#logged.get(key) ?? Number.NEGATIVE_INFINITY) <= repeatMs) return
    if (this.#logged.size > 1000) this.#logged.clear()
    this.#logged.set(key, now)
    const more = this.#lines.next()
    if (more === undefined) return
    const fields = { code: 'UNAUTHENTICATED', address, peerName, reason, ...more }
    this.#options.logger.warn(fields, 'connection rejected')
  }
}

/**
 * Listens with mutual TLS and passes on every connection whose certificate the authorities signed. With
 * `tokens` it also passes on connections without a certificate, for a while, until they authenticate by token.
 * grpc-js does not log rejected handshakes and cannot close a stalled peer's connection.
 * @throws SeccoError PORT_IN_USE, CERTIFICATE_INVALID.
 */
export async function openTlsListener(options: TlsListenerOptions): Promise<TlsListener> {
  checkPair(options.tls, 'hub certificate')
  const connections = new PeerConnections(options)
  const server = createServer({
    ...options.tls,
    requestCert: true,
    // PeerConnections rejects, and logs the reason; Node itself would close the connection without a log line.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', pagesProtocol],
    handshakeTimeout: handshakeTimeoutMs
  })
  server.on('connection', (socket: Socket) => connections.begin(socket))
  server.on('tlsClientError', (error, socket) =>
    connections.reject(socket, error.message, undefined)
  )
  server.on('secureConnection', (socket) => connections.accept(socket))
  const address = await listen(server, options.listen)
  server.on('error', (error) => options.logger.error({ err: error }, 'hub listener failed'))
  return {
    address,
    setCertificate(pair) {
      checkPair(pair, 'hub certificate')
      server.setSecureContext({ ca: pair.ca, cert: pair.cert, key: pair.key })
    },
    cut: (peer) => connections.cut(peer),
    reviewing: (peer, isReviewing) => connections.review(peer, isReviewing),
    proven: (peer) => connections.proven(peer),
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve())
        connections.cutAll()
      })
    }
  }
}
