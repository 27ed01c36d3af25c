import { rootNamespace } from '../api/names.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { SeccoError } from '../lib/errors.js'
import { mayMove } from '../rules/resolve.js'
import type { Resolve } from '../seccomp/render/approved.js'
import {
  approvedStartRisk,
  type Filter,
  isBuiltOn,
  isOutside,
  isRisky,
  keyOfProfile,
  noRisk,
  ownLabel,
  ownLadder,
  resolverOf,
  startRiskNext,
  startRiskOf,
  startRiskText,
  type StartRisk
} from '../seccomp/review/start-risk.js'

/** StoredObjects are the profiles and rules of one moment: as they are stored, or as a write would leave them. */
export interface StoredObjects {
  profiles: readonly SeccompProfile[]
  rules: readonly SeccompRule[]
}

/** Enforcement says by what new containers are enforced under a profile. */
export interface Enforcement {
  /** `its ladder`, `the rule NAMESPACE/NAME`, or `the label secco.dev/profile`. */
  by: string
  /** An earlier revision; absent: the newest approved one. */
  revision?: string
}

const isApproved = ({ spec }: SeccompProfile): boolean =>
  spec.seccomp !== undefined || spec.extends !== undefined

/** Returns whether a rule names the profile. One of the root namespace also means the profile of that name in the pod's. */
export function isNamedBy(
  { metadata }: SeccompProfile,
  { spec, metadata: own }: SeccompRule
): boolean {
  if (spec.profile?.name !== metadata.name) return false
  const { namespace = own.namespace ?? rootNamespace } = spec.profile
  const isAnywhere = spec.profile.namespace === undefined && namespace === rootNamespace
  return isAnywhere || namespace === (metadata.namespace ?? rootNamespace)
}

/** Returns whether an enforcing rule gives pods the newest revision whatever the ladder says: it may not loosen the rule. */
function isEnforcedDespiteLadder({ metadata, spec }: SeccompProfile, rule: SeccompRule): boolean {
  const { ladder } = spec
  if (rule.spec.mode !== 'enforce') return false
  if (ladder === undefined) return true
  const { namespace = rootNamespace } = metadata
  const isPlatform = (rule.metadata.namespace ?? rootNamespace) === rootNamespace
  const wish = { platform: isPlatform, mode: rule.spec.mode }
  const places = [ladder, ...(ladder.canary === undefined ? [] : [ladder.canary.from])]
  return places.some(({ mode }) => !mayMove(wish, { namespace }, mode))
}

/**
 * Returns whether a label enforces the profile: pods may have it at any time. The first approval does not count, because a label
 * gives audit until a start is known not to fail. Outside Kubernetes there are no labels.
 */
const isEnforcedByLabel = (profile: SeccompProfile): boolean =>
  profile.spec.ladder === undefined &&
  !isOutside(profile) &&
  profile.status?.revision !== undefined &&
  profile.status.labelMode === undefined

/**
 * Returns by what new containers are enforced under a profile: its ladder, also for the share of a canary or for the
 * others, rules that name it, and its label. A profile without anything approved is never enforced. Pure.
 */
export function enforcementsOf(
  profile: SeccompProfile,
  rules: readonly SeccompRule[]
): Enforcement[] {
  if (!isApproved(profile)) return []
  const { ladder } = profile.spec
  const places = ladder === undefined ? [] : [ladder, ladder.canary?.from]
  const byLadder = places.flatMap((place) => {
    if (place?.mode !== 'enforce') return []
    const { revision } = place
    return [{ by: ownLadder, ...(revision === undefined ? {} : { revision }) }]
  })
  const byRules = rules
    .filter((rule) => isNamedBy(profile, rule) && isEnforcedDespiteLadder(profile, rule))
    .map(({ metadata }) => ({
      by: `the rule ${metadata.namespace ?? rootNamespace}/${metadata.name}`
    }))
  return [...byLadder, ...byRules, ...(isEnforcedByLabel(profile) ? [{ by: ownLabel }] : [])]
}

/** Returns whether rules name the profile, and none of them enforces it. */
export function isNotEnforcedByRules(
  profile: SeccompProfile,
  rules: readonly SeccompRule[]
): boolean {
  const naming = rules.filter((rule) => isNamedBy(profile, rule))
  return naming.length > 0 && !naming.some((rule) => isEnforcedDespiteLadder(profile, rule))
}

/** Returns the objects after a profile was written. What was recorded stays: a document says nothing about it. */
export function withProfile(stored: StoredObjects, written: SeccompProfile): StoredObjects {
  const key = keyOfProfile(written)
  const before = stored.profiles.find((one) => keyOfProfile(one) === key)
  const others = stored.profiles.filter((one) => one !== before)
  const after = { ...written }
  if (before?.status === undefined) delete after.status
  else after.status = before.status
  return { ...stored, profiles: [...others, after] }
}

/** Returns the objects after a rule was written. */
export function withRule(stored: StoredObjects, written: SeccompRule): StoredObjects {
  const keyOf = ({ metadata }: SeccompRule) =>
    `${metadata.namespace ?? rootNamespace}/${metadata.name}`
  const others = stored.rules.filter((one) => keyOf(one) !== keyOf(written))
  return { ...stored, rules: [...others, written] }
}

/** What is known beside the objects of a write. */
export interface StartFacts {
  /** Finds profiles that are not among the objects. */
  resolve?: Resolve
  /** Returns what an earlier revision denies; undefined where nobody knows it. */
  filterOf?: (digest: string) => Filter | undefined
}

