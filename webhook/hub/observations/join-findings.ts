import { mergeArguments } from '../../../src/seccomp/arguments/merge-arguments.js'
import { eventsInOrder } from '../../../src/history/endings.js'
import { unionSets } from '../../../src/syscalls/syscall-set.js'
import type { ObservationFinding } from './read-observation.js'

/** Returns the later of two RFC 3339 times of one form; an empty text is the earliest. */
export function later(left: string, right: string): string {
  return left < right ? right : left
}

/** Returns the earlier of two RFC 3339 times; an empty text is no time. */
export function earlier(left: string, right: string): string {
  if (left === '' || right === '') return left + right
  return left < right ? left : right
}

/** Returns the events of both lists, in the order of an instance's life. */
export function joinEvents(left: readonly string[], right: readonly string[]): string[] {
  return eventsInOrder([...left, ...right])
}

/** Joins two findings of one instance; fields without an order are those of `newer`. */
export function joinFindings(
  older: ObservationFinding,
  newer: ObservationFinding
): ObservationFinding {
  return {
    ...newer,
    set: unionSets(older.set, newer.set),
    startup: unionSets(older.startup, newer.startup),
    serving: unionSets(older.serving, newer.serving),
    arguments: mergeArguments(older.arguments, newer.arguments),
    complete: older.complete || newer.complete,
    ended: older.ended || newer.ended,
    firstSeen: earlier(older.firstSeen, newer.firstSeen),
    lastSeen: later(older.lastSeen, newer.lastSeen),
    lost: Math.max(older.lost, newer.lost),
    events: joinEvents(older.events, newer.events)
  }
}
