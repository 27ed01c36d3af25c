import type { SeccoError } from '../../src/lib/errors.js'

interface Waiter {
  /** Sequences that are not durable yet, by instance. */
  missing: Map<string, number>
  resolve: () => void
  reject: (error: SeccoError) => void
}

/** DurableWaiters holds the callers that wait until observations survive this process. */
export class DurableWaiters {
  readonly #waiters = new Set<Waiter>()

  /** Resolves when each of these instances is durable up to its sequence. The map belongs to the waiter from now on. */
  wait(missing: Map<string, number>): Promise<void> {
    if (missing.size === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.add({ missing, resolve, reject })
    })
  }

  /** An instance is durable up to this sequence. */
  durable(id: string, sequence: number): void {
    for (const waiter of this.#waiters) {
      if ((waiter.missing.get(id) ?? Infinity) > sequence) continue
      waiter.missing.delete(id)
      if (waiter.missing.size > 0) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  /** The disk failed: rejects all waiters. */
  fail(error: SeccoError): void {
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters.clear()
  }
}
