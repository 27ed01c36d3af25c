import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'

/** Published is the result of one pass, replaced as a whole. */
export interface Published {
  states: ReadonlyMap<string, ProfileState>
  desired: ReadonlyMap<string, RevisionRef>
  unavailable: ReadonlySet<string>
  covered: ReadonlySet<string> | undefined
}

/** Returns what a reader of the states can tell apart, as a text to compare. */
export function publishedText({ states, desired, covered }: Published): string {
  return JSON.stringify([[...states.values()], [...desired.keys()], [...(covered ?? [])]])
}

/** Nothing has been published yet. */
export const unpublished: Published = {
  states: new Map(),
  desired: new Map(),
  unavailable: new Set(),
  covered: undefined
}
