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

/** Returns the rule by which new pods are enforced under the profile as soon as it is approved; undefined if none does that. */
export function enforcingRule(
  profile: SeccompProfile,
  rules: readonly SeccompRule[]
): string | undefined {
  const found = rules.find(
    (rule) =>
      isNamedBy(profile, rule) &&
      (modeOfProfile(rule, profile) ?? rule.spec.mode).startsWith('enforce')
  )
  if (found === undefined) return undefined
  return `${found.metadata.namespace ?? rootNamespace}/${found.metadata.name}`
}

/**
 * Returns the rule that an approval has to be forced for: it is the first one, the rule enforces it at once, and no start was
 * recorded. A later approval only adds to what is enforced already. Undefined: the approval needs no force.
 */
export function unseenStartEnforcedBy(
  profile: SeccompProfile,
  rules: readonly SeccompRule[]
): string | undefined {
  if (isApproved(profile) || !isStartUnseen(profile)) return undefined
  return enforcingRule(profile, rules)
}

/**
 * Rejects the first approval of a profile that a rule enforces at once although no start was recorded, unless a person forces it.
 * @param nevertheless how a person forces it; default: by the verb that approves
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustNotEnforceUnseenStart(
  profile: SeccompProfile,
  rules: readonly SeccompRule[],
  force: boolean | undefined,
  nevertheless?: string
): void {
  const rule = force === true ? undefined : unseenStartEnforcedBy(profile, rules)
  if (rule === undefined) return
  const key = keyOf(profile)
  const by = `the rule ${rule} enforces it as soon as it is approved`
  throw new SeccoError('INVALID_ARGUMENT', `force: ${key}: ${startUnseenText(profile)}; ${by}`, {
    field: 'force',
    hint:
      `restart one instance while its node records it, or set the rule ${rule} to mode audit first; to do it ` +
      `nevertheless ${nevertheless ?? `run \`secco profile approve ${key} --force --reason WHY\``}`
  })
}

/** How a person forces a change by the verb or the form that they used. */
export const addForce = 'add `--force`, or tick the box'

/** Returns the named profile that a rule would enforce from now on although no start of it was recorded. */
function newlyEnforcedBy(
  rule: SeccompRule,
  profile: SeccompProfile | undefined,
  rules: readonly SeccompRule[]
): SeccompProfile | undefined {
  if (profile === undefined || !isApproved(profile) || !isStartUnseen(profile)) return undefined
  const isNew =
    enforcingRule(profile, [rule]) !== undefined && enforcingRule(profile, rules) === undefined
  return isNew ? profile : undefined
}

/**
 * Rejects a rule that begins to enforce an approved profile although no start was recorded, unless a person forces it.
 * @param profile the one that the rule names
 * @param rules those that are stored
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustNotBeginToEnforce(
  rule: SeccompRule,
  profile: SeccompProfile | undefined,
  { rules, force }: { rules: readonly SeccompRule[]; force?: boolean | undefined }
): void {
  const found = force === true ? undefined : newlyEnforcedBy(rule, profile, rules)
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
