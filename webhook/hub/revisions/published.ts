import type { RevisionRef } from '../../../src/api/gen/hub.js'
import { sameJson } from '../../../src/lib/same-json.js'
import { profileKey, type ProfileState } from '../../../src/rules/profile-state.js'
import { nothingBlocked, sameUnblocked, type Unblocked } from './unblocked.js'

/** Published is the result of one pass, replaced as a whole. */
export interface Published {
  states: ReadonlyMap<string, ProfileState>
  desired: ReadonlyMap<string, RevisionRef>
  unavailable: ReadonlySet<string>
  covered: ReadonlySet<string> | undefined
  unblocked: Unblocked
}

/**
 * Returns the states with the objects of before where nothing has changed, so that readers see at a glance what has; the same
 * map if nothing has.
 */
function withKnownStates(before: Published['states'], now: Published['states']) {
  let isSame = before.size === now.size
  const states = new Map<string, ProfileState>()
  for (const [key, state] of now) {
    const known = before.get(key)
    const kept = known !== undefined && sameJson(known, state) ? known : state
    if (kept !== known) isSame = false
    states.set(key, kept)
  }
  return isSame ? before : states
}

interface Keys {
  readonly size: number
  has(key: string): boolean
  keys(): Iterable<string>
}

/** Returns whether two maps or sets have the same keys. */
function sameKeys(left: Keys | undefined, right: Keys | undefined): boolean {
  if (left === right) return true
  if (left === undefined || right === undefined || left.size !== right.size) return false
  for (const key of left.keys()) if (!right.has(key)) return false
  return true
}

/**
 * Returns the result of a pass with the states of before where nothing has changed, and what is new: nothing, other
 * states, or other revisions that nodes should have.
 */
export function publishedAfter(
  before: Published,
  now: Published
): { published: Published; news: 'none' | 'states' | 'desired' } {
  const states = withKnownStates(before.states, now.states)
  const published = { ...now, states }
  if (!sameKeys(before.desired, now.desired)) return { published, news: 'desired' }
  const isSame =
    states === before.states &&
    sameKeys(before.covered, now.covered) &&
    sameUnblocked(before.unblocked, now.unblocked)
  return { published, news: isSame ? 'none' : 'states' }
}

/** Returns whether nodes should have a revision of the profile. */
export function isDesired({ desired }: Published, key: string): boolean {
  return [...desired.values()].some(
    ({ namespace, profile }) => profileKey(namespace, profile) === key
  )
}

/** Nothing has been published yet. */
export const unpublished: Published = {
  states: new Map(),
  desired: new Map(),
  unavailable: new Set(),
  covered: undefined,
  unblocked: nothingBlocked
}
