import type { Condition } from '../../../src/api/seccomp-profile.js'

/**
 * Sets one condition in a list; the time moves only when the status does (metav1.Condition). Returns
 * the same list when nothing changed.
 */
export function setCondition(
  conditions: readonly Condition[],
  wanted: Omit<Condition, 'lastTransitionTime'>,
  now: string
): readonly Condition[] {
  const before = conditions.find(({ type }) => type === wanted.type)
  if (
    before?.status === wanted.status &&
    before.reason === wanted.reason &&
    before.message === wanted.message &&
    before.observedGeneration === wanted.observedGeneration
  ) {
    return conditions
  }
  const lastTransitionTime = before?.status === wanted.status ? before.lastTransitionTime : now
  const others = conditions.filter(({ type }) => type !== wanted.type)
  return [...others, { ...wanted, lastTransitionTime }].sort((a, b) => (a.type < b.type ? -1 : 1))
}

/** Returns the node that a true condition is about, from `…: NODE: …` in its message; empty without one. */
export function namedNode(condition: Condition | undefined): string {
  if (condition?.status !== 'True') return ''
  return condition.message.split(': ').at(1) ?? ''
}
