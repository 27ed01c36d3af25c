import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { knownPart } from '../api/known-part.js'
import { dropOldest } from '../lib/drop-oldest.js'
import { isTime } from './times.js'

/*
 * The history of one workload: what happened to it, in a form that can be merged. Every record has a key that
 * follows from the event alone, and its members only move one way (the earliest first time, the latest last time, the
 * largest count). So the same event can be recorded any number of times, in any order and by any hub.
 */

const closed = { additionalProperties: false } as const
const Text = Type.String({ maxLength: 2048 })
const Time = Type.Refine(Type.String(), isTime)
const Count = Type.Integer({ minimum: 0 })

/** WorkloadKey names a workload: namespace, kind and name of the topmost owner, and the container. */
export const WorkloadKey = Type.Object(
  { namespace: Text, kind: Text, name: Text, container: Text },
  closed
)
export type WorkloadKey = Static<typeof WorkloadKey>

/** HistoryStart is one start of one container of the workload. */
export const HistoryStart = Type.Object(
  {
    /** Node, boot and place in the kernel: the same for the whole life of the container. */
    run: Text,
    node: Text,
    at: Time,
    /** Recorded from its first instruction; otherwise `at` is when it was first seen. */
    complete: Type.Boolean(),
    image: Type.Optional(Text),
    digest: Type.Optional(Text),
    pod: Type.Optional(Text),
    /** Another pod of the same name has another one. */
    podUid: Type.Optional(Text),
    container: Type.Optional(Text),
    /** The revision that it began with. */
    revision: Type.Optional(Text),
    ended: Type.Optional(Time),
    /** Nobody saw its end, which was after this time and before `ended`. */
    endedAfter: Type.Optional(Time),
    /** How its first process ended: stop, killed, killed SIGSEGV; absent where that is not known. */
    ending: Type.Optional(Text)
  },
  closed
)
export type HistoryStart = Static<typeof HistoryStart>

/** HistoryCalls are syscalls that the workload used for the first time, with the container that used them. */
export const HistoryCalls = Type.Object(
  {
    run: Text,
    at: Time,
    /** Groups were joined: each call was first used between `at` and then, by any container. */
    until: Type.Optional(Time),
    abi: Text,
    names: Type.Array(Text, { maxItems: 4096 })
  },
  closed
)
export type HistoryCalls = Static<typeof HistoryCalls>

/** HistoryCaller is the part of a denial that one process was given one answer for. */
const HistoryCaller = Type.Object(
  {
    ...{ comm: Text, answer: Text, arguments: Type.Optional(Text) },
    ...{ count: Count, first: Time, last: Time }
  },
  closed
)
export type HistoryCaller = Static<typeof HistoryCaller>

/** HistoryDenial is what one container was denied of one syscall. `count` is the satellite's own, so it only grows. */
export const HistoryDenial = Type.Object(
  {
    instance: Text,
    abi: Text,
    syscall: Text,
    action: Text,
    /** What the caller got: EPERM, SIGSYS, logged; ? where it is not known. */
    answer: Text,
    /** Of one of the calls, as the audit log prints them. */
    arguments: Type.Optional(Text),
    count: Count,
    first: Time,
    last: Time,
    /** When the hub heard of `count` calls, where that was long after `last`: the node's clock is behind, or it was away. */
    heard: Type.Optional(Time),
    /** The time of the first report by the node's clock, where that is ahead: `first` and `last` are never later than now. */
    nodeTime: Type.Optional(Time),
    /** Names of the processes that made the calls, as far as they are known. */
    processes: Type.Array(Text, { maxItems: 64 }),
    /** Where processes, answers or arguments differ: what each of them counts of it. */
    callers: Type.Optional(Type.Array(HistoryCaller, { maxItems: 64 })),
    /** The profile that denied it; in the namespace of the workload. */
    profile: Type.Optional(Text),
    revision: Type.Optional(Text),
    /** The profile denies it on purpose, and the caller is known to do without. */
    expected: Type.Optional(Type.Boolean())
  },
  closed
)
export type HistoryDenial = Static<typeof HistoryDenial>

export const historyEvents = [
  'approval',
  'delivery',
  'mode',
  'canary',
  'allow',
  'mute',
  'block',
  'drift',
  'secco'
] as const
export type HistoryEventKind = (typeof historyEvents)[number]

/** HistoryEvent is anything else: a decision of a person or a policy, a delivery, drift, a restart of Secco. */
export const HistoryEvent = Type.Object(
  {
    /** The same for the same event, whoever records it. */
    id: Text,
    at: Time,
    what: Type.Enum([...historyEvents]),
    /** One sentence without the time and without who did it. */
    text: Text,
    by: Type.Optional(Text),
    reason: Type.Optional(Text),
    revision: Type.Optional(Text),
    /** For drift: when it ended. */
    until: Type.Optional(Time)
  },
  closed
)
export type HistoryEvent = Static<typeof HistoryEvent>

