import {
  denialKey,
  earlierTime,
  eventKey,
  hashesIn,
  keyHash,
  laterTime,
  startKey
} from './merge-history.js'
import type {
  EarlierHistory,
  HistoryCalls,
  MergedRecords,
  WorkloadHistory
} from './workload-history.js'

/** The largest document of one workload, as the store keeps it. */
export const mostBytes = 65_536
/** Bytes of a document around its history: names, labels and the punctuation of the manifest. */
const manifestBytes = 2048
/** After records were merged, so much is used: not every write has to merge some. */
const roomShare = 0.9
/** Hashes of merged records that are kept: older ones are not reported again. */
const mostMerged = 1024
/** Sums that are kept; the smallest of others are added up. */
const mostSums = 96
/** Groups of newly seen syscalls. */
const mostGroups = 24

/** Returns the bytes of the document that keeps a history: a text within JSON. */
export function documentBytes(history: WorkloadHistory): number {
  return Buffer.byteLength(JSON.stringify(JSON.stringify(history))) + manifestBytes
}

interface OldRecord {
  key: string
  /** When it last mattered. */
  at: string
  size: number
  sum: MergedRecords
}

const sizeOf = (record: unknown): number => JSON.stringify(JSON.stringify(record)).length - 1

/** Returns the records that may be merged, the oldest first. */
function oldestFirst({ starts, denials, events }: WorkloadHistory): OldRecord[] {
  const records = [
    ...starts.map((one): OldRecord => {
      const at = one.ended ?? one.at
      const sum = { what: 'start', count: 1, records: 1, first: one.at, last: one.at }
      return { key: startKey(one), at, size: sizeOf(one), sum }
    }),
    ...denials.map((one): OldRecord => {
      const { abi, syscall, answer, count, first, last, expected } = one
      const what = `${expected === true ? 'expected' : 'denial'} ${abi} ${syscall} ${answer}`
      return {
        key: denialKey(one),
        at: last,
        size: sizeOf(one),
        sum: { what, count, records: 1, first, last }
      }
    }),
    ...events.map((one): OldRecord => {
      const { at, what } = one
      return {
        key: eventKey(one),
        at,
        size: sizeOf(one),
        sum: { what, count: 1, records: 1, first: at, last: at }
      }
    })
  ]
  return records.sort((a, b) => (a.at === b.at ? (a.key < b.key ? -1 : 1) : a.at < b.at ? -1 : 1))
}

function addSum(a: MergedRecords, b: MergedRecords): MergedRecords {
  return {
    ...{ what: a.what, count: a.count + b.count, records: a.records + b.records },
    ...{ first: earlierTime(a.first, b.first), last: laterTime(a.last, b.last) }
  }
}

/** Adds up the smallest sums of denials beyond the limit: a container can ask for every syscall of every ABI. */
function fewSums(sums: readonly MergedRecords[]): MergedRecords[] {
  if (sums.length <= mostSums) return [...sums]
  const isDenial = ({ what }: MergedRecords) => /^(denial|expected) /.test(what)
  const others = sums.filter((one) => !isDenial(one))
  const denials = sums
    .filter(isDenial)
    .sort((a, b) => b.count - a.count || (a.what < b.what ? -1 : 1))
  const rest = denials
    .slice(mostSums / 2)
    .map((one) => ({ ...one, what: `${one.what.split(' ')[0] ?? ''} * * *` }))
  return withSums([], [...others, ...denials.slice(0, mostSums / 2), ...rest])
}

function withSums(
  before: readonly MergedRecords[],
  added: readonly MergedRecords[]
): MergedRecords[] {
  const sums = new Map(before.map((one) => [one.what, one]))
  for (const one of added) {
    const known = sums.get(one.what)
    sums.set(one.what, known === undefined ? one : addSum(known, one))
  }
  return [...sums.values()].sort((a, b) => (a.what < b.what ? -1 : 1))
}

function withMerged(before: EarlierHistory | undefined, old: readonly OldRecord[]): EarlierHistory {
  const sums = withSums(
    before?.sums ?? [],
    old.map(({ sum }) => sum)
  )
  const merged = [...hashesIn(before?.merged ?? ''), ...old.map(({ key }) => keyHash(key))]
  return { sums: fewSums(sums), merged: merged.slice(-mostMerged).join('') }
}

/** Joins the oldest groups of newly seen syscalls with the group before them, at the earlier time. */
function fewGroups(calls: readonly HistoryCalls[]): HistoryCalls[] {
  const groups = [...calls]
  while (groups.length > mostGroups) {
    const at = groups.findIndex((one, index) =>
      groups.some((other, before) => before < index && other.abi === one.abi)
    )
    const [later] = groups.splice(at, 1)
    const before = groups.findIndex((one) => one.abi === later?.abi)
    const first = groups[before]
    if (later === undefined || first === undefined) break
    groups[before] = { ...first, names: [...first.names, ...later.names].sort() }
  }
  return groups
}

/**
 * Returns a history whose document has at most `most` bytes: the oldest records are merged into sums, with their
 * exact counts and their first and last times. Returns the same object when it is small enough. Pure.
 */
export function boundHistory(history: WorkloadHistory, most = mostBytes): WorkloadHistory {
  let bounded = history
  if (history.calls.length > mostGroups) bounded = { ...history, calls: fewGroups(history.calls) }
  for (let bytes = documentBytes(bounded); bytes > most; bytes = documentBytes(bounded)) {
    const records = oldestFirst(bounded)
    if (records.length === 0) {
      // What is left has a bound of its own.
      if (bounded.calls.length === 0) break
      bounded = withFewerCalls(bounded)
      continue
    }
    let excess = bytes - most * roomShare
    const old: OldRecord[] = []
    for (const record of records) {
      if (excess <= 0) break
      old.push(record)
      excess -= record.size
    }
    bounded = withoutRecords(bounded, old)
  }
  return bounded
}

/** Drops the later half of the newly seen syscalls: no kernel has so many, so somebody invents names. */
function withFewerCalls(history: WorkloadHistory): WorkloadHistory {
  const { calls } = history
  const [only] = calls
  if (calls.length > 1) return { ...history, calls: calls.slice(0, Math.floor(calls.length / 2)) }
  const names = only?.names.slice(0, Math.floor(only.names.length / 2)) ?? []
  return { ...history, calls: only === undefined || names.length === 0 ? [] : [{ ...only, names }] }
}

function withoutRecords(history: WorkloadHistory, old: readonly OldRecord[]): WorkloadHistory {
  const gone = new Set(old.map(({ key }) => key))
  return {
    ...history,
    starts: history.starts.filter((one) => !gone.has(startKey(one))),
    denials: history.denials.filter((one) => !gone.has(denialKey(one))),
    events: history.events.filter((one) => !gone.has(eventKey(one))),
    earlier: withMerged(history.earlier, old)
  }
}
