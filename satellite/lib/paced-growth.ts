/** After so many reports in a row the growth is a state, not a burst. */
const burst = 5
const burstPauseMs = 300
const steadyPauseMs = 2000

/**
 * Says when a growing number is to be reported: at once when it grows after a rest, then at most every
 * 0.3 s, and every 2 s where it grows on and on. What was not reported is due later, never forgotten.
 */
export function pacedGrowth(): { isDue(value: number, nowMs: number): boolean } {
  let reported = 0
  let reportedAt = -Infinity
  let inARow = 0
  return {
    isDue(value, nowMs) {
      const pause = inARow < burst ? burstPauseMs : steadyPauseMs
      if (nowMs - reportedAt < pause) return false
      if (value <= reported) {
        inARow = 0
        return false
      }
      reported = value
      reportedAt = nowMs
      inARow += 1
      return true
    }
  }
}
