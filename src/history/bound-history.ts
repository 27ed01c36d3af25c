import { EarlierSums } from './earlier-sums.js'
import {
  denialKey,
  eventKey,
  oldDenial,
  oldEvent,
  type OldRecord,
  oldStart,
  startKey
} from './old-records.js'
import { runOf } from '../api/instance-id.js'
import { laterTime } from './times.js'
import type { HistoryCalls, WorkloadHistory } from './workload-history.js'

/** The largest document of one workload, as the store keeps it. */
export const mostBytes = 65_536
/** Bytes of a document around its history: names, labels and the punctuation of the manifest. */
const manifestBytes = 2048
/** After records were merged, so much is used: not every write has to merge some. */
const roomShare = 0.95
/** Groups of newly seen syscalls. */
const mostGroups = 24

/** Returns the bytes of the document that keeps a history: a text within JSON. */
export function documentBytes(history: WorkloadHistory): number {
  return Buffer.byteLength(JSON.stringify(JSON.stringify(history))) + manifestBytes
}

const sizeOf = (record: unknown): number => JSON.stringify(JSON.stringify(record)).length - 1

type SizedRecord = OldRecord & { size: number }

/**
 * Returns the records that may be merged, the oldest first. A denial names its container and its pod by their start, which
 * is kept as long.
 */
function oldestFirst({ starts, denials, events }: WorkloadHistory): SizedRecord[] {
  const deniedAt = new Map<string, string>()
  for (const { instance, last } of denials)
    deniedAt.set(runOf(instance), laterTime(deniedAt.get(runOf(instance)) ?? '', last))
  const records: SizedRecord[] = [
    ...starts.map((one) => {
      const old = oldStart(one)
      return { ...old, at: laterTime(old.at, deniedAt.get(one.run) ?? ''), size: sizeOf(one) }
    }),
    ...denials.map((one) => ({ ...oldDenial(one), size: sizeOf(one) })),
    ...events.map((one) => ({ ...oldEvent(one), size: sizeOf(one) }))
  ]
  return records.sort((a, b) => (a.at === b.at ? (a.key < b.key ? -1 : 1) : a.at < b.at ? -1 : 1))
}

/** Joins the oldest groups of newly seen syscalls with the group before them, between both times. */
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
    const until = laterTime(first.until ?? first.at, later.until ?? later.at)
    groups[before] = { ...first, until, names: [...first.names, ...later.names].sort() }
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
  const earlier = new EarlierSums(history.earlier)
  earlier.add(old)
  const sums = earlier.result()
  return {
    ...history,
    starts: history.starts.filter((one) => !gone.has(startKey(one))),
    denials: history.denials.filter((one) => !gone.has(denialKey(one))),
    events: history.events.filter((one) => !gone.has(eventKey(one))),
    ...(sums === undefined ? {} : { earlier: sums })
  }
}
