import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type CertificatePair, checkPair } from '../../../certs/pair.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { errnoOf } from '../../../src/lib/durable-file.js'
import type { Logger } from '../../../src/lib/log.js'

export interface Address {
  host: string
  port: number
}

/** The TLS listener in front of gRPC: it decides who may talk at all, and says who may not. */
export interface TlsFront {
  address: Address
  /** New handshakes use this pair; open connections go on. CERTIFICATE_INVALID leaves the old one. */
  setCertificate(pair: CertificatePair): void
  /** Cuts the connection of one peer (`address:port`, as gRPC's getPeer names it). */
  cut(peer: string): void
  /** A peer without a certificate has proven by other means who it is. */
  proven(peer: string): void
  close(): Promise<void>
}

const handshakeTimeoutMs = 10_000
/** Connections without a certificate whose token was not found good yet: so many, so long. */
const mostUnproven = 512
const provenWithinMs = 20_000
/** One line per address and reason in this time: a port scan must not fill the log. */
const repeatMs = 10_000

function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`
}

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

/** TLS without a client certificate, as opposed to one with a wrong one. */
function isBare(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length === 0
}

/**
 * Listens with mutual TLS and hands over every connection whose certificate the authorities signed; with
 * `tokens` also those that bring none, for a while, until they have proven themselves by a token.
 * grpc-js logs refused handshakes nowhere and cannot cut a stalled peer, so this is ours.
 * PORT_IN_USE, CERTIFICATE_INVALID.
 */
export async function openTlsFront(options: {
  listen: Address
  tls: CertificatePair
  logger: Logger
  tokens?: boolean
  onConnection: (socket: TLSSocket) => void
  /** Told of every connection that was refused. */
  onRefused?: () => void
}): Promise<TlsFront> {
  const { logger, tokens = false } = options
  const unproven = new Map<string, NodeJS.Timeout>()
  const sockets = new Map<string, TLSSocket>()
  const said = new Map<string, number>()

  function refuse(socket: Socket, reason: string, peerName: string | undefined): void {
    const address = socket.remoteAddress ?? 'unknown'
    const now = Date.now()
    const key = `${address} ${reason}`
    if (now - (said.get(key) ?? 0) > repeatMs) {
      if (said.size > 1000) said.clear()
      said.set(key, now)
      logger.warn({ code: 'UNAUTHENTICATED', address, peerName, reason }, 'connection refused')
    }
    options.onRefused?.()
    socket.destroy()
  }

  function prove(peer: string): void {
    clearTimeout(unproven.get(peer))
    unproven.delete(peer)
  }

  function mayStayBare(socket: TLSSocket): boolean {
    if (!tokens || !isBare(socket)) return false
    if (unproven.size >= mostUnproven) return false
    const peer = peerOf(socket)
    const limit = setTimeout(
      () => refuse(socket, 'no token came in time', undefined),
      provenWithinMs
    )
    unproven.set(peer, limit)
    socket.once('close', () => prove(peer))
    return true
  }

  checkPair(options.tls, 'hub certificate')
  const server = createServer({
    ...options.tls,
    requestCert: true,
    // Refused below, where the reason is known; Node itself would cut it without a word.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    handshakeTimeout: handshakeTimeoutMs
  })
  server.on('tlsClientError', (error, socket) => refuse(socket, error.message, undefined))
  server.on('secureConnection', (socket) => {
    // Resets are no news: the stream above ends and says so.
    socket.on('error', () => undefined)
    if (!socket.authorized && !mayStayBare(socket)) {
      const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string } }
      const reason: unknown = socket.authorizationError
      refuse(socket, reason instanceof Error ? reason.message : String(reason), subject?.CN)
      return
    }
    const peer = peerOf(socket)
    sockets.set(peer, socket)
    socket.once('close', () => sockets.delete(peer))
    options.onConnection(socket)
  })
  const address = await listen(server, options.listen)
  server.on('error', (error) => logger.error({ err: error }, 'the listener of the hub failed'))
  return {
    address,
    setCertificate(pair) {
      checkPair(pair, 'hub certificate')
      server.setSecureContext({ ca: pair.ca, cert: pair.cert, key: pair.key })
    },
    cut: (peer) => sockets.get(peer)?.destroy(),
    proven: prove,
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets.values()) socket.destroy()
      })
    }
  }
}
