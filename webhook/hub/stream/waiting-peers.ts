import type { Socket } from 'node:net'

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
    const address = addressOf(peer)
    const peers = this.#addresses.get(address) ?? (new Map() as Peers<Connection>)
    this.#addresses.set(address, peers.set(peer, { socket, timer }))
    this.#count += 1
    return peer
  }

  remove(peer: string): void {
    const address = addressOf(peer)
    const peers = this.#addresses.get(address)
    const known = peers?.get(peer)
    if (peers === undefined || known === undefined) return
    clearTimeout(known.timer)
    peers.delete(peer)
    if (peers.size === 0) this.#addresses.delete(address)
    this.#count -= 1
  }

  /** Returns the connection that makes room for one from this address: the oldest of the address that has the most. */
  surplus(address: string): Connection | undefined {
    const own = this.#addresses.get(address)
    if (own !== undefined && own.size >= this.#limits.ofOneAddress) return oldestOf(own)
    if (this.#count < this.#limits.total) return undefined
    let most: Peers<Connection> | undefined
    for (const peers of this.#addresses.values()) {
      if (most === undefined || peers.size > most.size) most = peers
    }
    return most && oldestOf(most)
  }
}

function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'))
}
