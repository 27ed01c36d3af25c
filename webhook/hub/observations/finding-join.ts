import { mergeArguments } from '../../../src/seccomp/arguments/merge-arguments.js'
import { unionSets } from '../../../src/syscalls/syscall-set.js'
import { type Finding, knownEvents } from './observations.js'

/** The later of two RFC 3339 times of one form; empty is earliest. */
export function later(left: string, right: string): string {
  return left < right ? right : left
}

/** The earlier one; empty is none. */
export function earlier(left: string, right: string): string {
  if (left === '' || right === '') return left + right
  return left < right ? left : right
}

/** Events of both, in the order of an instance's life. */
export function joinEvents(left: readonly string[], right: readonly string[]): string[] {
  return knownEvents.filter((event) => left.includes(event) || right.includes(event))
}

/** Two findings of one instance as one that says what either says; `newer` gives what has no order. */
export function joinFindings(older: Finding, newer: Finding): Finding {
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
