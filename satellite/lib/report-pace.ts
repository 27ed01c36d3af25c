/** After so many reports in a row the growth is steady, not a burst. */
const burst = 5
const burstPauseMs = 300
const steadyPauseMs = 2000

/**
 * ReportPace decides when a growing number is reported: at once when it grows after a pause, then at most
 * every 0.3 s, and every 2 s while it keeps growing. A growth that is not reported yet is due later.
 */
export class ReportPace {
  #reported = 0
  #reportedAt = -Infinity
  #inARow = 0

  /** True when the value grew and is to be reported now; then it counts as reported. */
  isDue(value: number, nowMs: number): boolean {
    const pause = this.#inARow < burst ? burstPauseMs : steadyPauseMs
    if (nowMs - this.#reportedAt < pause) return false
    if (value <= this.#reported) {
      this.#inARow = 0
      return false
    }
    this.#reported = value
    this.#reportedAt = nowMs
    this.#inARow += 1
    return true
  }
}
