/** WriteIntervalTiming is how often one profile is written, in milliseconds. */
export interface WriteIntervalTiming {
  /** How long news is collected before a write. */
  coalesceMs: number
  /** Writes of news that may follow each other; then there is one per `newsEveryMs`. 0: no limit. */
  newsBurst: number
  newsEveryMs: number
  /** How long a write without news waits after the last write, each time twice as long … */
  idleMs: number
  /** … up to this. 0: it waits as long as news. */
  longestIdleMs: number
}

/** Timing that writes each upload as it comes: right for a folder on this machine. */
export const steadyWrites = { newsBurst: 0, newsEveryMs: 0, idleMs: 0, longestIdleMs: 0 } as const

/** Timing for an API server: the first news is written at once, the rest at growing intervals. */
export const sparingWrites = {
  newsBurst: 8,
  newsEveryMs: 180_000,
  idleMs: 5000,
  longestIdleMs: 3_600_000
} as const

export interface WriteInterval {
  /** Returns how long to wait before writing what came now. */
  wait(isNews: boolean, now: number): number
  wrote(isNews: boolean, now: number): void
}

/** Creates the write interval of one profile: short at first, and longer while nothing new comes. Pure: callers pass times. */
function createWriteInterval(timing: WriteIntervalTiming): WriteInterval {
  const { coalesceMs, newsBurst, newsEveryMs, idleMs, longestIdleMs } = timing
  let tokens = newsBurst
  let refilledAt: number | undefined
  let idles = 0
  let wroteAt = Number.NEGATIVE_INFINITY

  function refill(now: number): void {
    refilledAt ??= now
    const gained = Math.floor((now - refilledAt) / newsEveryMs)
    if (gained <= 0) return
    tokens = Math.min(newsBurst, tokens + gained)
    refilledAt += gained * newsEveryMs
  }

  return {
    wait(isNews, now) {
      if (isNews) {
        if (newsBurst === 0) return coalesceMs
        refill(now)
        if (tokens > 0) return coalesceMs
        return Math.max(coalesceMs, (refilledAt ?? now) + newsEveryMs - now)
      }
      if (longestIdleMs === 0) return coalesceMs
      const idle = Math.min(longestIdleMs, idleMs * 2 ** Math.min(idles, 30))
      return Math.max(coalesceMs, Math.min(idle, wroteAt + idle - now))
    },
    wrote(isNews, now) {
      wroteAt = now
      if (!isNews) {
        idles += 1
        return
      }
      if (newsBurst === 0) return
      refill(now)
      tokens = Math.max(0, tokens - 1)
    }
  }
}

/** The write interval of a profile starts again when nothing came for this long. */
const forgetMs = 2 * 3_600_000

/** WriteIntervals keeps the write interval of each profile that was used lately. */
export class WriteIntervals {
  readonly #timing: WriteIntervalTiming
  /** In the order of use: the first one was not used for the longest time. */
  readonly #byProfile = new Map<string, { interval: WriteInterval; usedAt: number }>()

  constructor(timing: WriteIntervalTiming) {
    this.#timing = timing
  }

  of(key: string, now: number): WriteInterval {
    const interval = this.#byProfile.get(key)?.interval ?? createWriteInterval(this.#timing)
    this.#byProfile.delete(key)
    this.#byProfile.set(key, { interval, usedAt: now })
    for (const [oldest, { usedAt }] of this.#byProfile) {
      if (now - usedAt < forgetMs) break
      this.#byProfile.delete(oldest)
    }
    return interval
  }
}
