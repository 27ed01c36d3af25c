import { runOf } from '../../../src/api/instance-id.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { earlierTime, isTime, laterTime } from '../../../src/history/times.js'
import { mergeHistories } from '../../../src/history/merge-history.js'
import {
  emptyHistory,
  type HistoryCaller,
  type HistoryCalls,
  type HistoryDenial,
  type HistoryStart,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../src/history/workload-history.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { isEnd } from '../../../src/history/endings.js'
import { abis } from '../../../src/syscalls/abi.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import type { ContainerRef, Observation } from '../../../src/api/gen/hub.js'
import { type Denial } from '../denials/denial.js'
import { clockAt, type HubClock } from './heard-times.js'
import { answerOf, type DenialRow, keyWithoutCaller } from '../denials/denial-row.js'
import type { Target } from '../nodes/workload.js'
import type { ObservationFinding } from '../observations/read-observation.js'

const longestName = 253
/** A process may take any name, as often as it likes. */
const mostCallers = 64
/** Texts of a revision, and of an instance. */
const longestText = 512

/** Returns the workload whose history an observation belongs to. */
export function workloadOfTarget({ ref, workload }: Target): WorkloadKey {
  const { kind, name, container = '' } = workload
  return {
    ...{ namespace: ref.namespace, kind: cutText(kind, 63) },
    ...{ name: cutText(name, longestName), container: cutText(container, longestName) }
  }
}

const textOf = (text: string | undefined, most = 512): { text?: string } =>
  text === undefined || text === '' ? {} : { text: cutText(text, most) }

interface StartFacts {
  node: string
  revision: string
  endedAt: string | undefined
  clock: HubClock
}

function startOf(
  finding: ObservationFinding,
  container: ContainerRef | undefined,
  { node, revision, endedAt, clock }: StartFacts
): HistoryStart {
  const start: HistoryStart = {
    run: runOf(finding.id),
    node,
    at: finding.firstSeen === '' ? clock.now : clock.notAfterNow(finding.firstSeen),
    complete: finding.complete
  }
  const { text: image } = textOf(container?.image)
  const { text: pod } = textOf(container?.podName, 253)
  const { text: podUid } = textOf(container?.podUid, 64)
  const { text: id } = textOf(container?.id, 128)
  const { text: digest } = textOf(container?.imageDigest, 80)
  const { text: began } = textOf(revision, 80)
  if (image !== undefined) start.image = image
  if (pod !== undefined) start.pod = pod
  if (pod !== undefined && podUid !== undefined) start.podUid = podUid
  if (id !== undefined) start.container = id
  if (digest !== undefined && /^sha256:[0-9a-f]{64}$/.test(digest)) start.digest = digest
  if (began !== undefined) start.revision = began
  const ending = finding.events.find((event) => isEnd(event) && event !== 'ended')
  if (ending !== undefined) start.ending = ending
  return finding.ended ? { ...start, ...endOf(finding, endedAt, clock) } : start
}

/** Returns when a container ended; where its node did not see that, the times between which it did. */
export function endOf(
  { lastSeen, firstSeen }: ObservationFinding,
  endedAt: string | undefined,
  { now, notAfterNow }: HubClock
): Pick<HistoryStart, 'ended' | 'endedAfter'> {
  if (endedAt !== undefined && isTime(endedAt)) return { ended: notAfterNow(endedAt) }
  const after = lastSeen === '' ? firstSeen : lastSeen
  return after === '' ? {} : { ended: now, endedAfter: notAfterNow(after) }
}

/** Returns the syscalls of an observation: those of its start-up at its first time, the others at its last. */
function callsOf(finding: ObservationFinding, { now, notAfterNow }: HubClock): HistoryCalls[] {
  const { id, set, startup, firstSeen, lastSeen } = finding
  const last = lastSeen === '' ? now : notAfterNow(lastSeen)
  const first = firstSeen === '' ? last : earlierTime(last, notAfterNow(firstSeen))
  return abis.flatMap((abi): HistoryCalls[] => {
    const early = new Set(startup[abi])
    const names = (set[abi] ?? []).filter(isKnownSyscall)
    const groups = [
      { at: first, names: names.filter((name) => early.has(name)) },
      { at: last, names: names.filter((name) => !early.has(name)) }
    ]
    return groups.flatMap((group) =>
      group.names.length === 0 ? [] : [{ run: runOf(id), abi, ...group }]
    )
  })
}

/** Returns what each caller counts of a denial, where there are several. */
function callersOf(
  denial: Denial,
  rows: readonly DenialRow[],
  { notAfterNow }: HubClock
): HistoryCaller[] {
  const ownKey = `${keyWithoutCaller(denial)} `
  const own = rows.filter(({ key }) => key.startsWith(ownKey))
  if (own.length < 2) return []
  return own.map((row) => ({
    ...{ comm: row.comm, answer: row.answer, count: row.count },
    ...(row.arguments === '' ? {} : { arguments: row.arguments }),
    ...{ first: notAfterNow(row.firstSeen), last: notAfterNow(row.at) }
  }))
}

/** A report comes within a moment. One that comes later is of a node whose clock is behind, or that was away. */
const promptMs = 2000

/**
 * Returns when the hub heard of the calls of a denial. Denials are reported at once, and what the history is made of with
 * the next scan, and once more to a hub that was restarted.
 */
function heardOf(
  denial: Denial,
  rows: readonly DenialRow[],
  { now, notAfterNow }: HubClock
): string {
  const ownKey = `${keyWithoutCaller(denial)} `
  const own = rows.filter(({ key }) => key.startsWith(ownKey)).map(({ lastSeen }) => lastSeen)
  return own.length === 0 ? now : notAfterNow(own.reduce(laterTime))
}

/** Returns what a history keeps of a report where the clocks of the node and of the hub differ. */
function clocksOf(
  { lastSeen }: Pick<Denial, 'lastSeen'>,
  { last, heard, now }: { last: string; heard: string; now: string }
): Pick<HistoryDenial, 'heard' | 'nodeTime'> {
  const isLate = Date.parse(heard) - Date.parse(last) > promptMs
  return { ...(isLate ? { heard } : {}), ...(lastSeen > now ? { nodeTime: lastSeen } : {}) }
}

/** @param isReport whether the node reports the denial now */
function deniedOf(
  denial: Denial,
  instance: string,
  {
    clock,
    rows = [],
    isReport
  }: { clock: HubClock; rows?: readonly DenialRow[]; isReport: boolean }
): HistoryDenial {
  const { now } = clock
  const callers = callersOf(denial, rows, clock)
  const { abi, syscall, action, count, comm, at, lastSeen, revision } = denial
  const last = clock.notAfterNow(at === '' ? (lastSeen === '' ? now : lastSeen) : at)
  const { firstAt = last } = denial
  const row: HistoryDenial = {
    ...{ instance, abi, syscall, action, answer: answerOf(denial), count },
    ...{ first: firstAt > last ? last : firstAt, last },
    ...(isReport ? clocksOf(denial, { last, heard: heardOf(denial, rows, clock), now }) : {}),
    processes: comm === '' ? [] : [comm]
  }
  if (denial.profile !== '') row.profile = cutText(denial.profile, longestName)
  if (callers.length > 0) row.callers = callers.slice(0, mostCallers)
  if (denial.arguments !== '') row.arguments = denial.arguments
  if (revision !== '') row.revision = cutText(revision, longestText)
  if (denial.expected) row.expected = true
  return row
}

/**
 * Returns what an observation adds to the history of its workload. Pure.
 * @param rows what the hub counted of each caller, this observation included
 */
export function observedHistory(
  observation: Pick<Observation, 'container' | 'revision' | 'endedAt'>,
  finding: ObservationFinding,
  { node, clock, rows = [] }: { node: string; clock: HubClock; rows?: readonly DenialRow[] }
): WorkloadHistory {
  const { target, part, denials } = finding
  const isEntry = part === 'entry'
  const { revision, container, endedAt } = observation
  return {
    ...emptyHistory(workloadOfTarget(target), clock.now),
    profiles: [profileKey(target.ref.namespace, target.ref.name)],
    starts: isEntry ? [startOf(finding, container, { node, revision, endedAt, clock })] : [],
    // What a person typed in a session is no behaviour of the workload.
    calls: part === 'session' ? [] : callsOf(finding, clock),
    denials: denials.map((denial) =>
      deniedOf(denial, cutText(finding.id, longestText), { clock, rows, isReport: true })
    )
  }
}

const isSameCount = (one: HistoryDenial, other: HistoryDenial): boolean =>
  (['instance', 'abi', 'syscall', 'action', 'count'] as const).every(
    (member) => one[member] === other[member]
  )

/**
 * Returns a history with the newest denials of its workload. A node reports a denial at once, and what the history is
 * made of with its next scan. Pure.
 */
export function withNewestDenials(
  history: WorkloadHistory,
  denials: readonly Denial[],
  now: string
): WorkloadHistory {
  const { namespace, kind, name, container } = history.workload
  const own = denials.filter(
    (one) =>
      one.namespace === namespace &&
      one.workload === `${kind}/${name}` &&
      (container === '' || one.containerName === container) &&
      history.profiles.includes(profileKey(namespace, one.profile))
  )
  if (own.length === 0) return history
  return mergeHistories(history, {
    ...emptyHistory(history.workload, history.since),
    denials: own.map((one) => {
      const instance = cutText(one.instance, longestText)
      const denied = deniedOf(one, instance, { clock: clockAt(now), isReport: false })
      // Of what is recorded it is known when the hub heard of it.
      const same = history.denials.find((each) => isSameCount(each, denied))
      if (same === undefined) return denied
      const last = denied.last === now ? same.last : denied.last
      return { ...denied, last, ...(same.heard !== undefined && { heard: same.heard }) }
    })
  })
}
