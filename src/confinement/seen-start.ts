import { rootNamespace } from '../api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../api/seccomp-profile.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { SeccoError } from '../lib/errors.js'
import { listed } from '../lib/plural.js'
import { isStartUnseen, startUnseenNext, startUnseenText } from '../seccomp/review/evidence.js'
import { isKnownSyscall } from '../syscalls/syscall-table.js'
import { modeOfProfile } from './rule-mode.js'

const keyOf = ({ metadata }: SeccompProfile): string =>
  `${metadata.namespace ?? rootNamespace}/${metadata.name}`

/**
 * Rejects enforcing a profile of a workload whose start was not recorded, unless a person forces it: such a container can die
 * when it restarts.
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustHaveSeenStart(
  profile: SeccompProfile,
  { mode, force }: { mode: 'audit' | 'enforce'; force?: boolean | undefined }
): void {
  if (mode !== 'enforce' || force === true || !isStartUnseen(profile)) return
  const key = keyOf(profile)
  throw new SeccoError('INVALID_ARGUMENT', `force: ${key}: ${startUnseenText(profile)}`, {
    field: 'force',
    hint:
      `${startUnseenNext} with \`secco promote ${key} audit --reason WHY\`; to enforce it ` +
      `nevertheless run \`secco promote ${key} enforce --force --reason WHY\``
  })
}

/** Returns the calls of recorded starts about which a revision says nothing, and so denies them; sorted. */
export function deniedStartCalls(
  { status }: Pick<SeccompProfile, 'status'>,
  revision: Pick<LinuxSeccomp, 'syscalls'>
): string[] {
  const stated = new Set((revision.syscalls ?? []).flatMap(({ names }) => names))
  const started = new Set(Object.values(status?.startup ?? {}).flat())
  return [...started].filter((name) => isKnownSyscall(name) && !stated.has(name)).sort()
}

const mostNamed = 6

/** Returns what it means that a revision denies calls of recorded starts; '' where it denies none. */
export function deniedStartText(calls: readonly string[]): string {
  if (calls.length === 0) return ''
  const them = calls.length === 1 ? 'it' : 'them'
  return `recorded starts called ${listed(calls, mostNamed)}, and its revision denies ${them}: a restart under it can fail`
}

/**
 * Rejects enforcing a revision that denies what recorded starts called, unless a person forces it: the start came after the
 * approval, or the person left the call out.
 * @param revision what would be enforced
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustAllowStart(
  profile: SeccompProfile,
  revision: Pick<LinuxSeccomp, 'syscalls'>,
  { mode, force }: { mode: 'audit' | 'enforce'; force?: boolean | undefined }
): void {
  const calls = mode === 'enforce' && force !== true ? deniedStartCalls(profile, revision) : []
  if (calls.length === 0) return
  const key = keyOf(profile)
  throw new SeccoError('INVALID_ARGUMENT', `force: ${key}: ${deniedStartText(calls)}`, {
    field: 'force',
    hint:
      `review them with \`secco diff ${key}\` and approve what it needs; to enforce it nevertheless run ` +
      `\`secco promote ${key} enforce --force --reason WHY\``
  })
}

const isApproved = ({ spec }: SeccompProfile): boolean =>
  spec.seccomp !== undefined || spec.extends !== undefined

/** Returns whether a rule names the profile. One of the root namespace also means the profile of that name in the pod's. */
function isNamedBy({ metadata }: SeccompProfile, { spec, metadata: own }: SeccompRule): boolean {
  if (spec.profile?.name !== metadata.name) return false
  const { namespace = own.namespace ?? rootNamespace } = spec.profile
  const isAnywhere = spec.profile.namespace === undefined && namespace === rootNamespace
  return isAnywhere || namespace === (metadata.namespace ?? rootNamespace)
}

/** Returns whether rules name the profile, and none of them enforces it. */
export function isNotEnforcedByRules(
  profile: SeccompProfile,
  rules: readonly SeccompRule[]
): boolean {
  const isNamed = rules.some((rule) => isNamedBy(profile, rule))
  return isNamed && enforcingRule(profile, rules) === undefined
}

