/** A look that cost so much is followed by a wait of so many times that: looks take a quarter of a percent of a core … */
const waitPerCost = 400
/** … but nobody waits longer than this many times what is asked for. */
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
  let dueAt = Number.NEGATIVE_INFINITY
  return {
    waitMs: (nowMs) => dueAt - nowMs,
    looked(beganMs, endedMs, more) {
      const wait = Math.min(longest * intervalMs, (endedMs - beganMs) * waitPerCost)
      dueAt = more ? endedMs : beganMs + Math.max(intervalMs, wait)
    }
  }
}
