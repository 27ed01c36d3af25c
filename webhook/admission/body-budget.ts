import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { networkOf } from '../../src/lib/network-of.js'
import { type FairTurns, reviewCost } from './fair-turns.js'

/**
 * Bodies up to this size are read from the network at once, and as text on the event loop: less than a millisecond, about
 * what it takes to hand a body to a thread.
 */
export const alwaysRead = 64 * 1024

/** Large bodies of one client that are in memory at a time: one that comes in, and one that is read. */
const mostOfOneClient = 2

/** While another client waits for room, a body must come this fast: an eighth of its length in each interval. */
const intervalMs = 250
const intervals = 8

interface Waiting {
  client: string
  bytes: number
  request: IncomingMessage
  /** Takes a turn, and reads the body. @param onTurn called when the turn comes */
  start: (onTurn: () => void) => void
}

/** Progress is what had come of a body, and when. */
interface Progress {
  at: number
  bytesRead: number
}

/** Network is a group of clients that may all be one attacker; see network-of.ts. */
interface Network {
  clients: number
  running: number
  /** Number of the start of its last body; of a new network the half before the last one. */
  last: number
}

interface Client {
  readonly network: Network
  running: number
  readonly waiting: Set<Waiting>
}

/** Returns whether it is a client's turn before another one's that comes before it in the order of their last starts. */
function isBefore(one: Client, other: Client): boolean {
  if (one.network === other.network) return one.running < other.running
  const fewer = one.network.running - other.network.running
  return fewer < 0 || (fewer === 0 && one.network.last < other.network.last)
}

/** Returns the address that names a client. */
export const addressOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? ''

/** Returns a function that finds out whether the connection of a request is closed. */
export const goneCheck =
  ({ socket }: IncomingMessage): (() => boolean) =>
  () =>
    socket.destroyed

