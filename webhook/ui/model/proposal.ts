import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { sightingsOf } from '../../../src/seccomp/render/observed-by.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { decideCalls } from '../../../src/seccomp/review/decide-calls.js'
import { diffAgainstObserved } from '../../../src/seccomp/review/diff.js'
import type { Derived } from './derived.js'

/** One syscall whose treatment a review can change. */
export interface Change {
  name: string
  /** `no`: observed, yet denied unless a person includes it. */
  sign: 'add' | 'del' | 'no'
  /** Whether the review proposes it. High risk and what RuntimeDefault denies are never proposed. */
  included: boolean
  /** Whether RuntimeDefault allows it. */
  usual: boolean
  /** How it was observed; undefined for a syscall that never was. */
  seen: { count: number; instances: number; first: string | undefined } | undefined
}

const floor = runtimeDefaultNames()

function rank({ name, sign }: Change): number {
  if (sign === 'no') return 0
  if (sign === 'add') return 2
  return riskOf(name)?.level === 'high' ? 1 : 3
}

/** Lists what was observed and is not approved, and what is approved and was never observed; the riskiest first. */
export function changesOf(profile: SeccompProfile, counts: ReadonlyMap<string, number>): Change[] {
  const { toApprove, neverObserved } = diffAgainstObserved(profile)
  const sightings = sightingsOf(profile)
  const adds = toApprove.map((name): Change => {
    const usual = floor.has(name)
    const risky = riskOf(name)?.level === 'high' || !usual
    const { instances = 0, first } = sightings.get(name) ?? {}
    const seen = { count: counts.get(name) ?? 0, instances, first }
    return { name, usual, sign: risky ? 'no' : 'add', included: !risky, seen }
  })
  const removes = neverObserved.map(
    (name): Change => ({
      ...{ name, usual: floor.has(name), sign: 'del', included: false },
      seen: undefined
    })
  )
  return [...adds, ...removes].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}

/** Renders the profile as the proposed changes would make it; the digest is what a person approves. */
export function proposalOf(
  profile: SeccompProfile,
  changes: readonly Change[],
  { resolve }: Derived
): { digest: string; problem: string } {
  const decision = { by: '', at: '', reason: '' }
  const allow = changes
    .filter(({ included, sign }) => included && sign !== 'del')
    .map(({ name }) => name)
  try {
    const proposal =
      allow.length === 0
        ? approveObserved(profile, { ...decision, beyondRuntimeDefault: 'skip' })
        : decideCalls(profile, { ...decision, allow, deny: [], whole: true })
    return { digest: renderProfile(proposal, { mode: 'enforce', resolve }).digest, problem: '' }
  } catch (error) {
    return { digest: '', problem: toSeccoError(error).message }
  }
}
