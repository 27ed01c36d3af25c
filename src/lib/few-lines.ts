import { type Bucket, createBucket } from './pace.js'

/** Lines of a log, of what strangers can cause: so many, and a few each second. */
const rate = { perSecond: 2, burst: 50 }

/** FewLines limits the lines of a log that strangers can cause, whatever address they come from. What is left out is counted. */
export class FewLines {
  readonly #lines: Bucket = createBucket(rate.perSecond, rate.burst)
  readonly #now: () => number
  #unlogged = 0

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Returns the fields of the next line: how many were left out before it. Undefined: it is left out. */
  next(): { unlogged?: number } | undefined {
    if (!this.#lines.take(this.#now())) {
      this.#unlogged += 1
      return undefined
    }
    const unlogged = this.#unlogged
    this.#unlogged = 0
    return unlogged === 0 ? {} : { unlogged }
  }
}

/** RepeatedLine is when a line was logged last, and how long an equal one waits, in ms. */
export interface RepeatedLine {
  at: number
  waitMs: number
}

/** The longest wait of a line whose cause goes on. After a longer pause the line is news again. */
const mostWaitMs = 3_600_000

/**
 * Returns the entry of a line that is logged at `at`; undefined while it waits. Each wait is twice the one before: what stays
 * as it is for days fills no log.
 */
export function repeatedLine(
  before: RepeatedLine | undefined,
  at: number,
  firstMs: number
): RepeatedLine | undefined {
  const first = { at, waitMs: firstMs }
  if (before === undefined) return first
  const elapsed = at - before.at
  if (elapsed < before.waitMs) return undefined
  if (elapsed > Math.max(2 * before.waitMs, mostWaitMs)) return first
  return { at, waitMs: Math.min(2 * before.waitMs, mostWaitMs) }
}