/** BodyQueue holds requests with large bodies, unread, until there is room; clients take turns. */
class BodyQueue {
  readonly #maxBytes: number
  #inMemory = 0
  /** Bodies that are read or decided. Undefined: it is not their client's turn yet. */
  readonly #running = new Map<Waiting, Progress | undefined>()
  /** Clients with bodies; whose body was started last is last. */
  readonly #clients = new Map<string, Client>()
  readonly #networks = new Map<string, Network>()
  #starts = 0
  #slow: NodeJS.Timeout | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(entry: Waiting): void {
    this.#clientOf(entry.client).waiting.add(entry)
    this.#startWaiting()
  }

  /** Removes a request that was read or answered, or whose client is gone. */
  remove(entry: Waiting): void {
    const client = this.#clients.get(entry.client)
    if (client === undefined) return
    if (this.#running.delete(entry)) {
      client.running -= 1
      client.network.running -= 1
      this.#inMemory -= entry.bytes
    } else client.waiting.delete(entry)
    if (client.running === 0 && client.waiting.size === 0) {
      this.#clients.delete(entry.client)
      client.network.clients -= 1
      if (client.network.clients === 0) this.#networks.delete(networkOf(entry.client))
    }
    this.#startWaiting()
  }

  #clientOf(name: string): Client {
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    const ofNetwork = networkOf(name)
    // It comes before whoever had the last start, and after those that were waiting then: to come back is no advantage.
    const last = this.#starts - 0.5
    const network = this.#networks.get(ofNetwork) ?? { clients: 0, running: 0, last }
    network.clients += 1
    this.#networks.set(ofNetwork, network)
    const client = { network, running: 0, waiting: new Set<Waiting>() }
    this.#clients.set(name, client)
    return client
  }

  #startWaiting(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#start(next)
    if (this.#wanting().length === 0) return
    // What has come meanwhile is read before it is judged.
    this.#slow ??= setTimeout(() => setImmediate(() => this.#cutSlow()), intervalMs).unref()
  }

  #start(entry: Waiting): void {
    const client = this.#clients.get(entry.client)
    if (client === undefined) return
    client.waiting.delete(entry)
    client.running += 1
    client.network.running += 1
    client.network.last = ++this.#starts
    this.#clients.delete(entry.client)
    this.#clients.set(entry.client, client)
    this.#inMemory += entry.bytes
    this.#running.set(entry, undefined)
    entry.start(() => {
      if (this.#running.has(entry)) this.#running.set(entry, progressOf(entry))
    })
  }

  /** Ends requests whose bodies do not come, if another client waits for their room. */
  #cutSlow(): void {
    this.#slow = undefined
    const wanting = this.#wanting()
    for (const [entry, before] of this.#running) {
      const { client, bytes, request } = entry
      const now = progressOf(entry)
      if (before === undefined || request.complete || now.at - before.at < intervalMs) continue
      this.#running.set(entry, now)
      const isSlow = now.bytesRead - before.bytesRead < bytes / intervals
      if (isSlow && wanting.some((one) => one !== client)) request.destroy()
    }
    this.#startWaiting()
  }

  /** Returns the clients that wait for room. */
  #wanting(): string[] {
    const wanting = [...this.#clients].filter(
      ([, { running, waiting }]) => running < mostOfOneClient && waiting.size > 0
    )
    return wanting.map(([client]) => client)
  }

  /**
   * Returns the oldest request that fits of the network with the fewest bodies in memory, whose last one was started first,
   * and there of the client of which the same is true.
   */
  #next(): Waiting | undefined {
    let found: { client: Client; entry: Waiting } | undefined
    for (const client of this.#clients.values()) {
      const isNext = found === undefined || isBefore(client, found.client)
      if (client.running >= mostOfOneClient || !isNext) continue
      const entry = this.#fitting(client.waiting)
      if (entry !== undefined) found = { client, entry }
    }
    return found?.entry
  }

  #fitting(waiting: Iterable<Waiting>): Waiting | undefined {
    for (const one of waiting) if (this.#inMemory + one.bytes <= this.#maxBytes) return one
    return undefined
  }
}

function progressOf({ request }: Waiting): Progress {
  return { at: performance.now(), bytesRead: request.socket.bytesRead }
}

/**
 * Delays requests with large bodies, unread, until earlier ones are read or answered: at most `maxBytes` of bodies are in
 * memory, and two bodies of one client. The API server sends up to 200 requests at a time
 * (--max-mutating-requests-inflight), and a webhook that runs out of memory is a way around every rule.
 * @param longest the longest body that is accepted; a request that announces a longer one is rejected unread.
 * @param maxBytes at least `longest`.
 * @returns a function that gives the room of a request back, when its body has been read
 */
export function limitBodies(
  app: FastifyInstance,
  longest: number,
  maxBytes: number,
  turns: Pick<FairTurns, 'take'>
): (request: IncomingMessage) => void {
  const queue = new BodyQueue(maxBytes)
  const entries = new WeakMap<IncomingMessage, Waiting>()
  const release = (request: IncomingMessage): void => {
    const entry = entries.get(request)
    if (entry !== undefined) queue.remove(entry)
  }
  app.addHook('onRequest', (request, reply, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    // A body of unknown length can be as long as the longest.
    const bytes = encoding === undefined ? Number(length ?? 0) : longest
    if (bytes <= alwaysRead || bytes > longest) {
      done()
      return
    }
    const { raw } = request
    const client = addressOf(raw)
    const start = (onTurn: () => void): void => {
      const begin = (): void => {
        onTurn()
        done()
      }
      const turn = turns.take(client, reviewCost(bytes), goneCheck(raw))
      if (turn === undefined) begin()
      else void turn.then(begin)
    }
    const entry = { client, bytes, request: raw, start }
    entries.set(raw, entry)
    reply.raw.once('close', () => release(raw))
    queue.add(entry)
  })
  return release
}
