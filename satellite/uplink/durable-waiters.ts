import type { SeccoError } from '../../src/lib/errors.js'

interface Waiter {
  /** Sequences that are not durable yet, by instance. */
  missing: Map<string, number>
  resolve: () => void
  reject: (error: SeccoError) => void
}

/** Those who wait until what was given away survives this process. */
export interface DurableWaiters {
  /** Resolves when each of these instances is durable up to its sequence. The map is the waiter's from now on. */
  wait(missing: Map<string, number>): Promise<void>
  /** An instance is durable up to there. */
  durable(id: string, sequence: number): void
  /** The disk failed: nobody's is. */
  fail(error: SeccoError): void
}

export function createDurableWaiters(): DurableWaiters {
  const waiters = new Set<Waiter>()
  return {
    wait(missing) {
      if (missing.size === 0) return Promise.resolve()
      return new Promise((resolve, reject) => {
        waiters.add({ missing, resolve, reject })
      })
    },
    durable(id, sequence) {
      for (const waiter of waiters) {
        if ((waiter.missing.get(id) ?? Infinity) > sequence) continue
        waiter.missing.delete(id)
        if (waiter.missing.size > 0) continue
        waiters.delete(waiter)
        waiter.resolve()
      }
    },
    fail(error) {
      for (const { reject } of waiters) reject(error)
      waiters.clear()
    }
  }
}
