import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { CertificatePair } from '../../../certs/pair.js'
import { SeccoError } from '../../../src/lib/errors.js'

/** Protocol (ALPN) of connections with which a replica on standby passes requests for pages and API on. */
export const pagesProtocol = 'secco-pages'
/** The active hub's first byte on such a connection: it serves what follows. */
const served = Buffer.of(6)
const dialMs = 3000

type Peer = Pick<TLSSocket, 'getPeerCertificate'>

/** Certificates that count: the one before a renewal too, because replicas read a new one within seconds. */
const mostKnown = 2

/**
 * ReplicaLink connects the replicas of a hub with each other. All of them serve with one certificate of one Secret:
 * a peer that proves to have its key is a replica. Nothing else is accepted, not even another certificate of the
 * same authority, because satellites have those.
 */
export class ReplicaLink {
  #pair: CertificatePair
  #known: string[] = []
  #serve: ((socket: TLSSocket) => void) | undefined

  constructor(pair: CertificatePair) {
    this.#pair = pair
    this.setCertificate(pair)
  }

  setCertificate(pair: CertificatePair): void {
    this.#pair = pair
    const { fingerprint256 } = new X509Certificate(pair.cert)
    const others = this.#known.filter((one) => one !== fingerprint256)
    this.#known = [fingerprint256, ...others].slice(0, mostKnown)
  }

  /** Serves the connections of other replicas; without a call none is accepted. */
  serve(handler: (socket: TLSSocket) => void): void {
    this.#serve = handler
  }

  /** Serves a connection that a listener accepted. Returns why not. */
  accept(socket: TLSSocket): string | undefined {
    if (!this.#isReplica(socket)) return 'not a replica of this hub'
    if (this.#serve === undefined) return 'no pages here'
    this.#serve(socket)
    return undefined
  }

  /** Reports to the peer that it is served from now on. */
  static welcome(socket: TLSSocket): void {
    socket.write(served)
  }

  /** Connects to the active hub. @throws SeccoError UNAVAILABLE when it does not serve this replica */
  async dial(address: string): Promise<TLSSocket> {
    const { cert, key } = this.#pair
    const { hostname, port } = new URL(`https://${address}`)
    const socket = connect({
      ...{ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443), cert, key },
      ...{ minVersion: 'TLSv1.3', ALPNProtocols: [pagesProtocol] },
      // The certificate itself is compared, which is stricter than its names and its authority.
      rejectUnauthorized: false
    })
    socket.setTimeout(dialMs, () => socket.destroy(new Error('no answer')))
    socket.on('error', () => undefined)
    try {
      await once(socket, 'secureConnect')
      if (!this.#isReplica(socket)) throw new Error('it is no replica of this hub')
      await once(socket, 'readable')
      if ((socket.read(1) as Buffer | null)?.equals(served) !== true)
        throw new Error('it is on standby')
    } catch (cause) {
      socket.destroy()
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new SeccoError('UNAVAILABLE', `active hub ${address}: ${reason}`, { cause })
    }
    socket.setTimeout(0)
    socket.setKeepAlive(true, 5000)
    return socket
  }

  #isReplica(peer: Peer): boolean {
    const { fingerprint256 } = peer.getPeerCertificate() as { fingerprint256?: string }
    return fingerprint256 !== undefined && this.#known.includes(fingerprint256)
  }
}
