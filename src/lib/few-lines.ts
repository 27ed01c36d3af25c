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
