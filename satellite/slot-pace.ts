/** How long a slot may wait for a runtime to name it before its cgroup's name must do. */
export const graceMs = 3000
/** Between two questions to the runtimes, while everything has a name. */
export const refreshEveryMs = 500
/** A container that just started is looked at often, one that has lived for a while once in some seconds. */
const youngMs = 5000
const oldMs = 60_000
const everyMs = 1000
const everyOldMs = 4000
/** Looks for blocked calls after the last new syscall; the last one repeats. */
const settleSteps = [1000, 10_000, 60_000] as const

/** Milliseconds for which the knowledge that a container lives is good, by how long it is known. */
export function aliveMs(ageMs: number): number {
  if (ageMs < youngMs) return 0
  return ageMs < oldMs ? everyMs : everyOldMs
}

/** Milliseconds until blocked calls are looked for again, after `step` looks that found nothing new. */
export function settleMs(step: number): number {
  return settleSteps[Math.min(step, settleSteps.length - 1)] ?? 60_000
}
