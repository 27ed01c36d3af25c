/** How often one profile is written; all in milliseconds. Pure: times come in. */
export interface RhythmTiming {
  /** What is new is collected this long. */
  coalesceMs: number
  /** So many writes of news may follow each other; then one in `newsEveryMs`. 0: no limit. */
  newsBurst: number
  newsEveryMs: number
  /** What brings nothing new waits this long since the last write, each time twice as long … */
  idleMs: number
  /** … up to this. 0: it waits no longer than news. */
  longestIdleMs: number
}

/** Each upload is written as it comes: right for a folder on this machine. */
export const steadyRhythm = { newsBurst: 0, newsEveryMs: 0, idleMs: 0, longestIdleMs: 0 } as const

/** For an API server: news at once while there are few, the rest by and by. */
export const sparingRhythm = {
  newsBurst: 8,
  newsEveryMs: 180_000,
  idleMs: 5000,
  longestIdleMs: 3_600_000
} as const

export interface Rhythm {
  /** How long to wait before writing what came now. */
  wait(isNews: boolean, now: number): number
  wrote(isNews: boolean, now: number): void
}

/** The rhythm of one profile: quick at the beginning of a life, and ever slower as it repeats itself. */
export function createRhythm(timing: RhythmTiming): Rhythm {
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
