import type { TrackedSlot } from './tracked-slot.js'

/** DueSlots finds the slots that have to be visited. It walks through all slots only when one of them may be due. */
export class DueSlots {
  readonly #tracked: ReadonlyMap<string, TrackedSlot>
  /** No slot is due before this time. */
  #nextAt = -Infinity
  /** The same, once the slots that were taken have been visited. */
  #laterAt = -Infinity

  constructor(tracked: ReadonlyMap<string, TrackedSlot>) {
    this.#tracked = tracked
  }

  /** Something became due earlier than planned: the next `take` walks through all slots. */
  rescan(): void {
    this.#nextAt = this.#laterAt = -Infinity
  }

  /**
   * Returns the slots that are due at a time (of performance.now()), and those of `keys`. Slots that have
   * ended are never due. Slots stay due until `finish`: a scan that fails half-way skips none.
   */
  take(at: number, keys: ReadonlySet<string>): TrackedSlot[] {
    if (at < this.#nextAt && keys.size === 0) return []
    this.#nextAt = -Infinity
    let laterAt = Infinity
    const due: TrackedSlot[] = []
    // forEach: an iterator would allocate an object for each of thousands of slots.
    this.#tracked.forEach((one, key) => {
      if (!one.ended && one.dueAt <= at) due.push(one)
      else {
        if (keys.size > 0 && keys.has(key)) due.push(one)
        if (!one.ended && one.dueAt < laterAt) laterAt = one.dueAt
      }
    })
    this.#laterAt = laterAt
    return due
  }

  /** Sets when a slot that was taken is due again; ignored if the slot has ended since. */
  reschedule(tracked: TrackedSlot, dueAt: number): void {
    if (tracked.ended) return
    tracked.dueAt = dueAt
    if (dueAt < this.#laterAt) this.#laterAt = dueAt
  }

  /** All slots that were taken last have been visited. */
  finish(): void {
    this.#nextAt = this.#laterAt
  }
}
