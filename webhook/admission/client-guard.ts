import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import { SeccoError } from '../../src/lib/errors.js'
import { type Bucket, createBucket } from '../../src/lib/pace.js'

/** Connections from one address that has shown no valid certificate: enough for probes and a scrape, and no more. */
const unprovenRate = { perSecond: 20, burst: 60 }
const mostAddresses = 4096

/** ClientGuard lets only the API server ask for decisions, and bounds what anybody else costs. */
export interface ClientGuard {
  /** Follows the connections of a server: those that come too fast are closed before their handshake. */
  watch(server: Server): void
  /** Returns whether a connection has shown a certificate that is accepted. */
  accepts(socket: Socket): boolean
  /** @throws SeccoError UNAUTHENTICATED; the connection ends with the answer, and the body is not read. */
  check(socket: Socket, response: ServerResponse): void
}

class CertificateGuard implements ClientGuard {
  readonly #names: ReadonlySet<string>
  /** Addresses that have shown a valid certificate. */
  readonly #proven = new Map<string, true>()
  readonly #buckets = new Map<string, Bucket>()
  readonly #now: () => number

  constructor(names: readonly string[], now: () => number) {
    this.#names = new Set(names)
    this.#now = now
  }

  watch(server: Server): void {
    server.prependListener('connection', (socket: Socket) => {
      if (!this.#mayConnect(socket.remoteAddress ?? '')) socket.destroy()
    })
  }

  check(socket: Socket, response: ServerResponse): void {
    if (this.accepts(socket)) {
      const address = socket.remoteAddress ?? ''
      if (!this.#proven.has(address)) {
        this.#proven.set(address, true)
        dropOldest(this.#proven, mostAddresses)
      }
      return
    }
    response.shouldKeepAlive = false
    // Node would read the whole body of a request that was answered.
    response.once('finish', () => setImmediate(() => socket.destroy()))
    throw new SeccoError('UNAUTHENTICATED', 'reviews need a client certificate', {
      hint: "give the API server one with --admission-control-config-file, signed by the webhook's client authority"
    })
  }

  accepts(socket: Socket): boolean {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return false
    // Node calls a resumed session of TLS 1.3 authorized even if its client never had a certificate.
    const certificate = socket.getPeerCertificate() as { subject?: { CN?: unknown } }
    if (Object.keys(certificate).length === 0) return false
    if (this.#names.size === 0) return true
    const name = certificate.subject?.CN
    return typeof name === 'string' && this.#names.has(name)
  }

  #mayConnect(address: string): boolean {
    if (this.#proven.has(address)) return true
    let bucket = this.#buckets.get(address)
    if (bucket === undefined) {
      bucket = createBucket(unprovenRate.perSecond, unprovenRate.burst)
      this.#buckets.set(address, bucket)
      dropOldest(this.#buckets, mostAddresses)
    }
    return bucket.take(this.#now())
  }
}

/**
 * Creates a guard for callers whose certificate the listener has verified.
 * @param names common names that are accepted; none: every name
 */
export function createClientGuard(
  names: readonly string[] = [],
  now: () => number = () => performance.now()
): ClientGuard {
  return new CertificateGuard(names, now)
}
