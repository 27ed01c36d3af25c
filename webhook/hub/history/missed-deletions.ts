import { refOfKey } from '../../../src/rules/profile-state.js'
import type { Kind } from '../../../src/api/objects.js'
import { betweenText } from '../../../src/history/recording-gap.js'
import { laterTime } from '../../../src/history/times.js'
import { Listeners } from '../../../src/lib/listeners.js'
import type { ObjectRef } from '../../../src/store/store.js'
import type { KnownObjects } from './known-objects.js'
import type { LastStates } from './last-states.js'

/** TimeSpan is the time in which no hub recorded what was deleted. */
export interface TimeSpan {
  /** RFC 3339; empty: not known. */
  from: string
  to: string
  /** The hub before stopped by itself: it recorded everything until then. */
  isOrderly: boolean
}

/** MissedDeletion is a deletion that was found when the histories were compared with the store. */
export interface MissedDeletion {
  kind: Kind
  /** `namespace/name`. */
  object: string
  uid?: string
  /** When the object was created that has the name of a profile by now; undefined: there is none. */
  next?: string
  /** It was there at this time, and deleted by `at` (RFC 3339). */
  from: string
  at: string
  /** When that was, and why it is not known better; empty: this process saw it, when it was on standby. */
  when: string
}

/** Returns whether the store has no such object any more; false also where that cannot be read. */
export type IsGone = (kind: Kind, ref: ObjectRef, uid?: string) => Promise<boolean>

function whenText({ from, to, isOrderly }: TimeSpan): string {
  const before = `before ${to.slice(0, 19).replace('T', ' ')} UTC`
  const span = from === '' ? before : betweenText({ from, to })
  return `${span}, ${isOrderly ? 'while no hub was running' : 'when no hub recorded it'}`
}

interface Known {
  objects: Pick<KnownObjects, 'of' | 'unaccounted'>
  states: Pick<LastStates, 'unseen'>
  /** Histories of the store have objects: the hub of before compared them as this one does. */
  isCompared: boolean
}

/** Lists what the histories know, and the store does not have: nobody recorded its deletion. */
export async function missedDeletions(
  { objects, states, isCompared }: Known,
  span: TimeSpan,
  isGone: IsGone
): Promise<MissedDeletion[]> {
  const missed: MissedDeletion[] = []
  const at = span.to
  for (const { profile, uid, since, seenAt } of objects.unaccounted()) {
    const from = laterTime(span.from, since)
    const next = objects.of(profile).objects?.[0]?.since
    const common = { object: profile, uid, from, ...(next !== undefined && { next }) }
    const own = { kind: 'SeccompProfile', ...common } as const
    if (seenAt !== undefined) missed.push({ ...own, at: seenAt, when: '' })
    else if (await isGone(own.kind, refOfKey(profile), uid))
      missed.push({ ...own, at, when: whenText(span) })
  }
  for (const { rule, lastAt } of states.unseen()) {
    const kind = 'SeccompRule'
    if (!(await isGone(kind, refOfKey(rule)))) continue
    // Where a hub that does not compare ran last, it may have been deleted long ago.
    const own = isCompared ? span : { from: lastAt, to: at, isOrderly: false }
    missed.push({ kind, object: rule, from: laterTime(own.from, lastAt), at, when: whenText(own) })
  }
  return missed
}

/** MissedList has the deletions that were found, for whoever asks later. */
export class MissedList {
  readonly #all: MissedDeletion[] = []
  readonly #listeners = new Listeners<MissedDeletion>()

  note(missed: MissedDeletion): void {
    this.#all.push(missed)
    this.#listeners.notify(missed)
  }

  /** Calls the listener for each deletion that was found, and that will be. Returns how to stop. */
  readonly onMissed = (listener: (missed: MissedDeletion) => void): (() => void) => {
    for (const one of this.#all) listener(one)
    return this.#listeners.add(listener)
  }
}
