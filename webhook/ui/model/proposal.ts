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

/** One syscall whose treatment a review can change. */
export interface Change {
  name: string
  /** What an approval names: the syscall, or one with the arguments that were denied. */
  call: string
  /**
   * `no`: observed, yet denied unless a person includes it. `denied`: it is denied now, and stays so unless included.
   * `allowed`: it was denied, and is approved by now. `blocked`: no approval allows it while an emergency block denies it.
   */
  sign: 'add' | 'del' | 'no' | 'denied' | 'allowed' | 'blocked'
  /** Whether the review proposes it. High risk and what RuntimeDefault denies are never proposed. */
  included: boolean
  /** Whether RuntimeDefault allows it. */
  usual: boolean
  /** How it was observed; undefined for a syscall that never was. */
  seen: { count: number; instances: number; first: string | undefined } | undefined
  /** How often it is denied, and to whom; undefined for a call that is not denied now. */
  denied: DeniedCall | undefined
  /** Whether base, families or parents allow it as it is: an approval adds its name and changes no filter. */
  already?: boolean
  /** Of a call with the sign `allowed`: who is denied it all the same. */
  until?: string
}

const floor = runtimeDefaultNames()

/** Whether a change is about what is denied now: none of these is ever included by itself. */
export const isOfDenial = ({ sign }: Pick<Change, 'sign'>): boolean =>
  sign === 'denied' || sign === 'allowed' || sign === 'blocked'

function rank({ name, sign }: Change): number {
  if (isOfDenial({ sign })) return -1
  if (sign === 'no') return 0
  if (sign === 'add') return 2
  return riskOf(name)?.level === 'high' ? 1 : 3
}

/** How many calls a review has: each is counted once, whatever it is of. */
export interface ReviewCounts {
  /** Observed and not approved, without those that are denied now. */
  adds: number
  /** Those of them that base, families or parents allow already. */
  already: number
  /** Denied now, as long as nobody allows it: a call of two ABIs, or of two programs, is one. */
  denied: number
  /** Denied by an emergency block. */
  blocked: number
  /** Those to add or denied that RuntimeDefault denies. */
  beyond: number
}

/** Returns the calls of `toApprove` that no denial is about: those stand in a line of their own. */
const withoutDenied = (toApprove: readonly string[], denied: readonly DeniedCall[]): string[] => {
  const inDenied = new Set(denied.map(({ call }) => call))
  return toApprove.filter((name) => !inDenied.has(name))
}

// A node may report any name.
const knownOf = (denied: readonly DeniedCall[]): DeniedCall[] =>
  denied.filter(({ name }) => isKnownSyscall(name))

/** Returns what a review can do about a call that is denied now. */
function signOfDenied(
  profile: SeccompProfile,
  { call, name, blocked }: DeniedCall,
  overlay: SeccompProfile | undefined
): 'denied' | 'allowed' | 'blocked' {
  if (blocked === true || isBlocked(name, overlay)) return 'blocked'
  return isApprovedCall(profile, parseAllow(call)) ? 'allowed' : 'denied'
}

/** Counts the lines that `changesOf` lists, apart from removals, for lists of many profiles. */
export function reviewCounts(
  profile: SeccompProfile,
  denied: readonly DeniedCall[] = [],
  allowed: ReadonlySet<string> = new Set()
): ReviewCounts {
  const signs = knownOf(denied).map((one) => [one, signOfDenied(profile, one, undefined)] as const)
  const asked = signs.flatMap(([one, sign]) => (sign === 'denied' ? [one] : []))
  const blocked = signs.filter(([, sign]) => sign === 'blocked').length
  const adds = withoutDenied(diffAgainstObserved(profile).toApprove, denied)
  const beyond = [
    ...asked.filter(({ call }) => isBeyondRuntimeDefault(parseAllow(call))),
    ...adds.filter((name) => !floor.has(name))
  ]
  const already = adds.filter((name) => allowed.has(name)).length
  return { adds: adds.length, already, denied: asked.length, blocked, beyond: beyond.length }
}

/**
 * Lists what is denied now, what was observed and is not approved, and what is approved and was never observed; the
 * riskiest first.
 * @param denied the calls that are denied to it now
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
  const asked = knownOf(denied).map((one): Change => {
    const { name, call } = one
    const usual = !isBeyondRuntimeDefault(parseAllow(call))
    const seen = sightings.has(name) ? seenOf(name) : undefined
    const sign = signOfDenied(profile, one, overlay)
    const change = { name, call, usual, sign, included: false, seen, denied: one }
    return sign === 'allowed' ? { ...change, until } : change
  })
  const adds = withoutDenied(toApprove, denied).map((name): Change => {
    const usual = floor.has(name)
    const risky = riskOf(name)?.level === 'high' || !usual
    const sign = !risky ? 'add' : isBlocked(name, overlay) ? 'blocked' : 'no'
    return {
      ...{ name, call: name, usual, sign, included: sign === 'add' },
      ...{ seen: seenOf(name), denied: undefined },
      ...(allowed.has(name) ? { already: true } : {})
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
  const all = changes.filter(({ sign }) => sign !== 'del' && sign !== 'allowed').length
  return { profile: keyOf(profile), all, isStale: isApprovalStale(profile.spec) }
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
