import { EarlierSums } from './earlier-sums.js'
import { mergeObjects } from './merge-objects.js'
import {
  denialKey,
  eventKey,
  oldDenial,
  oldEvent,
  type OldRecord,
  oldStart,
  startKey
} from './old-records.js'
import { earlierTime, laterTime } from './times.js'
import type {
  EarlierHistory,
  HistoryCaller,
  HistoryCalls,
  HistoryDenial,
  HistoryEvent,
  HistoryStart,
  WorkloadHistory
} from './workload-history.js'

/** Names of processes of one denial, and profiles of one workload: the first in the order of their letters. */
const mostNames = 8

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
    ...{ pod: known(a.pod, b.pod), podUid: known(a.podUid, b.podUid) },
    container: known(a.container, b.container),
    revision: known(a.revision, b.revision),
    ...mergeEnd(a, b),
    ending: known(a.ending, b.ending)
  })
}

/** An end that was seen is more precise than one that was not; of two that were not, both say something. */
function mergeEnd(
  a: HistoryStart,
  b: HistoryStart
): Pick<Partial<HistoryStart>, 'ended' | 'endedAfter'> {
  if (a.ended === undefined || b.ended === undefined) {
    const { ended, endedAfter } = a.ended === undefined ? b : a
    return present({ ended, endedAfter })
  }
  if (a.endedAfter !== undefined && b.endedAfter !== undefined)
    return {
      ended: earlierTime(a.ended, b.ended),
      endedAfter: laterTime(a.endedAfter, b.endedAfter)
    }
  const seen = [a, b].flatMap(({ ended, endedAfter }) =>
    endedAfter === undefined ? (ended ?? []) : []
  )
  return { ended: seen.reduce(laterTime, '') }
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const callerKey = (one: HistoryCaller): string => `${one.comm} ${one.answer} ${one.arguments ?? ''}`

/** Keeps as many callers as names: the first in the order of their letters. */
function mergeCallers(
  a: readonly HistoryCaller[] = [],
  b: readonly HistoryCaller[] = []
): HistoryCaller[] | undefined {
  const all = new Map<string, HistoryCaller>()
  for (const one of [...a, ...b]) {
    const before = all.get(callerKey(one)) ?? one
    all.set(callerKey(one), {
      ...one,
      count: Math.max(before.count, one.count),
      ...{ first: earlierTime(before.first, one.first), last: laterTime(before.last, one.last) }
    })
  }
  const sorted = [...all].sort(([one], [other]) => byText(one, other))
  return sorted.length === 0 ? undefined : sorted.slice(0, mostNames).map(([, one]) => one)
}

/** Returns when a hub heard of the larger count first; a report that is repeated is no news. */
function mergeHeard(a: HistoryDenial, b: HistoryDenial): string | undefined {
  if (a.count !== b.count) return a.count > b.count ? a.heard : b.heard
  if (a.heard === undefined || b.heard === undefined) return undefined
  return earlierTime(a.heard, b.heard)
}

/** Returns the earlier of two times, of which either may be unknown. */
const firstKnown = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || b === undefined ? (a ?? b) : earlierTime(a, b)

function mergeDenial(a: HistoryDenial, b: HistoryDenial): HistoryDenial {
  return present({
    ...{ instance: a.instance, abi: a.abi, syscall: a.syscall, action: a.action },
    answer: a.answer >= b.answer ? a.answer : b.answer,
    arguments: known(a.arguments, b.arguments),
    count: Math.max(a.count, b.count),
    ...{ first: earlierTime(a.first, b.first), last: laterTime(a.last, b.last) },
    ...{ heard: mergeHeard(a, b), nodeTime: firstKnown(a.nodeTime, b.nodeTime) },
    processes: firstNames(a.processes, b.processes),
    callers: mergeCallers(a.callers, b.callers),
    profile: known(a.profile, b.profile),
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

interface Section<Item> {
  key: (item: Item) => string
  merge: (a: Item, b: Item) => Item
  old: (item: Item) => OldRecord
  /** Items are sorted by this, so that the same records always make the same text. */
  order: (item: Item) => string
}

const starts: Section<HistoryStart> = {
  ...{ key: startKey, merge: mergeStart, old: oldStart },
  order: ({ at, run }) => `${at} ${run}`
}
const denials: Section<HistoryDenial> = {
  ...{ key: denialKey, merge: mergeDenial, old: oldDenial },
  order: (one) => `${one.last} ${denialKey(one)}`
}
const events: Section<HistoryEvent> = {
  ...{ key: eventKey, merge: mergeEvent, old: oldEvent },
  order: ({ at, id }) => `${at} ${id}`
}

/** Returns the first list itself when the second brings nothing. @param earlier takes what is only in sums */
function mergeSection<Item>(
  { key, merge, old, order }: Section<Item>,
  a: readonly Item[],
  b: readonly Item[],
  earlier: EarlierSums | undefined
): readonly Item[] {
  const found = new Map<string, Item>()
  for (const item of a) {
    const own = key(item)
    const before = found.get(own)
    found.set(own, before === undefined ? item : merge(before, item))
  }
  let isNew = found.size !== a.length
  for (const item of b) {
    const own = key(item)
    const before = found.get(own)
    if (before === undefined && earlier?.takes(old(item)) === true) continue
    const after = merge(before ?? item, item)
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(after)) continue
    found.set(own, after)
    isNew = true
  }
  if (!isNew) return a
  const ordered = [...found.values()].map((item) => ({ item, at: order(item) }))
  return ordered.sort((one, other) => byText(one.at, other.at)).map(({ item }) => item)
}

interface FirstCall {
  run: string
  at: string
  until: string | undefined
}

/** Keeps for each syscall the first report of it; returns the first list itself when the second brings nothing. */
function mergeCalls(
  a: readonly HistoryCalls[],
  b: readonly HistoryCalls[]
): readonly HistoryCalls[] {
  const first = new Map<string, FirstCall>()
  let isNew = false
  for (const [side, list] of [a, b].entries()) {
    for (const { abi, names, run, at, until } of list) {
      for (const name of names) {
        const key = `${abi} ${name}`
        const before = first.get(key)
        if (before !== undefined && !isFirst({ run, at, until }, before)) continue
        first.set(key, { run, at, until })
        isNew ||= side === 1
      }
    }
  }
  return isNew ? groupedCalls(first) : a
}

/** Returns whether a first use comes before another one; of two at one time the more precise one does. */
function isFirst(one: FirstCall, other: FirstCall): boolean {
  if (one.at !== other.at) return one.at < other.at
  if (one.run !== other.run) return one.run < other.run
  return (one.until ?? '') < (other.until ?? '')
}

function groupedCalls(first: ReadonlyMap<string, FirstCall>): HistoryCalls[] {
  const groups = new Map<string, HistoryCalls>()
  for (const [key, { run, at, until }] of first) {
    const split = key.lastIndexOf(' ')
    const [abi, name] = [key.slice(0, split), key.slice(split + 1)]
    const place = `${at} ${run} ${abi} ${until ?? ''}`
    const span = until === undefined ? {} : { until }
    const group: HistoryCalls = groups.get(place) ?? { run, at, ...span, abi, names: [] }
    group.names.push(name)
    groups.set(place, group)
  }
  return [...groups]
    .sort(([one], [other]) => byText(one, other))
    .map(([, group]) => ({ ...group, names: group.names.sort() }))
}

/** Returns whether the second sums include more; both come from the same store, where one follows from the other. */
function hasMore(a: EarlierHistory | undefined, b: EarlierHistory | undefined): boolean {
  if (a === undefined || b === undefined) return b !== undefined
  const total = ({ sums }: EarlierHistory, of: 'records' | 'count') =>
    sums.reduce((sum, one) => sum + one[of], 0)
  const more = total(b, 'records') - total(a, 'records') || total(b, 'count') - total(a, 'count')
  return (more || byText(JSON.stringify(b), JSON.stringify(a))) > 0
}

/**
 * Returns everything that either history has; the first one itself when the second brings nothing. Pure. The first one
 * must come from a merge, or have its records sorted and each once, as a report has.
 */
export function mergeHistories(a: WorkloadHistory, b: WorkloadHistory): WorkloadHistory {
  if (hasMore(a.earlier, b.earlier)) return mergeHistories(b, a)
  const sums = a.earlier === undefined ? undefined : new EarlierSums(a.earlier)
  const profiles = firstNames(a.profiles, b.profiles)
  const since = earlierTime(a.since, b.since)
  const all = {
    starts: mergeSection(starts, a.starts, b.starts, sums),
    calls: mergeCalls(a.calls, b.calls),
    denials: mergeSection(denials, a.denials, b.denials, sums),
    events: mergeSection(events, a.events, b.events, sums)
  }
  const before = a.objects ?? []
  const objects = mergeObjects(before, b.objects)
  const earlier = sums?.result()
  const isSame =
    all.starts === a.starts &&
    all.calls === a.calls &&
    all.denials === a.denials &&
    all.events === a.events &&
    objects === before &&
    earlier === a.earlier &&
    since === a.since &&
    profiles.join() === a.profiles.join()
  if (isSame) return a
  const { namespace, kind, name, container } = a.workload
  return {
    ...{ workload: { namespace, kind, name, container }, profiles, since },
    ...{ starts: [...all.starts], calls: [...all.calls] },
    ...{ denials: [...all.denials], events: [...all.events] },
    ...(objects.length === 0 ? {} : { objects: [...objects] }),
    ...(earlier === undefined ? {} : { earlier })
  }
}