/** MergedRecords is the sum of records that were too old to be kept one by one. */
const MergedRecords = Type.Object(
  {
    ...{ what: Text, count: Count, records: Count, first: Time, last: Time },
    /** A report came that may be in the sum or not, and was not added: the count is a lower bound. */
    atLeast: Type.Optional(Type.Boolean())
  },
  closed
)
export type MergedRecords = Static<typeof MergedRecords>

export const EarlierHistory = Type.Object(
  {
    sums: Type.Array(MergedRecords),
    /**
     * What was counted of each record, the newest last: a short hash of its key, the minute in which it began, and its
     * count, so that what is reported again is counted once.
     */
    counted: Type.String({ pattern: '^(\\.[A-Za-z0-9_-]{6}[0-9a-z]{5,16})*$', maxLength: 32_768 }),
    /** A record that began until then may be in a sum without being in `counted`. */
    countedUntil: Type.Optional(Time)
  },
  closed
)
export type EarlierHistory = Static<typeof EarlierHistory>

/** HistoryObject is an object that has or had the name of a profile: one that is made again is another object. */
export const HistoryObject = Type.Object(
  {
    profile: Text,
    uid: Text,
    /** When it was created. */
    since: Time,
    deleted: Type.Optional(Time),
    /** How often it was there again after it had counted as deleted: a file that was away for a moment. */
    returns: Type.Optional(Count)
  },
  closed
)
export type HistoryObject = Static<typeof HistoryObject>

export const WorkloadHistory = Type.Object(
  {
    workload: WorkloadKey,
    /** Keys of the profiles that the workload was learned into, as `namespace/name`. */
    profiles: Type.Array(Text, { maxItems: 64 }),
    /** RFC 3339. What happened before is not recorded. */
    since: Time,
    starts: Type.Array(HistoryStart),
    calls: Type.Array(HistoryCalls),
    denials: Type.Array(HistoryDenial),
    events: Type.Array(HistoryEvent),
    /** The objects of those profiles that a hub saw, so that a hub that starts knows which of them are gone. */
    objects: Type.Optional(Type.Array(HistoryObject, { maxItems: 64 })),
    earlier: Type.Optional(EarlierHistory)
  },
  closed
)
export type WorkloadHistory = Static<typeof WorkloadHistory>

const checked = Compile(WorkloadHistory)
const checkedRecords = {
  ...{ starts: Compile(HistoryStart), calls: Compile(HistoryCalls) },
  ...{ denials: Compile(HistoryDenial), events: Compile(HistoryEvent) }
}

/** Returns a history without the records for which `parseHistory` would reject all of it. Pure. */
export function withReadableRecords(history: WorkloadHistory): WorkloadHistory {
  const { starts, calls, denials, events } = history
  return {
    ...history,
    starts: starts.filter((one) => checkedRecords.starts.Check(one)),
    calls: calls.filter((one) => checkedRecords.calls.Check(one)),
    denials: denials.filter((one) => checkedRecords.denials.Check(one)),
    events: events.filter((one) => checkedRecords.events.Check(one))
  }
}

/**
 * Reads a stored history, without what a later release wrote and this one does not know; undefined when the text is not a
 * history.
 */
export function parseHistory(text: string): WorkloadHistory | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (checked.Check(value)) return value
    const known = knownPart(WorkloadHistory, value)
    return checked.Check(known) ? known : undefined
  } catch {
    return undefined
  }
}

export function emptyHistory(workload: WorkloadKey, since: string): WorkloadHistory {
  return { workload, profiles: [], since, starts: [], calls: [], denials: [], events: [] }
}

/** Returns `namespace/kind/name/container`, or without the container where the workload is one itself. */
export function workloadText({ namespace, kind, name, container }: WorkloadKey): string {
  return [namespace, kind, name, ...(container === '' ? [] : [container])].join('/')
}

/** Returns the workload of such a text, which anybody may have changed: compare `historyName`. */
export function workloadOfText(text: string): WorkloadKey {
  const [namespace = '', kind = '', name = '', container = ''] = text.split('/')
  return { namespace, kind, name, container }
}

/** Names that were made last: each report of a container asks for the one of its workload. */
const names = new Map<string, string>()
const mostNames = 10_000

/** Returns the name of the object that keeps the history of a workload: safe for files and for Kubernetes. */
export function historyName(workload: WorkloadKey): string {
  const text = JSON.stringify(Object.values(ordered(workload)))
  const known = names.get(text)
  if (known !== undefined) return known
  const hash = createHash('sha256').update(text).digest('hex')
  const name = `secco-history-${hash.slice(0, 40)}`
  names.set(text, name)
  dropOldest(names, mostNames)
  return name
}

const ordered = ({ namespace, kind, name, container }: WorkloadKey): WorkloadKey => ({
  ...{ namespace, kind, name, container }
})
