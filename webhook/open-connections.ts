import type { Socket } from 'node:net'
import { crowdsOf, networkOf } from '../src/lib/network-of.js'

/** Connections of one address; an API server has as many as requests at a time (--max-mutating-requests-inflight, 200). */
const mostOfOneAddress = 1024
const mostOfAll = 4096
/** A network with more requests than this at a time has no API server alone in it: then those give way, too. */
const mostOfOneServer = 512

interface Open {
  readonly address: string
  count: number
  /** Connections without a request; what was used last is last. */
  readonly idle: Set<Socket>
}

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>

const firstOf = ([first]: Iterable<Socket>): Socket | undefined => first

const nameOf = ({ remoteAddress = '', remotePort = 0 }: Peer): string =>
  `${remoteAddress} ${remotePort}`

/**
 * OpenConnections limits the connections of each address, and of all. A new one takes the place of an idle one; of one with a
 * request only where its network has more of them than an API server.
 */
export class OpenConnections {
  readonly #addresses = new Map<string, Open>()
  readonly #counted = new Map<Socket, Open>()
  /** By address and port, until TLS is set up. */
  readonly #peers = new Map<string, Socket>()
  /** The TCP connection below each TLS connection. */
  readonly #below = new WeakMap<Socket, Socket>()

  /** Counts a connection. Returns false where there is no room. */
  add(socket: Socket): boolean {
    const address = socket.remoteAddress ?? ''
    if (!this.#makeRoom(address)) return false
    const own = this.#addresses.get(address) ?? { address, count: 0, idle: new Set<Socket>() }
    this.#addresses.set(address, own)
    own.count += 1
    own.idle.add(socket)
    this.#counted.set(socket, own)
    const name = nameOf(socket)
    this.#peers.set(name, socket)
    socket.once('close', () => {
      this.#remove(socket)
      if (this.#peers.get(name) === socket) this.#peers.delete(name)
    })
    return true
  }

  /** Takes the TLS connection over one that is counted. @param isProven one that proved who it is counts no more */
  secure(tls: Socket, isProven: boolean): void {
    const socket = this.#peers.get(nameOf(tls))
    if (socket === undefined) return
    if (isProven) this.#remove(socket)
    else this.#below.set(tls, socket)
  }

  /** Records whether a TLS connection has a request: then no other one takes its place. */
  use(tls: Socket, isUsed: boolean): void {
    const socket = this.#below.get(tls)
    const own = socket && this.#counted.get(socket)
    if (socket === undefined || own === undefined) return
    if (isUsed) own.idle.delete(socket)
    else own.idle.add(socket)
  }

  #makeRoom(address: string): boolean {
    const own = this.#addresses.get(address)
    const isFull = own !== undefined && own.count >= mostOfOneAddress
    if (!isFull && this.#counted.size < mostOfAll) return true
    const oldest = isFull ? firstOf(own.idle) : this.#surplus(networkOf(address))
    if (oldest === undefined) return false
    this.#remove(oldest)
    oldest.destroy()
    return true
  }

  /**
   * Returns the connection that makes room for a new one: of the largest network that can give one and has no fewer than that
   * of the new one, and there of the address that has the most.
   */
  #surplus(newcomer: string): Socket | undefined {
    const crowds = crowdsOf(this.#addresses, ({ count }) => count)
    const least = crowds.find(({ network }) => network === newcomer)?.count ?? 0
    for (const { count, members } of crowds) {
      if (count < least) return undefined
      const most = members.reduce((one, other) => (other.count > one.count ? other : one))
      const idle = firstOf(most.idle)
      if (idle !== undefined) return idle
      // Each of its connections has a request.
      if (count > mostOfOneServer) return this.#oldestOf(most)
    }
    return undefined
  }

  #oldestOf(address: Open): Socket | undefined {
    for (const [socket, one] of this.#counted) if (one === address) return socket
    return undefined
  }

  #remove(socket: Socket): void {
    const own = this.#counted.get(socket)
    if (own === undefined) return
    this.#counted.delete(socket)
    own.idle.delete(socket)
    own.count -= 1
    if (own.count === 0) this.#addresses.delete(own.address)
  }
}
