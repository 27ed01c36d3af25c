import { createHash } from 'node:crypto'
import type {
  EarlierHistory,
  HistoryCalls,
  HistoryDenial,
  HistoryEvent,
  HistoryStart,
  WorkloadHistory
} from './workload-history.js'

/** Names of processes of one denial, and profiles of one workload: the first in the order of their letters. */
const mostNames = 8

export const earlierTime = (a: string, b: string): string => (a <= b ? a : b)
export const laterTime = (a: string, b: string): string => (a >= b ? a : b)

/** Returns the known one of two texts; of two different ones always the same. */
function known(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a >= b ? a : b
}

/** Returns the object without members that are undefined. */
function present<Members extends object>(
  members: Members
): { [Key in keyof Members]: Exclude<Members[Key], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Members]: Exclude<Members[Key], undefined>
  }
}

function firstNames(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort().slice(0, mostNames)
}

function mergeStart(a: HistoryStart, b: HistoryStart): HistoryStart {
  return present({
    ...{
      run: a.run,
      node: a.node,
      at: earlierTime(a.at, b.at),
      complete: a.complete || b.complete
    },
    ...{ image: known(a.image, b.image), digest: known(a.digest, b.digest) },
    ...{ pod: known(a.pod, b.pod), container: known(a.container, b.container) },
    ...{ revision: known(a.revision, b.revision), ended: known(a.ended, b.ended) }
  })
}

function mergeDenial(a: HistoryDenial, b: HistoryDenial): HistoryDenial {
  return present({
    ...{ instance: a.instance, abi: a.abi, syscall: a.syscall, action: a.action },
    answer: a.answer >= b.answer ? a.answer : b.answer,
    arguments: known(a.arguments, b.arguments),
    count: Math.max(a.count, b.count),
    ...{ first: earlierTime(a.first, b.first), last: laterTime(a.last, b.last) },
    processes: firstNames(a.processes, b.processes),
    revision: known(a.revision, b.revision),
    expected: a.expected === true || b.expected === true ? true : undefined
  })
}

function mergeEvent(a: HistoryEvent, b: HistoryEvent): HistoryEvent {
  const orderOf = ({ at, text, what }: HistoryEvent) => JSON.stringify([at, text, what])
  const first = orderOf(a) <= orderOf(b) ? a : b
  return present({
    ...{ id: a.id, at: first.at, what: first.what, text: first.text },
    ...{ by: known(a.by, b.by), reason: known(a.reason, b.reason) },
    ...{ revision: known(a.revision, b.revision), until: known(a.until, b.until) }
  })
}

export const startKey = ({ run }: HistoryStart): string => `start ${run}`
export const denialKey = ({ instance, abi, syscall, action }: HistoryDenial): string =>
  `denial ${instance} ${abi} ${syscall} ${action}`
export const eventKey = ({ id }: HistoryEvent): string => `event ${id}`

/** Characters of a short hash: two of a thousand records share one in fewer than 1 of 10,000 histories. */
const hashLength = 6

/** Returns the short form in which a merged record is remembered. */
export function keyHash(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, hashLength)
}

/** Returns a text of short hashes as a list. */
export function hashesIn(merged: string): string[] {
  return merged.match(/.{6}/g) ?? []
}

interface Section<Item> {
  key: (item: Item) => string
  merge: (a: Item, b: Item) => Item
  /** Items are sorted by this, so that the same records always make the same text. */
  order: (item: Item) => string
}

const starts: Section<HistoryStart> = {
  ...{ key: startKey, merge: mergeStart },
  order: ({ at, run }) => `${at} ${run}`
}
const denials: Section<HistoryDenial> = {
  ...{ key: denialKey, merge: mergeDenial },
  order: (one) => `${one.last} ${denialKey(one)}`
}
const events: Section<HistoryEvent> = {
  ...{ key: eventKey, merge: mergeEvent },
  order: ({ at, id }) => `${at} ${id}`
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A side of a merge: its records, and those that the result has only in sums. */
interface Side<Item> {
  items: readonly Item[]
  /** Undefined where the records themselves show that they are in no sum. */
  merged: ReadonlySet<string> | undefined
}

/** Returns the first side's own list when the second brings nothing. */
function mergeSection<Item>(
  { key, merge, order }: Section<Item>,
  a: Side<Item>,
  b: Side<Item>
): readonly Item[] {
  const isMerged = (own: string, { merged }: Side<Item>): boolean =>
    merged?.has(keyHash(own)) === true
  const found = new Map<string, Item>()
  for (const item of a.items) {
    const own = key(item)
    const before = found.get(own)
    if (before === undefined && isMerged(own, a)) continue
    found.set(own, before === undefined ? item : merge(before, item))
  }
  let isNew = found.size !== a.items.length
  for (const item of b.items) {
    const own = key(item)
    const before = found.get(own)
    if (before === undefined && isMerged(own, b)) continue
    const after = merge(before ?? item, item)
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(after)) continue
    found.set(own, after)
    isNew = true
  }
  if (!isNew) return a.items
  return [...found.values()].sort((one, other) => byText(order(one), order(other)))
}

