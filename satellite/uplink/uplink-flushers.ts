/** Those who wait until the hub has everything, for a while. */
export interface Flushers {
  /** Resolves when woken, or after `mostMs`. */
  wait(mostMs: number): Promise<void>
  wake(): void
}

export function createFlushers(): Flushers {
  const waiting = new Set<() => void>()
  return {
    wait: (mostMs) =>
      new Promise((resolve) => {
        const limit = setTimeout(resolve, mostMs)
        waiting.add(() => {
          clearTimeout(limit)
          resolve()
        })
      }),
    wake() {
      for (const wake of waiting) wake()
      waiting.clear()
    }
  }
}
