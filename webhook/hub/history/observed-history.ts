import {
  emptyHistory,
  type HistoryCalls,
  type HistoryDenial,
  type HistoryStart,
  runOf,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../src/history/workload-history.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { abis } from '../../../src/syscalls/abi.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import type { ContainerRef } from '../../../src/api/gen/hub.js'
import { type Denial } from '../denials/denial.js'
import { answerOf } from '../denials/denial-rows.js'
import type { Target } from '../nodes/workload.js'
import type { ObservationFinding } from '../observations/read-observation.js'

const longestName = 253
/** Texts of a revision, and of an instance. */
const longestText = 512

/** A node may report any time: one in the future would be the last to be merged into a sum. */
const notAfter = (now: string, time: string): string => (time > now ? now : time)

/** Returns the workload whose history an observation belongs to. */
export function workloadOfTarget({ ref, workload }: Target): WorkloadKey {
  const { kind, name, container = '' } = workload
  return {
    ...{ namespace: ref.namespace, kind: kind.slice(0, 63) },
    ...{ name: name.slice(0, longestName), container: container.slice(0, longestName) }
  }
}

const textOf = (text: string | undefined, most = 512): { text?: string } =>
  text === undefined || text === '' ? {} : { text: text.slice(0, most) }

function startOf(
  finding: ObservationFinding,
  container: ContainerRef | undefined,
  { node, revision, now }: { node: string; revision: string; now: string }
): HistoryStart {
  const start: HistoryStart = {
    run: runOf(finding.id),
    node,
    at: finding.firstSeen === '' ? now : notAfter(now, finding.firstSeen),
    complete: finding.complete
  }
  const { text: image } = textOf(container?.image)
  const { text: pod } = textOf(container?.podName, 253)
  const { text: id } = textOf(container?.id, 128)
  const { text: digest } = textOf(container?.imageDigest, 80)
  const { text: began } = textOf(revision, 80)
  if (image !== undefined) start.image = image
  if (pod !== undefined) start.pod = pod
  if (id !== undefined) start.container = id
  if (digest !== undefined && /^sha256:[0-9a-f]{64}$/.test(digest)) start.digest = digest
  if (began !== undefined) start.revision = began
  if (finding.ended && finding.lastSeen !== '') start.ended = notAfter(now, finding.lastSeen)
  return start
}

/** Returns the syscalls of an observation: those of its start-up at its first time, the others at its last. */
function callsOf(finding: ObservationFinding, now: string): HistoryCalls[] {
  const { id, set, startup, firstSeen, lastSeen } = finding
  const last = lastSeen === '' ? now : notAfter(now, lastSeen)
  const first = firstSeen === '' ? last : notAfter(last, firstSeen)
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

function deniedOf(denial: Denial, instance: string, now: string): HistoryDenial {
  const { abi, syscall, action, count, comm, at, lastSeen, revision } = denial
  const last = notAfter(now, at === '' ? (lastSeen === '' ? now : lastSeen) : at)
  const { firstAt = last } = denial
  const row: HistoryDenial = {
    ...{ instance, abi, syscall, action, answer: answerOf(denial), count },
    ...{ first: firstAt > last ? last : firstAt, last },
    processes: comm === '' ? [] : [comm]
  }
  if (denial.arguments !== '') row.arguments = denial.arguments
  if (revision !== '') row.revision = revision.slice(0, longestText)
  if (denial.expected) row.expected = true
  return row
}

/** Returns what an observation adds to the history of its workload. Pure. */
export function observedHistory(
  observation: { container: ContainerRef | undefined; revision: string },
  finding: ObservationFinding,
  { node, now }: { node: string; now: string }
): WorkloadHistory {
  const { target, part, denials } = finding
  const isEntry = part === 'entry'
  const { revision, container } = observation
  return {
    ...emptyHistory(workloadOfTarget(target), now),
    profiles: [profileKey(target.ref.namespace, target.ref.name)],
    starts: isEntry ? [startOf(finding, container, { node, revision, now })] : [],
    // What a person typed in a session is no behaviour of the workload.
    calls: part === 'session' ? [] : callsOf(finding, now),
    denials: denials.map((denial) => deniedOf(denial, finding.id.slice(0, longestText), now))
  }
}
