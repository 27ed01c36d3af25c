import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import { foreignName } from '../../lib/printed-commands.js'
import { type Abi, abis } from '../../syscalls/abi.js'
import type { SyscallSet } from '../../syscalls/syscall-set.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import { isApprovedCall, parseAllow } from './allow.js'

/** DenialCaller is a process that a call was denied to, and where it ran; a part is '' where it is not known. */
export interface DenialCaller {
  process: string
  container: string
  pod: string
  workload: string
}

/** DeniedCall is a call that a filter denies, or would deny: a person allows it, mutes it, or changes the program. */
export interface DeniedCall {
  /** In the syntax of `secco denials allow`: SYSCALL, or SYSCALL:ARG=VALUE. */
  call: string
  name: string
  times: number
  /** The names of the processes that made it, sorted; none where no name is known. */
  by: string[]
  /** Those processes with their containers, sorted. */
  callers: DenialCaller[]
  /** It succeeded, and audit logged it: enforce would deny it. It is also observed, and only a person approves it. */
  logged: boolean
  /** Somebody decided that it stays denied. */
  muted?: true
  /** An emergency block denies it in every profile, whatever people approve. */
  blocked?: true
}

/** Denied is the part of a denial that is needed here. */
export interface Denied {
  syscall: string
  call: string
  count: number
  comm: string
  action: string
  state: string
  /** The id of the container, and what people call it. Absent, as are pod and workload: from an earlier hub. */
  container?: string
  containerName?: string
  pod?: string
  workload?: string
  /** What unblocks the call; absent where no emergency block denies it. */
  block?: string
}

const mostNamed = 5

const isLogged = ({ action }: Denied): boolean => action === 'SCMP_ACT_LOG'

/** Returns who made a call, and where. */
function callerOf({ comm, containerName, container, pod, workload }: Denied): DenialCaller {
  const name = containerName === undefined || containerName === '' ? container : containerName
  return { process: comm, container: name ?? '', pod: pod ?? '', workload: workload ?? '' }
}

/** Returns one call of denials that are about the same call. */
function joinedCall(call: string, denials: readonly Denied[]): DeniedCall {
  const callers = new Map(
    denials.map(callerOf).map((one) => [JSON.stringify(Object.values(one)), one])
  )
  const by = new Set(denials.map(({ comm }) => comm).filter((comm) => comm !== ''))
  return {
    ...{ call, name: denials[0]?.syscall ?? '' },
    times: denials.reduce((sum, { count }) => sum + count, 0),
    by: [...by].sort(),
    callers: [...callers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
    logged: denials.every(isLogged),
    ...(denials.every(({ state }) => state === 'muted') ? { muted: true } : {}),
    ...(denials.some(({ block }) => block !== undefined) ? { blocked: true } : {})
  }
}

/** Returns one call for each group of denials, in the order of their keys. */
function joinedBy(denials: readonly Denied[], keyOf: (denial: Denied) => string): DeniedCall[] {
  const groups = new Map<string, Denied[]>()
  for (const denial of denials) {
    const key = keyOf(denial)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [denial])
    else group.push(denial)
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => joinedCall(group[0]?.call ?? '', group))
}

/** Returns the calls of denials that wait for a decision; what was denied before what was only logged. */
export const deniedCallsOf = (denials: readonly Denied[]): DeniedCall[] =>
  joinedBy(
    denials.filter(({ state }) => state === 'open'),
    (denial) => `${isLogged(denial) ? 1 : 0} ${denial.call}`
  )

/**
 * Returns the calls that no approval takes unless a person names them: those that wait for a decision, and those that are
 * muted. Each call is one, whether it was denied or only logged.
 */
export const undecidedCallsOf = (denials: readonly Denied[]): DeniedCall[] =>
  joinedBy(
    denials.filter(({ state }) => state === 'open' || state === 'muted'),
    ({ call }) => call
  )

/**
 * Returns a profile as an approval of everything that was observed may see it: without the calls that a filter denied, or
 * that audit logged. Their learned arguments are no conditions either. A call that is approved stays approved.
 */
export function withoutUndecided(
  profile: SeccompProfile,
  calls: readonly Pick<DeniedCall, 'name'>[]
): SeccompProfile {
  const names = new Set(calls.map(({ name }) => name))
  const { observed } = profile.status ?? {}
  if (observed === undefined) return profile
  const entries = Object.entries(observed)
  if (!entries.some(([, own]) => own.some((name) => names.has(name)))) return profile
  const kept = entries.map(([abi, own]) => [abi, own.filter((name) => !names.has(name))] as const)
  return { ...profile, status: { ...profile.status, observed: Object.fromEntries(kept) } }
}

/** Returns the same change of a profile that was made to its view: what was observed of it stays as it was. */
export function withItsObservations(
  profile: SeccompProfile,
  changed: SeccompProfile
): SeccompProfile {
  const { observed } = profile.status ?? {}
  return observed === undefined || changed.status?.observed === observed
    ? changed
    : { ...changed, status: { ...changed.status, observed } }
}

/** Returns who made a call, and where: `sh in container app, pod web-1, Deployment/web`. */
export function callerText({ process, container, pod, workload }: DenialCaller): string {
  const places = [
    ...(container === '' ? [] : [`container ${foreignName(container)}`]),
    ...(pod === '' ? [] : [`pod ${pod}`]),
    ...(workload === '' ? [] : [workload])
  ].join(', ')
  const name = process === '' ? 'an unknown process' : foreignName(process)
  return places === '' ? name : `${name} in ${places}`
}

/** Returns the first callers of a call in words, and how many more there are. */
export function callerTexts({ callers }: Pick<DeniedCall, 'callers'>): string[] {
  const more = callers.length - mostNamed
  return [
    ...callers.slice(0, mostNamed).map(callerText),
    ...(more > 0 ? [plural(more, 'more caller')] : [])
  ]
}

/** Returns what became of a call: `muted, denied`, `logged by audit`. */
export const fateText = ({ logged, muted }: Pick<DeniedCall, 'logged' | 'muted'>): string =>
  `${muted === true ? 'muted, ' : ''}${logged ? 'logged by audit' : 'denied'}`

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
