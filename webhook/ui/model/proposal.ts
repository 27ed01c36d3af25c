import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { pinOf, pinWords } from '../../../src/confinement/pin.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { isApprovalStale } from '../../../src/seccomp/policy/approval.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { isBlocked } from '../../../src/seccomp/render/emergency.js'
import { sightingsOf } from '../../../src/seccomp/render/observed-by.js'
import {
  isApprovedCall,
  isBeyondRuntimeDefault,
  parseAllow
} from '../../../src/seccomp/review/allow.js'
import type { DeniedCall } from '../../../src/seccomp/review/denied-calls.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import { diffAgainstObserved } from '../../../src/seccomp/review/diff.js'
import { proposedProfile } from '../../../src/seccomp/review/proposed-profile.js'
import { plainTimes } from './plain-times.js'
import { type Derived, keyOf } from './derived.js'
import { formCommand, type FormValues } from './form-commands.js'

/** What becomes of a call that a filter denied, or that audit logged, unless a person includes it. */
type OpenSign = 'denied' | 'logged' | 'muted'

/** One syscall whose treatment a review can change. */
export interface Change {
  name: string
  /** What an approval names: the syscall, or one with the arguments that were denied. */
  call: string
  /**
   * `no`: observed, yet denied unless a person includes it. `denied`: it is denied now, and stays so unless included.
   * `logged`: audit logged it, and enforce denies it unless included. `muted`: somebody decided that it stays denied.
   * `allowed`: it was denied, and is approved by now. `blocked`: no approval allows it while an emergency block denies it.
   */
  sign: 'add' | 'del' | 'no' | 'allowed' | 'blocked' | OpenSign
  /** Whether the review proposes it: never high risk, what RuntimeDefault denies, or what was denied or logged. */
  included: boolean
  /** Whether RuntimeDefault allows it. */
  usual: boolean
  /** How it was observed; undefined for a syscall that never was. */
  seen: { count: number; instances: number; first: string | undefined } | undefined
  /** How often it is denied or logged, and to whom; undefined for a call that is not. */
  denied: DeniedCall | undefined
  /** Whether it was denied or logged with arguments that have a line of their own. */
  isDeniedInPart?: true
  /** Whether base, families or parents allow it as it is: an approval adds its name and changes no filter. */
  already?: boolean
  /** Of a call with the sign `allowed`: who is denied it all the same. */
  until?: string
}

const floor = runtimeDefaultNames()

const signsOfDenials: readonly Change['sign'][] = [
  'denied',
  'logged',
  'muted',
  'allowed',
  'blocked'
]

/** Whether a change is about what is denied now, or would be: none of these is ever included by itself. */
export const isOfDenial = ({ sign }: Pick<Change, 'sign'>): boolean => signsOfDenials.includes(sign)

function rank({ name, sign }: Change): number {
  if (isOfDenial({ sign })) return -1
  if (sign === 'no') return 0
  if (sign === 'add') return 2
  return riskOf(name)?.level === 'high' ? 1 : 3
}

/** How many calls a review has: each is counted once, whatever it is of. */
export interface ReviewCounts {
  /** Observed and not approved, without those that are denied now or would be. */
  adds: number
  /** Those of them that base, families or parents allow already. */
  already: number
  /** Denied now, as long as nobody allows it: a call of two ABIs, or of two programs, is one. */
  denied: number
  /** Logged by audit, as long as nobody allows it: enforce denies it. */
  logged: number
  /** Denied by an emergency block. */
  blocked: number
  /** Those to add, denied or logged that RuntimeDefault denies. */
  beyond: number
}

/** Returns the calls of `toApprove` that no denial is about: those stand in a line of their own. */
const withoutDenied = (toApprove: readonly string[], denied: readonly DeniedCall[]): string[] => {
  const inDenied = new Set(denied.map(({ call }) => call))
  return toApprove.filter((name) => !inDenied.has(name))
}

/**
 * Returns the calls that a review lists. A node may report any name; a muted call is decided, and is listed only where it was
 * also observed: otherwise it would be a call to add like any other.
 */
function listedOf(denied: readonly DeniedCall[], toApprove: readonly string[]): DeniedCall[] {
  const observed = new Set(toApprove)
  return denied.filter(
    ({ name, muted }) => isKnownSyscall(name) && (muted !== true || observed.has(name))
  )
}

/** Returns what a review can do about a call that is denied now. */
function signOfDenied(
  profile: SeccompProfile,
  { call, name, blocked, logged, muted }: DeniedCall,
  overlay: SeccompProfile | undefined
): OpenSign | 'allowed' | 'blocked' {
  if (blocked === true || isBlocked(name, overlay)) return 'blocked'
  if (isApprovedCall(profile, parseAllow(call))) return 'allowed'
  if (muted === true) return 'muted'
  return logged ? 'logged' : 'denied'
}

