import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import { foreignName } from '../../lib/printed-commands.js'
import { type Abi, abis } from '../../syscalls/abi.js'
import type { SyscallSet } from '../../syscalls/syscall-set.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import { isApprovedCall, parseAllow } from './allow.js'

/** DeniedCall is a call that a filter denies, or would deny: a person allows it, mutes it, or changes the program. */
export interface DeniedCall {
  /** In the syntax of `secco denials allow`: SYSCALL, or SYSCALL:ARG=VALUE. */
  call: string
  name: string
  times: number
  /** The names of the processes that made it, sorted; none where no name is known. */
  by: string[]
  /** It succeeded, and audit logged it: enforce would deny it. It is also observed, so an approval proposes it. */
  logged: boolean
  /** An emergency block denies it in every profile, whatever people approve. */
  blocked?: true
}

/** The part of a denial that is needed here. */
interface Denied {
  syscall: string
  call: string
  count: number
  comm: string
  action: string
  state: string
  /** What unblocks the call; absent where no emergency block denies it. */
  block?: string
}

const mostNamed = 5

/** Returns the calls of denials that wait for a decision; what was denied before what was only logged. */
export function deniedCallsOf(denials: readonly Denied[]): DeniedCall[] {
  const found = new Map<string, Omit<DeniedCall, 'by'> & { by: Set<string> }>()
  for (const { syscall, call, count, comm, action, state, block } of denials) {
    if (state !== 'open') continue
    const logged = action === 'SCMP_ACT_LOG'
    const key = `${logged ? 1 : 0} ${call}`
    const one = found.get(key) ?? { call, name: syscall, times: 0, by: new Set<string>(), logged }
    one.times += count
    if (comm !== '') one.by.add(comm)
    if (block !== undefined) one.blocked = true
    found.set(key, one)
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => ({ ...one, by: [...one.by].sort() }))
}

/** Returns how often a call was denied, and to whom: `3 times, by app`. */
export function deniedText({ times, by }: Pick<DeniedCall, 'times' | 'by'>): string {
  const more = by.length - mostNamed
  const names = [
    ...by.slice(0, mostNamed).map(foreignName),
    ...(more > 0 ? [`${more} more`] : [])
  ].join(', ')
  return `${plural(times, 'time')}, by ${by.length === 0 ? 'an unknown process' : names}`
}

/** Returns calls in words after what they are: `denied: getsid (2 times, by app)`. */
function callWords(what: string, calls: readonly DeniedCall[]): string[] {
  if (calls.length === 0) return []
  const named = calls.slice(0, mostNamed).map((one) => `${one.call} (${deniedText(one)})`)
  const more = calls.length - named.length
  return [`${what}: ${[...named, ...(more > 0 ? [plural(more, 'more call')] : [])].join('; ')}`]
}

/** The words for a call that audit logged. */
export const auditOnlyWords = 'logged, and denied in enforce mode'

/** Returns the calls that are denied now, and those that enforce would deny, in words. */
export function deniedWords(calls: readonly DeniedCall[]): string {
  const words = [
    ...callWords(
      'denied',
      calls.filter(({ logged }) => !logged)
    ),
    ...callWords(
      auditOnlyWords,
      calls.filter(({ logged }) => logged)
    )
  ]
  return words.length === 0 ? 'no denied call waits for a decision' : words.join('; ')
}

/** Splits the calls that wait for a decision from those that what is approved of the profile allows already. */
function splitByApproval(
  profile: SeccompProfile,
  calls: readonly DeniedCall[]
): { waiting: DeniedCall[]; approved: DeniedCall[] } {
  // A node may report any name.
  const isApproved = ({ call, name, blocked }: DeniedCall) =>
    blocked !== true && isKnownSyscall(name) && isApprovedCall(profile, parseAllow(call))
  return {
    waiting: calls.filter((one) => !isApproved(one)),
    approved: calls.filter(isApproved)
  }
}

/** Returns the denied calls of a profile that wait for a decision: what is approved of it does not allow them. */
export const waitingCalls = (profile: SeccompProfile, calls: readonly DeniedCall[]): DeniedCall[] =>
  splitByApproval(profile, calls).waiting

/** Returns the same as `deniedWords`, and says which calls are denied although what is approved of the profile allows them. */
export function deniedWordsOf(profile: SeccompProfile, calls: readonly DeniedCall[]): string {
  const { waiting, approved } = splitByApproval(profile, calls)
  const words = callWords(
    'denied by an earlier revision, and allowed by what is approved',
    approved
  )
  return [deniedWords(waiting), ...words].join('; ')
}

/** TraceDenial is a call of a trace that its filter denied, or that audit logged. */
export interface TraceDenial {
  syscall: string
  action: string
  count: number
}

/** Returns how often each call of a trace was denied. A call that audit only logged succeeded: it is not one of them. */
export function deniedTimes(denied: readonly TraceDenial[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { syscall, action, count } of denied) {
    if (action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_ALLOW') continue
    times.set(syscall, count + (times.get(syscall) ?? 0))
  }
  return times
}

/**
 * Returns what a profile learns from a trace: its calls without those that a filter denied. Whoever attacks a container
 * makes calls that it does not need, and nobody must be asked to approve them.
 */
export function keptOfTrace(
  calls: Iterable<{ abi: string; name: string }>,
  denied: readonly TraceDenial[]
): SyscallSet {
  const times = deniedTimes(denied)
  const kept: SyscallSet = {}
  for (const { abi, name } of calls) {
    const known = abis.find((each): each is Abi => each === abi)
    if (known === undefined || times.has(name) || !isKnownSyscall(name)) continue
    ;(kept[known] ??= []).push(name)
  }
  for (const names of Object.values(kept)) names.sort()
  return kept
}

/** Returns in words how many of the calls that a trace counted were denied; empty where none was. */
export const ofThemDenied = (denied: number): string =>
  denied === 0 ? '' : `${denied} of them denied`
