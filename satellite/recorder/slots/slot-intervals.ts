/** How long a slot may wait for a runtime to name it; afterwards the name of its cgroup is used. */
export const graceMs = 3000
/** Time between two questions to the runtimes about one slot's container. */
export const askEveryMs = 500
/** After a process ended: by then other processes that were ending have ended too. */
export const recheckMs = 1000
/** After a failure, other slots are visited first. */
export const retryMs = 1000
/** A slot that ends sooner is reported once: at its end. */
export const reportAfterMs = 200
/** Ends that the kernel side does not report (detached, moved to another cgroup) are found after at most this time. */
const missedEndMs = 60_000
/** While the recorder is detached, a young slot is checked often, an old one every few seconds. */
const youngMs = 5000
const oldMs = 60_000
const everyMs = 1000
const everyOldMs = 4000
/** Scans for blocked calls after the last new syscall; the last interval repeats. */
const settleSteps = [1000, 10_000, 60_000, 300_000, 900_000] as const

/**
 * Milliseconds until a slot's processes have to be checked again.
 * @param ageMs time since the slot was first seen.
 * @param isAttached the kernel side reports when a process of the slot ends.
 */
export function aliveMs(ageMs: number, isAttached: boolean): number {
  if (isAttached) return missedEndMs
  if (ageMs < youngMs) return 0
  return ageMs < oldMs ? everyMs : everyOldMs
}

/** Milliseconds until the next scan for blocked calls, after `step` scans that found nothing new. */
export function settleMs(step: number): number {
  return settleSteps[Math.min(step, settleSteps.length - 1)] ?? 60_000
}
