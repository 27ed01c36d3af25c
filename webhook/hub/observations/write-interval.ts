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
export function createWriteInterval(timing: WriteIntervalTiming): WriteInterval {
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
