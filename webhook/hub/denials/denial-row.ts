import { earlierTime } from '../../../src/history/times.js'
import { errnoName } from '../../../src/syscalls/errno-name.js'
import { type Denial, mayBeExpected } from './denial.js'

/** DenialRow is the denials of one kind: one caller, syscall and container, and what the caller got. */
export interface DenialRow {
  key: string
  node: string
  namespace: string
  workload: string
  profile: string
  /** Id and name of the container. */
  container: string
  containerName: string
  pod: string
  instance: string
  revision: string
  syscall: string
  abi: string
  arguments: string
  action: string
  errno: number
  answer: string
  signal: string
  comm: string
  pid: number
  count: number
  /** RFC 3339, by the node's clock: the first call, as far as that is known, and the newest. */
  firstSeen: string
  at: string
  /** When the hub heard of the newest call. */
  lastSeen: string
  expected: boolean
  succeeded: number
  /** When the container was reported to have ended, RFC 3339. */
  ended?: string
  /** When its profile was deleted, RFC 3339 by the hub's clock. A later profile of the same name is another one. */
  deleted?: string
}

/** DenialNews is a row with the number of denials that the newest report of a node added, and the pod that it is about. */
export type DenialNews = DenialRow & { added: number; podUid?: string }

/** Returns what the caller got, in a word: EPERM, SIGSYS, logged; ? where it is not known. */
export function answerOf({
  action,
  errno,
  signal
}: Pick<Denial, 'action' | 'errno' | 'signal'>): string {
  if (signal !== '') return signal
  if (action === 'SCMP_ACT_LOG') return 'logged'
  return errno === 0 ? '?' : errnoName(errno)
}

/** Returns the earliest `firstSeen` of the rows that are given; undefined without any. */
export function earliest(...known: (DenialRow | undefined)[]): string | undefined {
  return known.flatMap((row) => row?.firstSeen ?? []).sort()[0]
}

/** Returns the part of a row's key that depends neither on the caller nor on the arguments. */
export function keyWithoutCaller({
  node,
  instance,
  abi,
  syscall,
  action
}: Pick<Denial, 'node' | 'instance' | 'abi' | 'syscall' | 'action'>): string {
  return `${node} ${instance} ${abi} ${syscall} ${action}`
}

/** Returns whether the row is counted and its caller is not known. */
export function isNameless(row: DenialRow, ownKey: string): boolean {
  return row.pid === 0 && row.comm === '' && row.key.startsWith(`${ownKey} `)
}

/** Returns since when the container of a row has ended, unless the row grows by a call that was made later. */
function stillEnded(
  before: DenialRow | undefined,
  { lastSeen }: Pick<Denial, 'lastSeen'>,
  added: number
): Pick<DenialRow, 'ended'> {
  const ended = before?.ended
  // Only a call is later than the end, and not the name of its caller: the clock of the node may be ahead.
  return ended === undefined || (added > 0 && lastSeen > ended) ? {} : { ended }
}

interface Growth {
  before: DenialRow | undefined
  /** When the profile was deleted under whose revision the container started. */
  deleted: string | undefined
  /** Whether no other row is about this call in this container: then the first of all its calls is in this one. */
  isFirst: boolean
  nameless: DenialRow | undefined
  added: number
  now: string
}

/** Returns a row that was recorded earlier: what an earlier version hid as expected is open where that was never shown. */
export const judgedNow = (row: DenialRow): DenialRow =>
  row.expected && !mayBeExpected(row.syscall) ? { ...row, expected: false } : row

/** Returns a row with more denials. @param nameless the row of the same calls before their caller was known */
export function grownRow(
  key: string,
  denial: Denial,
  { before, deleted, isFirst, nameless, added, now }: Growth
): DenialRow {
  const at = denial.at === '' ? now : earlierTime(denial.at, now)
  const first = isFirst ? earlierTime(denial.firstAt ?? at, at) : at
  return {
    key,
    node: denial.node,
    namespace: denial.namespace,
    workload: denial.workload,
    profile: denial.profile,
    container: denial.container,
    containerName: denial.containerName,
    pod: denial.pod,
    answer: answerOf(denial),
    instance: denial.instance,
    // A node that no longer holds the revision does not know it again.
    revision: denial.revision === '' ? (before?.revision ?? '') : denial.revision,
    syscall: denial.syscall,
    abi: denial.abi,
    arguments: denial.arguments,
    action: denial.action,
    errno: denial.errno,
    signal: denial.signal,
    comm: denial.comm,
    pid: denial.pid,
    count: (before?.count ?? 0) + (nameless === before ? 0 : (nameless?.count ?? 0)) + added,
    firstSeen: earliest(before, nameless) ?? first,
    // The name of the caller does not change when the calls were made.
    lastSeen: nameless?.lastSeen ?? now,
    at,
    expected: denial.expected,
    succeeded: denial.succeeded,
    ...stillEnded(before ?? nameless, denial, added),
    ...(deleted === undefined ? {} : { deleted })
  }
}
