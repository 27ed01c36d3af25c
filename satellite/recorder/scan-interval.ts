/** In the long run scans may take this share of one core … */
const share = 1 / 400
/** … and time that was not used is saved up to this long: on a quiet node the first scans of a burst are not delayed. */
const savedMs = 10_000
/** The interval grows to at most so many times what was asked for. */
const longest = 8

/**
 * ScanInterval decides when the slots are scanned. The fixed cost of a scan (a message, a garbage collection, a
 * grace period for freed slots) is the same for one container and for twenty. So a busy node is scanned less
 * often, and a quiet one as often as asked. Pure: times come in, in ms.
 */
export class ScanInterval {
  readonly #intervalMs: number
  #dueAt = -Infinity
  #beganAt = -Infinity
  /** Milliseconds of scanning that are still allowed; below zero: that have to be waited for. */
  #saved = savedMs * share

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** Milliseconds until the next scan is due; not positive when it is. */
  waitMs(nowMs: number): number {
    return this.#dueAt - nowMs
  }

  /** Notes a scan. `more`: it left something for the next one, which is due at once. */
  scanned(beganMs: number, endedMs: number, more: boolean): void {
    const earned = this.#beganAt === -Infinity ? 0 : (beganMs - this.#beganAt) * share
    this.#beganAt = beganMs
    const saved = Math.min(savedMs * share, this.#saved + earned) - (endedMs - beganMs)
    this.#saved = Math.max(saved, -longest * this.#intervalMs * share)
    this.#dueAt = more ? endedMs : beganMs + Math.max(this.#intervalMs, -this.#saved / share)
  }
}