/** Counts the lines that `changesOf` lists, apart from removals, for lists of many profiles. */
export function reviewCounts(
  profile: SeccompProfile,
  denied: readonly DeniedCall[] = [],
  allowed: ReadonlySet<string> = new Set()
): ReviewCounts {
  const { toApprove } = diffAgainstObserved(profile)
  const signs = listedOf(denied, toApprove).map((one) => ({
    ...{ call: one.call, sign: signOfDenied(profile, one, undefined) }
  }))
  const count = (wanted: Change['sign']) => signs.filter(({ sign }) => sign === wanted).length
  const adds = withoutDenied(toApprove, denied)
  const beyond = [
    ...signs
      .filter(({ sign }) => sign === 'denied' || sign === 'logged')
      .filter(({ call }) => isBeyondRuntimeDefault(parseAllow(call))),
    ...adds.filter((name) => !floor.has(name))
  ]
  const already = adds.filter((name) => allowed.has(name)).length
  return {
    ...{ adds: adds.length, already, beyond: beyond.length },
    ...{ denied: count('denied'), logged: count('logged'), blocked: count('blocked') }
  }
}

/**
 * Lists what is denied now, what was observed and is not approved, and what is approved and was never observed; the
 * riskiest first.
 * @param denied the calls that are denied to it now or would be, also the muted ones
 * @param overlay the emergency overlay, as far as the person may read it
 * @param allowed what the profile allows already; see `whollyAllowed`
 */
export function changesOf(
  profile: SeccompProfile,
  counts: ReadonlyMap<string, number>,
  denied: readonly DeniedCall[] = [],
  overlay?: SeccompProfile,
  allowed: ReadonlySet<string> = new Set()
): Change[] {
  const { toApprove, neverObserved } = diffAgainstObserved(profile)
  const sightings = sightingsOf(profile)
  const seenOf = (name: string): Change['seen'] => {
    const { instances = 0, first } = sightings.get(name) ?? {}
    return { count: counts.get(name) ?? 0, instances, first }
  }
  const pin = pinOf(profile)
  const until =
    pin === undefined
      ? 'allowed now; what runs stays as it is until it restarts'
      : `approved, but new pods are ${plainTimes(pinWords(pin))}`
  const asked = listedOf(denied, toApprove).map((one): Change => {
    const { name, call } = one
    const usual = !isBeyondRuntimeDefault(parseAllow(call))
    const seen = sightings.has(name) ? seenOf(name) : undefined
    const sign = signOfDenied(profile, one, overlay)
    const change = { name, call, usual, sign, included: false, seen, denied: one }
    return sign === 'allowed' ? { ...change, until } : change
  })
  const deniedNames = new Set(denied.map(({ name }) => name))
  const adds = withoutDenied(toApprove, denied).map((name): Change => {
    const usual = floor.has(name)
    const isDeniedInPart = deniedNames.has(name)
    const risky = riskOf(name)?.level === 'high' || !usual || isDeniedInPart
    const sign = !risky ? 'add' : isBlocked(name, overlay) ? 'blocked' : 'no'
    return {
      ...{ name, call: name, usual, sign, included: sign === 'add' },
      ...{ seen: seenOf(name), denied: undefined },
      ...(allowed.has(name) ? { already: true } : {}),
      ...(isDeniedInPart ? { isDeniedInPart } : {})
    }
  })
  const removes = neverObserved
    .filter((name) => !denied.some((one) => one.name === name))
    .map(
      (name): Change => ({
        ...{ name, call: name, usual: floor.has(name), sign: 'del', included: false },
        ...{ seen: undefined, denied: undefined }
      })
    )
  return [...asked, ...adds, ...removes].sort(
    (a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)
  )
}

/** Proposal is the revision that an approval would give, or the problem that prevents it. */
export interface Proposal {
  digest: string
  /** The calls that are proposed. */
  allow: readonly string[]
  problem: string
}

/** Returns the calls that the changes would allow. */
const allowedBy = (changes: readonly Change[]): string[] =>
  changes.filter(({ included, sign }) => included && sign !== 'del').map(({ call }) => call)

/**
 * Returns the command that approves what a review proposes; undefined where there is nothing that it would approve. The verb
 * for all that was observed would include the calls that a review leaves to a person.
 */
export function approvalCommand(
  profile: SeccompProfile,
  changes: readonly Change[],
  isForced = false
): string | undefined {
  const values = { ...approvalFacts(profile, changes), allow: allowedBy(changes), force: isForced }
  const command = formCommand('approve', values)
  return command === '' ? undefined : command
}

/** Returns what the command of a review needs beside what is ticked. */
export function approvalFacts(profile: SeccompProfile, changes: readonly Change[]): FormValues {
  const isNamed = (one: Change) => isOfDenial(one) || one.isDeniedInPart === true
  const all = changes.filter((one) => one.sign !== 'del' && !isNamed(one)).length
  const named = changes.filter(isNamed).map(({ call }) => call)
  return { profile: keyOf(profile), all, named, isStale: isApprovalStale(profile.spec) }
}

/** Returns what is ticked before a person changes it. */
export const approvalValues = (changes: readonly Change[]): FormValues => ({
  allow: allowedBy(changes)
})

/** Returns what the proposed changes would make of the profile; the digest is what a person approves. */
export function proposalOf(
  profile: SeccompProfile,
  changes: readonly Change[],
  derived: Derived
): Proposal {
  const allow = allowedBy(changes)
  try {
    return { digest: derived.digest(proposedProfile(profile, { allow })), allow, problem: '' }
  } catch (error) {
    return { digest: '', allow, problem: toSeccoError(error).message }
  }
}
