import type { HistoryEvent, HistoryObject } from '../../../src/history/workload-history.js'
import { deletedEvent, returnedEvent } from './decided-history.js'
import type { KnownObjects } from './known-objects.js'

/** What a history lacks of the objects of a profile. */
type ObjectNews = [events: HistoryEvent[], more: { objects?: HistoryObject[] }]

interface Deletion {
  /** Of the profile. */
  key: string
  uid: string | undefined
  at: string
  /** Said of a deletion that nobody watched; else empty. */
  when: string
}

/**
 * Returns the deletion of a profile, for the history of that name. What was made again while nobody watched is of those that
 * were learned into the former object.
 */
export function deletionNews(
  known: KnownObjects,
  name: string,
  { key, uid, at, when }: Deletion
): ObjectNews | undefined {
  const end = known.endOf(name, uid, at)
  if (when !== '' && end.objects === undefined) return undefined
  return [[deletedEvent(key, at, { uid, returns: known.returnsOf(name, uid) }, when)], end]
}

/** Returns which object a profile is now, where the history of that name lacks it, and that one is there again. */
export function presenceNews(
  known: KnownObjects,
  name: string,
  key: string,
  at: string
): ObjectNews | undefined {
  const objects = known.newsOf(name, key, at)
  const events = objects.flatMap(({ uid, deleted, returns = 0 }) =>
    deleted !== undefined || returns === 0 ? [] : [returnedEvent(key, at, { uid, returns })]
  )
  return objects.length === 0 ? undefined : [events, { objects }]
}