interface FirstCall {
  run: string
  at: string
}

/** Keeps for each syscall the first report of it; returns the first list itself when the second brings nothing. */
function mergeCalls(
  a: readonly HistoryCalls[],
  b: readonly HistoryCalls[]
): readonly HistoryCalls[] {
  const first = new Map<string, FirstCall>()
  let isNew = false
  for (const [side, list] of [a, b].entries()) {
    for (const { abi, names, run, at } of list) {
      for (const name of names) {
        const key = `${abi} ${name}`
        const before = first.get(key)
        const isEarlier =
          before === undefined || at < before.at || (at === before.at && run < before.run)
        if (!isEarlier) continue
        first.set(key, { run, at })
        isNew ||= side === 1
      }
    }
  }
  return isNew ? groupedCalls(first) : a
}

function groupedCalls(first: ReadonlyMap<string, FirstCall>): HistoryCalls[] {
  const groups = new Map<string, HistoryCalls>()
  for (const [key, { run, at }] of first) {
    const split = key.lastIndexOf(' ')
    const [abi, name] = [key.slice(0, split), key.slice(split + 1)]
    const place = `${at} ${run} ${abi}`
    const group = groups.get(place) ?? { run, at, abi, names: [] }
    group.names.push(name)
    groups.set(place, group)
  }
  return [...groups]
    .sort(([one], [other]) => byText(one, other))
    .map(([, group]) => ({ ...group, names: group.names.sort() }))
}

/** Returns the sums that include more; both come from the same store, where one follows from the other. */
function moreMerged(
  a: EarlierHistory | undefined,
  b: EarlierHistory | undefined
): EarlierHistory | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const records = ({ sums }: EarlierHistory) => sums.reduce((sum, one) => sum + one.records, 0)
  const order = records(a) - records(b) || byText(JSON.stringify(a), JSON.stringify(b))
  return order >= 0 ? a : b
}

/**
 * Returns everything that either history has; the first one itself when the second brings nothing. Pure. The first one
 * must come from a merge, or have its records sorted and each once, as a report has.
 */
export function mergeHistories(a: WorkloadHistory, b: WorkloadHistory): WorkloadHistory {
  const earlier = moreMerged(a.earlier, b.earlier)
  const merged = earlier === undefined ? undefined : new Set(hashesIn(earlier.merged))
  const side = <Item>(of: WorkloadHistory, items: readonly Item[]): Side<Item> => ({
    items,
    merged: of.earlier === earlier ? undefined : merged
  })
  const profiles = firstNames(a.profiles, b.profiles)
  const since = earlierTime(a.since, b.since)
  const all = {
    starts: mergeSection(starts, side(a, a.starts), side(b, b.starts)),
    calls: mergeCalls(a.calls, b.calls),
    denials: mergeSection(denials, side(a, a.denials), side(b, b.denials)),
    events: mergeSection(events, side(a, a.events), side(b, b.events))
  }
  const isSame =
    all.starts === a.starts &&
    all.calls === a.calls &&
    all.denials === a.denials &&
    all.events === a.events &&
    earlier === a.earlier &&
    since === a.since &&
    profiles.join() === a.profiles.join()
  if (isSame) return a
  const { namespace, kind, name, container } = a.workload
  return {
    ...{ workload: { namespace, kind, name, container }, profiles, since },
    ...{ starts: [...all.starts], calls: [...all.calls] },
    ...{ denials: [...all.denials], events: [...all.events] },
    ...(earlier === undefined ? {} : { earlier })
  }
}
