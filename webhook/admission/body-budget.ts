import type { FastifyInstance } from 'fastify'

/** Bodies up to this size are read at once: two hundred of them take less memory than one of the longest. */
const alwaysRead = 256 * 1024

/** Large bodies of one client that are in memory at a time: enough to keep the reader busy. */
const mostOfOneClient = 4

interface Waiting {
  client: string
  bytes: number
  start: () => void
}

/** BodyQueue holds requests with large bodies, unread, until there is room; clients take turns. */
class BodyQueue {
  readonly #maxBytes: number
  #inMemory = 0
  /** Number of bodies that are read or decided, by client. */
  readonly #running = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(entry: Waiting): void {
    this.#waiting.add(entry)
    this.#startWaiting()
  }

  /** Removes a request that was answered or whose client is gone. */
  remove(entry: Waiting): void {
    if (!this.#waiting.delete(entry)) {
      this.#inMemory -= entry.bytes
      const left = (this.#running.get(entry.client) ?? 1) - 1
      if (left === 0) this.#running.delete(entry.client)
      else this.#running.set(entry.client, left)
    }
    this.#startWaiting()
  }

  #startWaiting(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (this.#inMemory + next.bytes > this.#maxBytes) return
      this.#waiting.delete(next)
      this.#inMemory += next.bytes
      this.#running.set(next.client, this.#runningOf(next) + 1)
      next.start()
    }
  }

  /** Returns the oldest request of the client that has the fewest bodies in memory. */
  #next(): Waiting | undefined {
    let found: Waiting | undefined
    let fewest = mostOfOneClient
    for (const entry of this.#waiting) {
      const running = this.#runningOf(entry)
      if (running < fewest) [found, fewest] = [entry, running]
      if (fewest === 0) break
    }
    return found
  }

  #runningOf({ client }: Waiting): number {
    return this.#running.get(client) ?? 0
  }
}

/**
 * Delays requests with large bodies, unread, until earlier ones are answered: at most `maxBytes` of bodies are in
 * memory, and four bodies of one client. The API server sends up to 200 requests at a time
 * (--max-mutating-requests-inflight), and a webhook that runs out of memory is a way around every rule.
 * @param longest the longest body that is accepted; a request that announces a longer one is rejected unread.
 * @param maxBytes at least `longest`.
 */
export function limitBodies(app: FastifyInstance, longest: number, maxBytes: number): void {
  const queue = new BodyQueue(maxBytes)
  app.addHook('onRequest', (request, reply, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    // A body of unknown length can be as long as the longest.
    const bytes = encoding === undefined ? Number(length ?? 0) : longest
    if (bytes <= alwaysRead || bytes > longest) {
      done()
      return
    }
    const entry = { client: request.raw.socket.remoteAddress ?? '', bytes, start: done }
    reply.raw.once('close', () => queue.remove(entry))
    queue.add(entry)
  })
}
