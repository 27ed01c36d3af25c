import { listed, plural } from '../../src/lib/plural.js'

/** A connected node that lacks a revision for this long is reported: until it has it, pods that could run there wait. */
export const lateMs = 300_000

const mostNamed = 3

/** Returns the profiles that a node holds up in words: the first ones, and how many more; `-` for none. */
export function heldUpText(profiles: readonly string[]): string {
  if (profiles.length === 0) return '-'
  return listed(profiles, mostNamed)
}

const lateText = plural(lateMs / 60_000, 'minute')

/** Returns what is wrong with a node that holds up profiles. It has no times, so that an unchanged state has one text. */
export const holdsUpMessage = (profiles: readonly string[]): string =>
  `it has lacked revisions for more than ${lateText}, ` +
  `so new pods that could run there do not get ${heldUpText(profiles)}`

/** Returns the condition of a node that holds up profiles, and none for another one. */
export function heldUpConditions(profiles: readonly string[]) {
  if (profiles.length === 0) return []
  const message = holdsUpMessage(profiles)
  return [{ type: 'RevisionsHeld', status: 'False', reason: 'RevisionsLate', message }]
}
