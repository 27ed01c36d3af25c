import { sameJson } from '../lib/same-json.js'
import { earlierTime } from './times.js'
import type { HistoryObject } from './workload-history.js'

/** Objects that a history keeps: the newest. */
const mostObjects = 16

/** Of one that was there again, only what became of it since then counts. */
function mergeObject(a: HistoryObject, b: HistoryObject): HistoryObject {
  const { profile, uid } = a
  const since = earlierTime(a.since, b.since)
  const returns = Math.max(a.returns ?? 0, b.returns ?? 0)
  const times = [a, b].flatMap((one) =>
    one.deleted !== undefined && (one.returns ?? 0) === returns ? [one.deleted] : []
  )
  return {
    ...{ profile, uid, since },
    ...(times.length > 0 && { deleted: times.reduce(earlierTime) }),
    ...(returns > 0 && { returns })
  }
}

/** Returns the objects of both; the first list itself when the second brings nothing. Pure. */
export function mergeObjects(
  a: readonly HistoryObject[] = [],
  b: readonly HistoryObject[] = []
): readonly HistoryObject[] {
  // Each report has them, and nearly always nothing of it is new.
  if (b.every((one) => a.some((other) => sameJson(one, other)))) return a
  const found = new Map(a.map((one) => [one.uid, one]))
  for (const one of b) found.set(one.uid, mergeObject(found.get(one.uid) ?? one, one))
  const order = ({ since, uid }: HistoryObject) => `${since} ${uid}`
  const all = [...found.values()].sort((one, other) => (order(one) < order(other) ? -1 : 1))
  const kept = all.slice(-mostObjects)
  return sameJson(kept, a) ? a : kept
}
