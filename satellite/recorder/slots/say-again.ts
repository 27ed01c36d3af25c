import type { DueSlots } from './due-slots.js'
import { observationId } from './observation.js'
import type { Tracked } from './tracked.js'

/** Makes slots due that have to be told of once more although nothing of them changed. */
export interface SayAgain {
  /** Everything that lives now may lack calls; said again, with `complete` off. */
  inexact(): void
  /** What was told of these is lost. @param ids of observations */
  ids(lost: readonly string[]): void
}

export function createSayAgain(
  tracked: ReadonlyMap<string, Tracked>,
  dueSlots: DueSlots,
  prefix: string
): SayAgain {
  function say(one: Tracked): void {
    one.sent = -1
    one.dueAt = performance.now()
  }
  return {
    inexact() {
      dueSlots.earlier()
      for (const one of tracked.values()) {
        if (one.inexact || one.ended) continue
        one.inexact = true
        say(one)
      }
    },
    ids(lost) {
      const wanted = new Set(lost)
      dueSlots.earlier()
      for (const one of tracked.values()) {
        if (!one.ended && wanted.has(observationId(prefix, one.slot))) say(one)
      }
    }
  }
}