interface Side {
  profile: SeccompProfile
  enforcements: readonly Enforcement[]
  resolve: Resolve
}

/** Returns the risk of all revisions of a profile that are enforced. */
function enforcedRisk({ profile, enforcements, resolve }: Side, facts: StartFacts): StartRisk {
  const risks = enforcements.map(({ revision }) =>
    revision === undefined
      ? approvedStartRisk(profile, resolve)
      : startRiskOf(profile, facts.filterOf?.(revision), resolve)
  )
  const all = (names: (risk: StartRisk) => readonly string[]) =>
    [...new Set(risks.flatMap(names))].sort()
  return {
    unseen: risks.some(({ unseen }) => unseen),
    denied: all(({ denied }) => denied),
    blocked: all(({ blocked }) => blocked)
  }
}

/** Returns the part of a risk that enforcing did not have before. */
function newRisk(after: StartRisk, before: StartRisk | undefined): StartRisk {
  if (before === undefined) return after
  const denied = after.denied.filter((name) => !before.denied.includes(name))
  // It was enforced before: its start was not recorded then either, and a block was there before the write.
  return { ...noRisk, denied }
}

/**
 * Returns by what a profile was enforced before. A label that pods may have counts only where nothing else is to enforce it:
 * else a person decides now.
 */
function decidedBefore(
  had: readonly Enforcement[],
  enforcements: readonly Enforcement[]
): readonly Enforcement[] {
  const isByLabel = ({ by }: Enforcement) => by === ownLabel
  return had.every(isByLabel) && !enforcements.every(isByLabel) ? [] : had
}

/** StartObstacle is a profile that a write begins to enforce although a start under it can fail. */
export interface StartObstacle {
  profile: SeccompProfile
  risk: StartRisk
  by: string
  /** Whether the calls are denied by what is stored already. */
  isStored: boolean
}

/**
 * Returns the first profile that a write begins to enforce although its start was not recorded or the revision denies it.
 * What was enforced before with the same risk is not begun. Also profiles that are built on a written one count. Pure.
 */
export function obstacleToStart(
  before: StoredObjects,
  after: StoredObjects,
  facts: StartFacts = {}
): StartObstacle | undefined {
  const earlier = new Map(before.profiles.map((one) => [keyOfProfile(one), one]))
  const isChanged = (one: SeccompProfile) => earlier.get(keyOfProfile(one)) !== one
  const changed = new Set(after.profiles.filter(isChanged).map(keyOfProfile))
  const [wasResolved, resolve] = [before, after].map(({ profiles }) =>
    resolverOf(profiles, facts.resolve)
  ) as [Resolve, Resolve]
  for (const profile of after.profiles) {
    const enforcements = enforcementsOf(profile, after.rules)
    if (enforcements.length === 0) continue
    const was = earlier.get(keyOfProfile(profile))
    const had =
      was === undefined ? [] : decidedBefore(enforcementsOf(was, before.rules), enforcements)
    const isSame = JSON.stringify(had) === JSON.stringify(enforcements)
    if (isSame && !isBuiltOn(profile, changed, resolve)) continue
    const risk = newRisk(
      enforcedRisk({ profile: unbound(profile), enforcements, resolve }, facts),
      was === undefined || had.length === 0
        ? undefined
        : enforcedRisk({ profile: was, enforcements: had, resolve: wasResolved }, facts)
    )
    if (!isRisky(risk)) continue
    const isStored = was === undefined || isDeniedBy(was, risk.denied, wasResolved)
    return { profile, risk, by: enforcements[0]?.by ?? '', isStored }
  }
  return undefined
}

/** Returns whether what is approved of a profile denies calls of its start already. */
function isDeniedBy(profile: SeccompProfile, calls: readonly string[], resolve: Resolve): boolean {
  if (!isApproved(profile)) return false
  const { denied } = approvedStartRisk(profile, resolve)
  return calls.every((name) => denied.includes(name))
}

/** Returns a written profile without the approval of the content before: the write replaces it. */
function unbound(profile: SeccompProfile): SeccompProfile {
  const { approval, ...spec } = profile.spec
  return approval === undefined ? profile : { ...profile, spec }
}

/** How a person forces a change by the verb or the form that they used. */
export const addForce = 'add `--force`, or tick the box'

export interface GateOptions extends StartFacts {
  force?: boolean | undefined
  /** How a person forces it; default: by the verb or the form that they used. */
  nevertheless?: ((key: string) => string) | undefined
}

/**
 * Rejects a write that begins to enforce a revision whose start was not recorded or is denied by it, unless a person
 * forces it: such a container can die when it restarts.
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustNotBeginToEnforce(
  before: StoredObjects,
  after: StoredObjects,
  { force, nevertheless, ...facts }: GateOptions
): void {
  const obstacle = force === true ? undefined : obstacleToStart(before, after, facts)
  if (obstacle === undefined) return
  const { profile, risk, by, isStored } = obstacle
  const key = keyOfProfile(profile)
  const text = `${startRiskText(profile, risk)}; ${by} enforces it at once`
  throw new SeccoError('INVALID_ARGUMENT', `force: ${key}: ${text}`, {
    field: 'force',
    hint: `${startRiskNext(profile, risk, { isWritten: isStored, by })}; to do it nevertheless ${nevertheless?.(key) ?? addForce}`
  })
}
