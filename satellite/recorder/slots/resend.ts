import type { DueSlots } from './due-slots.js'
import { observationId } from './observation.js'
import type { TrackedSlot } from './tracked-slot.js'

type TrackedSlots = ReadonlyMap<string, TrackedSlot>

function makeDue(tracked: TrackedSlot): void {
  tracked.sent = -1
  tracked.dueAt = performance.now()
}

/** Marks everything that is alive as inexact: it may lack calls, and is sent again as not complete. */
export function resendInexact(tracked: TrackedSlots, dueSlots: DueSlots): void {
  dueSlots.rescan()
  for (const one of tracked.values()) {
    if (one.inexact || one.ended) continue
    one.inexact = true
    makeDue(one)
  }
}

/**
 * Sends observations again, although nothing changed: their messages were lost, or the hub lost what they taught.
 * @param ids of observations, or of their containers
 */
export function resendObservations(
  tracked: TrackedSlots,
  dueSlots: DueSlots,
  prefix: string,
  ids: readonly string[]
): void {
  const wanted = new Set(ids)
  dueSlots.rescan()
  for (const one of tracked.values()) {
    const { slot, container } = one
    const isOfContainer = container !== undefined && wanted.has(container.id)
    const isWanted = isOfContainer || wanted.has(observationId(prefix, slot))
    if (!one.ended && isWanted) makeDue(one)
  }
}
