import type { SeccompArg } from '../../api/seccomp-profile.js'
import { canonicalJson } from '../../lib/canonical.js'
import { SeccoError } from '../../lib/errors.js'
import type { Reason } from '../policy/reason.js'
import type { Approved, DenyRule, Grant } from './grants.js'

/**
 * Rules with conditions on arguments that one profile may have, those of the profiles that it extends included. A filter has
 * room for `mostConditions` (filter-size.ts); what is beyond this bound only keeps the hub from other work.
 */
export const mostConditionalRules = 1024

const keys = new WeakMap<readonly SeccompArg[], string>()

/** Returns normal conditions (normalConditions) as a text: equal conditions have equal texts. */
function conditionsKey(args: readonly SeccompArg[]): string {
  const key = keys.get(args) ?? canonicalJson(args)
  keys.set(args, key)
  return key
}

/** Returns the lists of normal conditions, each once. */
export function distinctConditions(lists: readonly SeccompArg[][]): SeccompArg[][] {
  return lists.length < 2
    ? [...lists]
    : [...new Map(lists.map((args) => [conditionsKey(args), args])).values()]
}

export const everywhere = (denyRule: DenyRule): boolean => denyRule.args.length === 0

/** Sorts deny rules, those for all arguments first (one of them makes the others void), without repetitions. */
export function sortedDenyRules(denyRules: readonly DenyRule[]): DenyRule[] {
  const sorted = denyRules
    .map((denyRule) => ({ denyRule, key: `${denyRule.args.length} ${canonicalJson(denyRule)}` }))
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .map(({ denyRule }) => denyRule)
  const first = sorted[0]
  if (first !== undefined && everywhere(first)) return [first]
  const known = new Map<string, DenyRule>()
  for (const denyRule of sorted) {
    const key = conditionsKey(denyRule.args)
    if (!known.has(key)) known.set(key, denyRule)
  }
  return [...known.values()]
}

/**
 * Rejects more rules with conditions than a rendering takes in a time that nobody notices.
 * @throws SeccoError TOO_LARGE
 */
export function mustBeRenderable(approved: Approved, label: string): Approved {
  let count = 0
  for (const { alternatives } of approved.grants.values()) count += alternatives.length
  for (const denyRules of approved.denyRules.values())
    count += denyRules.filter((denyRule) => !everywhere(denyRule)).length
  if (count <= mostConditionalRules) return approved
  throw new SeccoError(
    'TOO_LARGE',
    `profile ${label} has ${count} rules with conditions on arguments, with the profiles that it extends; ` +
      `at most ${mostConditionalRules} are rendered`,
    {
      field: 'spec.seccomp.syscalls',
      hint: 'allow syscalls without conditions on arguments, or extend fewer profiles'
    }
  )
}

/** Returns a grant of nothing yet, to which rules are added. */
export const newGrant = (reasons: Reason[]): Grant => ({
  ...{ byName: false, alternatives: [], logged: true, reasons }
})

/**
 * Union of a profile's own approved part and its parents'. The order of parents does not matter: what
 * any of them allows is allowed, but a deny rule for some arguments stays. The child's own
 * rules win for every name that it has rules for.
 * @param parents each profile once
 */
export function combine(
  own: Approved,
  parents: readonly { label: string; approved: Approved }[]
): Approved {
  const grants = new Map(
    [...own.grants].map(([name, grant]): [string, Grant] => [
      name,
      { ...grant, alternatives: [...grant.alternatives], reasons: [...grant.reasons] }
    ])
  )
  const inherited = new Map<string, DenyRule[]>()
  const architectures = new Set(own.architectures)
  const everything = new Set([own.everything])
  for (const { label, approved } of parents) {
    const text = 'approved in a profile that it extends'
    const reason: Reason = { kind: 'extends', text, by: label }
    for (const [name, grant] of approved.grants) {
      if (own.denyRules.get(name)?.some(everywhere) === true) continue
      const known = grants.get(name) ?? newGrant([])
      known.byName ||= grant.byName
      known.logged &&= grant.logged
      known.alternatives.push(...grant.alternatives)
      known.reasons.push(reason)
      grants.set(name, known)
    }
    for (const [name, denyRules] of approved.denyRules) {
      if (own.grants.has(name) || own.denyRules.has(name)) continue
      inherited.set(name, [...(inherited.get(name) ?? []), ...denyRules])
    }
    for (const architecture of approved.architectures) architectures.add(architecture)
    everything.add(approved.everything)
  }
  for (const grant of grants.values()) grant.alternatives = distinctConditions(grant.alternatives)
  const denyRules = new Map(own.denyRules)
  for (const [name, list] of inherited) {
    const kept = grants.has(name) ? list.filter((denyRule) => !everywhere(denyRule)) : list
    if (kept.length > 0) denyRules.set(name, sortedDenyRules(kept))
  }
  const choices = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG'] as const
  return {
    grants,
    denyRules,
    everything: choices.find((choice) => everything.has(choice)),
    architectures
  }
}
