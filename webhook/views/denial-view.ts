import { oncePer } from '../../src/lib/once-per.js'
import { plural } from '../../src/lib/plural.js'
import { otherArguments } from '../../src/seccomp/arguments/argument-words.js'

/**
 * DenialState is whether a denial waits for a person. `open`: its call would be denied again. `allowed`: the profile allows
 * it by now, and the container has to be restarted. `closed`: also that has happened. `muted`, `expected`: it stays denied.
 * `own`: it is of a pod of Secco itself, whose profile nobody has to approve.
 */
export type DenialState = 'open' | 'allowed' | 'closed' | 'muted' | 'expected' | 'own'

/** A denial of one container instance as pages and API show it. */
export interface DenialView {
  namespace: string
  profile: string
  node: string
  container: string
  /** What people call the container, its pod (empty outside Kubernetes) and its workload. Absent: not known. */
  containerName?: string
  pod?: string
  workload?: string
  syscall: string
  abi: string
  action: string
  count: number
  /** What the caller got, in a word; see `answerOf` in the hub. */
  answer: string
  errno: number
  signal: string
  pid: number
  comm: string
  /** Time of the newest call, RFC 3339; '' if unknown. */
  at: string
  lastSeen: string
  succeeded: number
  /** Denied on purpose: the caller is known to do without. */
  expected: boolean
  /** Somebody decided that it stays denied, and is not shown as open. */
  muted: boolean
  /** The call in the syntax of `secco denials allow`. */
  call: string
  /** As the node reports them; '' where they are not known. Absent: from an earlier hub. */
  arguments?: string
  state: DenialState
  /** Since when it is closed, RFC 3339; empty while it is not. */
  closedAt: string
  /** The next step, or why there is none. */
  hint: string
  /** What `secco block` takes to unblock the call; absent where no emergency block denies it. */
  block?: string
  /** Since when its profile does not exist any more, RFC 3339; empty if that is not known; absent while it exists. */
  deleted?: string
}

/** Whether a denial is of a deleted profile: another one of the same name may exist. */
export const isOfDeleted = ({ deleted }: Pick<DenialView, 'deleted'>): boolean =>
  deleted !== undefined

/** Returns a denied call in words, with the arguments that decided where they are known: `socket:domain=AF_ALG`. */
export function calledText({
  syscall,
  call = syscall,
  arguments: args
}: {
  syscall: string
  /** Absent: from an earlier hub. */
  call?: string
  arguments?: string
}): string {
  return args === otherArguments ? `${syscall} (other arguments)` : call
}

const mostCalls = 3

/** Returns the first of these calls in words, and how many more there are; '' where none of them has arguments. */
export function callsInWords(syscall: string, calls: readonly string[]): string {
  if (calls.every((one) => one === syscall)) return ''
  const named = calls.slice(0, mostCalls)
  const more = calls.length - named.length
  return `${named.join(', ')}${more > 0 ? ` and ${plural(more, 'other')}` : ''}`
}

/** Whether a denial waits for a person. */
export function isOpen({ state }: Pick<DenialView, 'state'>): boolean {
  return state === 'open' || state === 'allowed'
}

/** Whether a call was only logged: it succeeded, and enforce would deny it. */
export const isLogged = ({ action }: Pick<DenialView, 'action'>): boolean =>
  action === 'SCMP_ACT_LOG'

/** Returns the number of calls that wait for a person, also of those that a deleted profile's filter denies on. */
export const openCalls = (denials: readonly Pick<DenialView, 'state' | 'count'>[]): number =>
  denials.reduce((sum, one) => sum + (isOpen(one) ? one.count : 0), 0)

/** @param facts `isAllowed`: the profile allows the call by now; `isOwn`: it is that of a pod of Secco */
export function stateOf(facts: {
  expected: boolean
  muted: boolean
  closedAt: string
  isAllowed: boolean
  isOwn: boolean
}): DenialState {
  if (facts.expected) return 'expected'
  if (facts.closedAt !== '') return 'closed'
  if (facts.isOwn) return 'own'
  if (facts.muted) return 'muted'
  return facts.isAllowed ? 'allowed' : 'open'
}

