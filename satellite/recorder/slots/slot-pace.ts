/** How long a slot may wait for a runtime to name it before its cgroup's name must do. */
export const graceMs = 3000
/** Between two questions to the runtimes for one slot's container. */
export const askEveryMs = 500
/** After the end of a process: by then whoever was still ending has ended. */
export const recheckMs = 1000
/** After a failure: another container's turn first. */
export const retryMs = 1000
/** What is over sooner is told of once: when it has ended. */
export const tellAfterMs = 200
/** Ends that the kernel side does not tell (detached, moved to another cgroup) are found this late. */
const missedEndMs = 60_000
/** While nothing is attached: one that just started is looked at often, a lasting one once in some seconds. */
const youngMs = 5000
const oldMs = 60_000
const everyMs = 1000
const everyOldMs = 4000
/** Looks for blocked calls after the last new syscall; the last one repeats. */
const settleSteps = [1000, 10_000, 60_000, 300_000, 900_000] as const

/**
 * Milliseconds for which the knowledge that a container lives is good.
 * @param ageMs how long it is known.
 * @param isTold the kernel side notes when a process of it ends.
 */
export function aliveMs(ageMs: number, isTold: boolean): number {
  if (isTold) return missedEndMs
  if (ageMs < youngMs) return 0
  return ageMs < oldMs ? everyMs : everyOldMs
}

/** Milliseconds until blocked calls are looked for again, after `step` looks that found nothing new. */
export function settleMs(step: number): number {
  return settleSteps[Math.min(step, settleSteps.length - 1)] ?? 60_000
}
