import type { WorkloadHistory } from '../../../src/history/workload-history.js'

/** Bytes of histories that are kept in memory, to see without a read whether a report brings anything new. */
const mostCachedBytes = 16 << 20

interface Cached {
  history: WorkloadHistory
  version: string
  bytes: number
}

/** HistoryCache keeps the histories that were used last, as the store had them. */
export class HistoryCache {
  readonly #cached = new Map<string, Cached>()
  #bytes = 0

  get(name: string): Cached | undefined {
    const found = this.#cached.get(name)
    if (found === undefined) return undefined
    this.#cached.delete(name)
    this.#cached.set(name, found)
    return found
  }

  set(name: string, history: WorkloadHistory, version: string, bytes: number): void {
    this.delete(name)
    this.#cached.set(name, { history, version, bytes })
    this.#bytes += bytes
    for (const oldest of this.#cached.keys()) {
      if (this.#bytes <= mostCachedBytes) return
      this.delete(oldest)
    }
  }

  delete(name: string): void {
    this.#bytes -= this.#cached.get(name)?.bytes ?? 0
    this.#cached.delete(name)
  }
}
