import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import { foreignName } from '../../lib/printed-commands.js'
import { quoted } from '../../lib/shell-word.js'
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

/** Returns the calls that wait for a decision, and after them the muted ones. */
export const knownCallsOf = (denials: readonly Denied[]): DeniedCall[] => [
  ...deniedCallsOf(denials),
  ...undecidedCallsOf(denials).filter(({ muted }) => muted === true)
]

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

/**
 * Returns a profile after a change that sees nothing of these calls, such as an approval of everything that was observed; the
 * same object when nothing changes. What was observed of it stays as it was.
 */
export function changedWithoutUndecided(
  profile: SeccompProfile,
  calls: readonly Pick<DeniedCall, 'name'>[],
  change: (view: SeccompProfile) => SeccompProfile
): SeccompProfile {
  const view = withoutUndecided(profile, calls)
  const after = change(view)
  if (after === view) return profile
  const { observed } = profile.status ?? {}
  return observed === undefined ? after : { ...after, status: { ...after.status, observed } }
}

/** Syscalls that one command may allow. */
const mostAllowed = 64

/** Returns the command that allows calls by name; undefined where no approval can allow one of them, or somebody muted it. */
export function allowCommand(key: string, calls: readonly DeniedCall[]): string | undefined {
  const words = calls
    .filter(({ name, muted, blocked }) => isKnownSyscall(name) && muted !== true && !blocked)
    .slice(0, mostAllowed)
    .map(({ call }) => quoted(call))
  return words.length === 0
    ? undefined
    : `secco denials allow ${quoted(key)} ${[...new Set(words)].join(' ')}`
}

/** Returns where a call was made: `container app, pod web-1, Deployment/web`; '' where that is not known. */
function placeText({ container, pod, workload }: Omit<DenialCaller, 'process'>): string {
  return [
    ...(container === '' ? [] : [`container ${foreignName(container)}`]),
    ...(pod === '' ? [] : [`pod ${pod}`]),
    ...(workload === '' ? [] : [workload])
  ].join(', ')
}

/** Returns where a denied call was made, in words. */
export const placeOfDenial = (denial: Denied): string => placeText(callerOf(denial))

/** Returns who made a call, and where: `sh in container app, pod web-1, Deployment/web`. */
export function callerText({ process, ...place }: DenialCaller): string {
  const places = placeText(place)
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
export function fateText({ logged, muted, blocked }: DeniedCall): string {
  const ofPeople = [
    ...(blocked === true ? ['blocked in an emergency'] : []),
    ...(muted === true ? ['muted'] : [])
  ]
  return [...ofPeople, logged ? 'logged by audit' : 'denied'].join(', ')
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

const observedNames = ({ status }: SeccompProfile): ReadonlySet<string> =>
  new Set(Object.values(status?.observed ?? {}).flat())

/** Returns the calls that no approval of everything observed takes, although they were observed. */
export function leftOut(profile: SeccompProfile, calls: readonly DeniedCall[]): DeniedCall[] {
  const observed = observedNames(profile)
  return waitingCalls(profile, calls).filter(({ name }) => observed.has(name))
}

/** Returns the calls that a review lists as denied: a muted one is decided, and is listed only where it was observed too. */
export function reviewedCalls(profile: SeccompProfile, calls: readonly DeniedCall[]): DeniedCall[] {
  const observed = observedNames(profile)
  return waitingCalls(profile, calls).filter(
    ({ name, muted }) => muted !== true || observed.has(name)
  )
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
