/** Returns how many there are after a time. A clock that was set back takes nothing away. */
const refill =
  (perSecond: number, burst: number) =>
  (tokens: number, last: number | undefined, nowMs: number): number =>
    Math.min(burst, tokens + (Math.max(0, nowMs - (last ?? nowMs)) * perSecond) / 1000)

/** Rate limit for messages: `perSecond` on average, `burst` at once. Times in ms. */
export interface Pace {
  /** Takes one; 0 when it was allowed, else how long to wait before taking more. */
  take(nowMs: number): number
}

export function createPace(perSecond: number, burst: number): Pace {
  const refilled = refill(perSecond, burst)
  let tokens = burst
  let last: number | undefined
  return {
    take(nowMs) {
      tokens = refilled(tokens, last, nowMs)
      last = nowMs
      tokens -= 1
      return tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / perSecond)
    }
  }
}

/** A token bucket that never goes below zero. Times in ms. */
export interface Bucket {
  /** Takes one when there is one. */
  take(nowMs: number): boolean
}

export function createBucket(perSecond: number, burst: number): Bucket {
  const refilled = refill(perSecond, burst)
  let tokens = burst
  let last: number | undefined
  return {
    take(nowMs) {
      tokens = refilled(tokens, last, nowMs)
      last = nowMs
      if (tokens < 1) return false
      tokens -= 1
      return true
    }
  }
}
