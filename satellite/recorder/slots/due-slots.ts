import type { Tracked } from './tracked.js'

/** Which slots have to be looked at. All are walked through only when one of them may be due. */
export interface DueSlots {
  /** Something is due earlier than was said: the next `take` looks for it. */
  earlier(): void
  /**
   * Those that are due at a time (of performance.now()), and those of `keys`; what has ended is never due. They stay
   * due until `looked`: a look that fails half-way forgets nobody.
   */
  take(at: number, keys: ReadonlySet<string>): Tracked[]
  /** When one that was taken is due again; nothing for one that has ended since. */
  again(one: Tracked, dueAt: number): void
  /** All that were taken last were looked at. */
  looked(): void
}

export function createDueSlots(tracked: ReadonlyMap<string, Tracked>): DueSlots {
  /** Nothing is due before. */
  let next = -Infinity
  /** The same when what was taken has been looked at. */
  let later = -Infinity
  return {
    earlier: () => {
      next = later = -Infinity
    },
    take(at, keys) {
      if (at < next && keys.size === 0) return []
      next = -Infinity
      later = Infinity
      const due: Tracked[] = []
      // forEach: an iterator would make an object for each of thousands.
      tracked.forEach((one, key) => {
        if (!one.ended && one.dueAt <= at) due.push(one)
        else {
          if (keys.size > 0 && keys.has(key)) due.push(one)
          if (!one.ended && one.dueAt < later) later = one.dueAt
        }
      })
      return due
    },
    again(one, dueAt) {
      if (one.ended) return
      one.dueAt = dueAt
      if (dueAt < later) later = dueAt
    },
    looked: () => {
      next = later
    }
  }
}
