import type { Socket } from 'node:net'
import { crowdsOf } from '../../../src/lib/network-of.js'

export interface WaitingLimits {
  /** Connections in total. */
  total: number
  ofOneAddress: number
}

interface Waiting<Connection> {
  socket: Connection
  timer: NodeJS.Timeout | undefined
}

type Peers<Connection> = Map<string, Waiting<Connection>>

/** Returns the name of a peer as gRPC's getPeer has it. */
export function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`
}

function oldestOf<Connection>(peers: Peers<Connection>): Connection | undefined {
  const [first] = peers.values()
  return first?.socket
}

/** WaitingPeers holds connections that have not proven who they are. A new one takes the place of the oldest, never the other way round. */
export class WaitingPeers<Connection extends Socket> {
  readonly #limits: WaitingLimits
  /** By address, and then by peer; each in the order of arrival. */
  readonly #addresses = new Map<string, Peers<Connection>>()
  #count = 0

  constructor(limits: WaitingLimits) {
    this.#limits = limits
  }

  /** Adds a connection and returns its peer. @param timer is cleared when the connection is removed */
  add(socket: Connection, timer?: NodeJS.Timeout): string {
    const peer = peerOf(socket)
    // A port can be used again before the close of its last connection is heard.
    this.remove(peer)
    const address = addressOf(peer)
    const peers = this.#addresses.get(address) ?? (new Map() as Peers<Connection>)
    this.#addresses.set(address, peers.set(peer, { socket, timer }))
    this.#count += 1
    return peer
  }

  has(peer: string): boolean {
    return this.#addresses.get(addressOf(peer))?.has(peer) === true
  }

  /** @param socket the connection that is meant, if a later one may have the same port */
  remove(peer: string, socket?: Connection): void {
    const known = this.#addresses.get(addressOf(peer))?.get(peer)
    if (socket !== undefined && known?.socket !== socket) return
    clearTimeout(this.#take(peer)?.timer)
  }

  /** Gives a connection to others that wait, where it is the newest. Its timer goes on. */
  move(peer: string, to: WaitingPeers<Connection>): void {
    const known = this.#take(peer)
    if (known !== undefined) to.add(known.socket, known.timer)
  }

  #take(peer: string): Waiting<Connection> | undefined {
    const address = addressOf(peer)
    const peers = this.#addresses.get(address)
    const known = peers?.get(peer)
    if (peers === undefined || known === undefined) return undefined
    peers.delete(peer)
    if (peers.size === 0) this.#addresses.delete(address)
    this.#count -= 1
    return known
  }

  /**
   * Returns the connection that makes room for one from this address: the oldest of the address, or in the network that has the
   * most the oldest of the address that has the most.
   */
  surplus(address: string): Connection | undefined {
    const own = this.#addresses.get(address)
    if (own !== undefined && own.size >= this.#limits.ofOneAddress) return oldestOf(own)
    if (this.#count < this.#limits.total) return undefined
    const [crowd] = crowdsOf(this.#addresses, ({ size }) => size)
    const [first, ...others] = crowd?.members ?? []
    return first && oldestOf(others.reduce((a, b) => (b.size > a.size ? b : a), first))
  }
}

/** Returns the address of a peer. */
export function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'))
}