/** What an open denial is about. */
type OpenWord = 'profile deleted' | 'another filter is in force' | 'blocked' | 'logged' | 'open'

/** Returns the state of an open denial in a word, for pages and CLI. */
export function openWord(
  facts: Pick<DenialGroup, 'isOfDeleted' | 'succeeded' | 'block' | 'logged'>
): OpenWord {
  if (facts.isOfDeleted) return 'profile deleted'
  if (facts.succeeded > 0) return 'another filter is in force'
  if (facts.block !== undefined) return 'blocked'
  return facts.logged ? 'logged' : 'open'
}

/** Denials of one syscall of one workload with one answer: a line of the page. */
export interface DenialGroup {
  key: string
  namespace: string
  profile: string
  syscall: string
  /** The call as it was denied, in words; with several arguments several times. */
  calls: string[]
  abi: string
  answer: string
  logged: boolean
  expected: boolean
  muted: boolean
  state: DenialState
  /** Since when the last of them is closed. */
  closedAt: string
  hint: string
  block: string | undefined
  /** Their profile was deleted. */
  isOfDeleted: boolean
  count: number
  succeeded: number
  instances: number
  node: string
  container: string
  /** Both are of the newest denial; empty if not known. */
  containerName: string
  pod: string
  comm: string
  /** The number of processes, by name, that made the syscall. */
  callers: number
  pid: number
  /** Time of the newest denial, RFC 3339. */
  at: string
}

/** Returns the groups that wait for a person: the one number of open denials, in the menu, on pages and in the list. */
export const openGroups = oncePer((denials: readonly DenialView[]): readonly DenialGroup[] =>
  groupDenials(denials).filter(isOpen)
)

function timeOf({ at, lastSeen }: Pick<DenialView, 'at' | 'lastSeen'>): string {
  return at === '' ? lastSeen : at
}

interface Marks {
  key: string
  place: string
}

/** Computes the group and the instance of a denial. */
const marksOf = oncePer((denial: DenialView): Marks => {
  const { namespace, profile, syscall, abi, answer, state, node, container } = denial
  const gone = isOfDeleted(denial) ? ' deleted' : ''
  const key = `${namespace}/${profile} ${syscall} ${abi} ${answer} ${state}${gone}`
  return { key, place: `${node} ${container}` }
})

/** Groups denials by workload, syscall, answer and state, newest first. A live page does it every second, so rows are only added up. */
export function groupDenials(denials: readonly DenialView[]): DenialGroup[] {
  const groups = new Map<string, DenialGroup & Record<'seen' | 'names' | 'texts', Set<string>>>()
  for (const denial of denials) {
    const { namespace, profile, syscall, abi, answer, expected, muted, state } = denial
    const { node, container } = denial
    const { key, place } = marksOf(denial)
    let group = groups.get(key)
    if (group === undefined) {
      group = {
        ...{ key, namespace, profile, syscall, abi, answer, expected, muted, state },
        ...{ calls: [], texts: new Set<string>(), closedAt: '', hint: '', block: undefined },
        logged: isLogged(denial),
        isOfDeleted: isOfDeleted(denial),
        ...{ count: 0, succeeded: 0, instances: 0, node, container, comm: '', pid: 0, at: '' },
        ...{ containerName: '', pod: '' },
        ...{ callers: 0, seen: new Set(), names: new Set() }
      }
      groups.set(key, group)
    }
    group.count += denial.count
    group.succeeded += denial.succeeded
    const text = calledText(denial)
    if (!group.texts.has(text)) group.calls.push(text)
    group.texts.add(text)
    group.seen.add(place)
    group.instances = group.seen.size
    group.callers = group.names.add(denial.comm).size
    if (denial.closedAt > group.closedAt) group.closedAt = denial.closedAt
    const at = timeOf(denial)
    if (at < group.at) continue
    const { comm, pid, hint, block, containerName = '', pod = '' } = denial
    Object.assign(group, { node, container, containerName, pod, comm, pid, at, hint, block })
  }
  return [...groups.values()].sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1))
}
