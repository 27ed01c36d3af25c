import { oncePer } from '../../src/lib/once-per.js'
import { errnoName } from '../../src/syscalls/errno-name.js'

/** A denial of one container instance as pages and API show it. */
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
  /** Time of the newest call, RFC 3339; '' if unknown. */
  at: string
  lastSeen: string
  succeeded: number
  /** Denied on purpose: libc has another way. */
  expected: boolean
  /** Somebody decided that it stays denied, and is not shown as open. */
  muted: boolean
}

/** Whether a denial waits for a person. */
export function isOpen({ expected, muted }: Pick<DenialView, 'expected' | 'muted'>): boolean {
  return !expected && !muted
}

/** Returns what the caller got: EPERM, SIGSYS, logged; – if unknown. */
function answerOf({
  action,
  errno,
  signal
}: Pick<DenialView, 'action' | 'errno' | 'signal'>): string {
  if (signal !== '') return signal
  if (action === 'SCMP_ACT_LOG') return 'logged'
  return errno === 0 ? '–' : errnoName(errno)
}

/** Denials of one syscall of one workload with one answer: a line of the page. */
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
  /** The number of processes, by name, that made the syscall. */
  callers: number
  pid: number
  /** Time of the newest denial, RFC 3339. */
  at: string
}

function timeOf({ at, lastSeen }: Pick<DenialView, 'at' | 'lastSeen'>): string {
  return at === '' ? lastSeen : at
}

interface Marks {
  key: string
  place: string
  answer: string
}

/** Computes the group and the instance of a denial. */
const marksOf = oncePer((denial: DenialView): Marks => {
  const { namespace, profile, syscall, abi, muted, node, container } = denial
  const answer = answerOf(denial)
  const key = `${namespace}/${profile} ${syscall} ${abi} ${answer}${muted ? ' muted' : ''}`
  return { key, answer, place: `${node} ${container}` }
})

/** Groups denials by workload, syscall and answer, newest first. A live page does it every second, so rows are only added up. */
export function groupDenials(denials: readonly DenialView[]): DenialGroup[] {
  const groups = new Map<string, DenialGroup & { seen: Set<string>; names: Set<string> }>()
  for (const denial of denials) {
    const { namespace, profile, syscall, abi, expected, muted, node, container } = denial
    const { key, place, answer } = marksOf(denial)
    let group = groups.get(key)
    if (group === undefined) {
      group = {
        ...{ key, namespace, profile, syscall, abi, answer, expected, muted },
        logged: denial.action === 'SCMP_ACT_LOG',
        ...{ count: 0, succeeded: 0, instances: 0, node, container, comm: '', pid: 0, at: '' },
        ...{ callers: 0, seen: new Set(), names: new Set() }
      }
      groups.set(key, group)
    }
    group.count += denial.count
    group.succeeded += denial.succeeded
    group.seen.add(place)
    group.instances = group.seen.size
    group.callers = group.names.add(denial.comm).size
    const at = timeOf(denial)
    if (at < group.at) continue
    const { comm, pid } = denial
    Object.assign(group, { node, container, comm, pid, at })
  }
  return [...groups.values()].sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1))
}