/** Returns the rule by which new pods are enforced under the profile as soon as it is approved; undefined if none does that. */
export function enforcingRule(
  profile: SeccompProfile,
  rules: readonly SeccompRule[]
): string | undefined {
  const found = rules.find(
    (rule) =>
      isNamedBy(profile, rule) &&
      // Of a canary, either part counts.
      (modeOfProfile(rule, profile) ?? rule.spec.mode).includes('enforce')
  )
  if (found === undefined) return undefined
  return `${found.metadata.namespace ?? rootNamespace}/${found.metadata.name}`
}

/**
 * Returns the rule that a write has to be forced for: the profile is enforced at once after it, it was not before, and no start
 * was recorded. A later approval only adds to what is enforced already. Undefined: the write needs no force.
 * @param after what is written; default: an approval, which leaves the mode as it is
 */
export function unseenStartEnforcedBy(
  before: SeccompProfile,
  rules: readonly SeccompRule[],
  after?: SeccompProfile
): string | undefined {
  if (!isStartUnseen(before) || (after !== undefined && !isApproved(after))) return undefined
  const isEnforced = isApproved(before) && enforcingRule(before, rules) !== undefined
  return isEnforced ? undefined : enforcingRule(after ?? before, rules)
}

/** What is known of a write to a profile. */
interface ProfileWrite {
  force?: boolean | undefined
  /** How a person forces it; default: by the verb that approves. */
  nevertheless?: string | undefined
  /** What is written; default: an approval. */
  after?: SeccompProfile
}

/**
 * Rejects a write after which a rule enforces a profile at once although no start was recorded, unless a person forces it.
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustNotEnforceUnseenStart(
  before: SeccompProfile,
  rules: readonly SeccompRule[],
  { force, nevertheless, after }: ProfileWrite
): void {
  const rule = force === true ? undefined : unseenStartEnforcedBy(before, rules, after)
  if (rule === undefined) return
  const key = keyOf(before)
  const by = `the rule ${rule} enforces it as soon as it is approved`
  throw new SeccoError('INVALID_ARGUMENT', `force: ${key}: ${startUnseenText(before)}; ${by}`, {
    field: 'force',
    hint:
      `restart one instance while its node records it, or set the rule ${rule} to mode audit first; to do it ` +
      `nevertheless ${nevertheless ?? `run \`secco profile approve ${key} --force --reason WHY\``}`
  })
}

/** How a person forces a change by the verb or the form that they used. */
export const addForce = 'add `--force`, or tick the box'

/** Returns the first of some profiles that a rule would enforce from now on although no start of it was recorded. */
function newlyEnforcedBy(
  rule: SeccompRule,
  profiles: readonly SeccompProfile[],
  rules: readonly SeccompRule[]
): SeccompProfile | undefined {
  return profiles.find(
    (one) =>
      isApproved(one) &&
      isStartUnseen(one) &&
      enforcingRule(one, [rule]) !== undefined &&
      enforcingRule(one, rules) === undefined
  )
}

/**
 * Rejects a rule that begins to enforce an approved profile although no start was recorded, unless a person forces it.
 * @param profiles all that the person may see: a rule of the root namespace also means profiles of others
 * @param rules those that are stored
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustNotBeginToEnforce(
  rule: SeccompRule,
  profiles: readonly SeccompProfile[],
  { rules, force }: { rules: readonly SeccompRule[]; force?: boolean | undefined }
): void {
  const found = force === true ? undefined : newlyEnforcedBy(rule, profiles, rules)
  if (found === undefined) return
  const key = keyOf(found)
  const by = 'this rule enforces it at once'
  throw new SeccoError('INVALID_ARGUMENT', `force: ${key}: ${startUnseenText(found)}; ${by}`, {
    field: 'force',
    hint:
      'restart one instance while its node records it, or make the rule with mode audit first; to do it nevertheless ' +
      addForce
  })
}
