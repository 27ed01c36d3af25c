import { errnoName } from '../../src/seccomp/errno-name.js'

/** One refused call of one container instance as pages and API show it. */
export interface DenialView {
  namespace: string
  profile: string
  node: string
  container: string
  syscall: string
  abi: string
  action: string
  count: number
  errno: number
  signal: string
  pid: number
  comm: string
  /** RFC 3339, of the newest call; empty where it is not known. */
  at: string
  lastSeen: string
  succeeded: number
  /** Refused on purpose: libc has another way. */
  expected: boolean
  /** Somebody said that it stays refused, and alarms nobody. */
  muted: boolean
}

/** Whether it waits for a person. */
export function isOpen({ expected, muted }: Pick<DenialView, 'expected' | 'muted'>): boolean {
  return !expected && !muted
}

/** What the caller got, in a word: EPERM, SIGSYS, logged; – where it is not known. */
export function answerOf({
  action,
  errno,
  signal
}: Pick<DenialView, 'action' | 'errno' | 'signal'>): string {
  if (signal !== '') return signal
  if (action === 'SCMP_ACT_LOG') return 'logged'
  return errno === 0 ? '–' : errnoName(errno)
}

/** One line of the page: the same call of the same workload, of all its instances. */
export interface DenialGroup {
  key: string
  namespace: string
  profile: string
  syscall: string
  abi: string
  answer: string
  logged: boolean
  expected: boolean
  muted: boolean
  count: number
  succeeded: number
  instances: number
  node: string
  container: string
  comm: string
  pid: number
  /** Newest, RFC 3339. */
  at: string
}

function timeOf({ at, lastSeen }: Pick<DenialView, 'at' | 'lastSeen'>): string {
  return at === '' ? lastSeen : at
}

/** Denials by workload, call and answer, newest first. */
export function groupDenials(denials: readonly DenialView[]): DenialGroup[] {
  const groups = new Map<string, DenialGroup & { seen: Set<string> }>()
  for (const denial of denials) {
    const { namespace, profile, syscall, abi, count, succeeded, expected, muted } = denial
    const answer = answerOf(denial)
    const key = `${namespace}/${profile} ${syscall} ${abi} ${answer}${muted ? ' muted' : ''}`
    const before = groups.get(key)
    const newest = before === undefined || timeOf(denial) >= before.at
    const { node, container, comm, pid } = newest ? denial : before
    const seen = (before?.seen ?? new Set()).add(`${denial.node} ${denial.container}`)
    groups.set(key, {
      ...{ key, namespace, profile, syscall, abi, answer, node, container, comm, pid, expected },
      ...{ muted, seen },
      logged: denial.action === 'SCMP_ACT_LOG',
      count: count + (before?.count ?? 0),
      succeeded: succeeded + (before?.succeeded ?? 0),
      instances: seen.size,
      at: newest ? timeOf(denial) : before.at
    })
  }
  return [...groups.values()].sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1))
}
