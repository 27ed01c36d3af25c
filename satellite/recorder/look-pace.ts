/** Looks may take so much of a core in the long run … */
const share = 1 / 400
/** … and what was not taken in this time may be taken at once: on a quiet node the first looks at a burst come as asked. */
const savedMs = 10_000
/** Nobody waits longer than this many times what is asked for. */
const longest = 8

/**
 * When the slots are looked at. What a look costs besides what it finds (a message, a collection, a grace period for
 * freed slots) is the same for one container and for twenty: a busy node is looked at less often, a quiet one as often
 * as asked. Pure: times come in, in ms.
 */
export interface LookPace {
  /** Milliseconds until the next look is due; not positive when it is. */
  waitMs(nowMs: number): number
  /** A look began and ended. `more`: it left something for the next, which is due at once. */
  looked(beganMs: number, endedMs: number, more: boolean): void
}

export function createLookPace(intervalMs: number): LookPace {
  const longestMs = longest * intervalMs
  let dueAt = Number.NEGATIVE_INFINITY
  let began = Number.NEGATIVE_INFINITY
  /** Milliseconds of looks that may still be taken; below zero: that are to be waited for. */
  let saved = savedMs * share
  return {
    waitMs: (nowMs) => dueAt - nowMs,
    looked(beganMs, endedMs, more) {
      const earned = began === Number.NEGATIVE_INFINITY ? 0 : (beganMs - began) * share
      began = beganMs
      saved = Math.min(savedMs * share, saved + earned) - (endedMs - beganMs)
      saved = Math.max(saved, -longestMs * share)
      dueAt = more ? endedMs : beganMs + Math.max(intervalMs, -saved / share)
    }
  }
}
