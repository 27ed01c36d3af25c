import { listed } from '../../src/lib/plural.js'
import { rootNamespace } from '../../src/api/names.js'
import type { Condition } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { missingProfileOf } from '../../src/confinement/rule-mode.js'
import { type ProfileState, profileKey } from '../../src/rules/profile-state.js'
import { modesInUse } from '../../src/rules/resolve.js'
import { setCondition } from '../hub/status/conditions.js'

type Wanted = Omit<Condition, 'lastTransitionTime'>

/** Returns the condition Accepted. Reasons: Valid; Invalid with the problems (the rule selects too little). */
function accepted(problems: readonly string[], observedGeneration: number): Wanted {
  const base = { type: 'Accepted', observedGeneration }
  return problems.length === 0
    ? { ...base, status: 'True', reason: 'Valid', message: 'the rule is in force' }
    : { ...base, status: 'False', reason: 'Invalid', message: problems.join('; ').slice(0, 1024) }
}

/** Returns the key of the profile that a rule names; a rule that only learns needs none. */
export function ruleProfile({ metadata, spec }: SeccompRule): string | undefined {
  const { mode, profile } = spec
  if (mode === 'learn' || profile === undefined) return undefined
  return profileKey(profile.namespace ?? metadata.namespace ?? rootNamespace, profile.name)
}

const learning =
  'matching pods are recorded; they run under RuntimeDefault, or the mode that was set for their own profile'

/**
 * Returns the condition Ready: what a matching pod gets now. Reasons: Learning, ProfileReady, ProfileNotFound,
 * ProfileNotApproved, WaitingForNodes, PerNamespace (a profile of that name in each pod's namespace).
 */
function ready(
  rule: SeccompRule,
  states: ReadonlyMap<string, ProfileState>,
  observedGeneration: number
): Wanted {
  const base = { type: 'Ready', observedGeneration }
  const { mode, profile } = rule.spec
  if (mode === 'learn') {
    return { ...base, status: 'True', reason: 'Learning', message: learning }
  }
  const key = ruleProfile(rule)
  if (profile === undefined || key === undefined) {
    const message = `mode ${mode} needs spec.profile`
    return { ...base, status: 'False', reason: 'ProfileNotFound', message }
  }
  const state = states.get(key)
  if (state === undefined) {
    if (missingProfileOf(rule, () => false) === undefined) {
      const message = `${key} does not exist: each pod gets ${profile.name} of its own namespace`
      return { ...base, status: 'Unknown', reason: 'PerNamespace', message }
    }
    return { ...base, status: 'False', reason: 'ProfileNotFound', message: `${key} does not exist` }
  }
  const wish = { mode, platform: (rule.metadata.namespace ?? rootNamespace) === rootNamespace }
  const modes = modesInUse(state, wish).filter((one) => one.mode !== 'learn')
  if (modes.length === 0) return { ...base, status: 'True', reason: 'Learning', message: learning }
  if (!state.approved || modes.some(({ revision }) => revision === undefined)) {
    const message = `${key} is not approved yet`
    return { ...base, status: 'False', reason: 'ProfileNotApproved', message }
  }
  return modes.every(({ revision }) => revision?.ready === true)
    ? { ...base, status: 'True', reason: 'ProfileReady', message: `${key} is on every node` }
    : {
        ...{ ...base, status: 'False', reason: 'WaitingForNodes' },
        message: `${key} has not reached every node yet: pods that could run there get ${rule.spec.whenNotReady ?? 'RuntimeDefault'}`
      }
}

const mostNamed = 5

/**
 * Returns the condition Bypassed: whether pods that the rule selects were stored without a decision of Secco. Reasons:
 * PodsNotPatched, AllPatched. A rule that was never bypassed has no such condition.
 */
function bypassed(
  pods: readonly string[],
  before: readonly Condition[],
  observedGeneration: number
): Wanted | undefined {
  const base = { type: 'Bypassed', observedGeneration }
  if (pods.length > 0) {
    const named = listed([...pods].sort(), mostNamed)
    const message = `stored without a decision of Secco: ${named}; recreate them`
    return { ...base, status: 'True', reason: 'PodsNotPatched', message }
  }
  if (!before.some(({ type }) => type === 'Bypassed')) return undefined
  const message = 'every pod that the rule selects carries a decision of Secco'
  return { ...base, status: 'False', reason: 'AllPatched', message }
}

/**
 * Returns the condition Overruled: whether other rules decide about pods that the rule selects. Reasons: OtherRuleWins,
 * NotOverruled. A rule that was never overruled has no such condition.
 */
function overruled(
  winners: readonly string[],
  before: readonly Condition[],
  observedGeneration: number
): Wanted | undefined {
  const base = { type: 'Overruled', observedGeneration }
  if (winners.length > 0) {
    const named = listed([...winners].sort(), mostNamed)
    const message =
      `selects pods that ${named} ${winners.length === 1 ? 'decides' : 'decide'} about: ` +
      'the higher spec.priority wins, then the more specific selector, then the name'
    return { ...base, status: 'True', reason: 'OtherRuleWins', message }
  }
  if (!before.some(({ type }) => type === 'Overruled')) return undefined
  const message = 'no other rule decides about the pods that the rule selects'
  return { ...base, status: 'False', reason: 'NotOverruled', message }
}

/**
 * Returns the condition PodsSelected: whether the rule selects any pod, or is a typo. Reasons: Selected, NoPods. Once true it
 * stays until the rule is changed: the pods of a job come and go.
 */
function selected(
  isSelecting: boolean,
  before: readonly Condition[],
  observedGeneration: number
): Wanted {
  const base = { type: 'PodsSelected', observedGeneration }
  const was = before.find(({ type }) => type === base.type)
  const isKnown = was?.status === 'True' && was.observedGeneration === observedGeneration
  if (isSelecting || isKnown)
    return { ...base, status: 'True', reason: 'Selected', message: 'the rule has selected pods' }
  const message = 'no pod was selected since the rule was written: it is in force for new pods'
  return { ...base, status: 'False', reason: 'NoPods', message }
}

/** RulePods is what running pods show about a rule. */
export interface RulePods {
  /** Pods that it selects and that carry no decision, as `<namespace>/<name>`. */
  unpatched: readonly string[]
  /** Rules that decide about pods that it selects, as `<namespace>/<name>`. */
  overruledBy: readonly string[]
  /** It selects a pod that has not ended. */
  isSelecting: boolean
}

/** Returns the rule with its conditions; the same object when nothing changes. Pure. */
export function withRuleConditions(
  rule: SeccompRule,
  problems: readonly string[],
  states: ReadonlyMap<string, ProfileState>,
  now: string,
  pods: RulePods = { unpatched: [], overruledBy: [], isSelecting: false }
): SeccompRule {
  const generation = rule.metadata.generation ?? 1
  const before = rule.status?.conditions ?? []
  const once = setCondition(before, accepted(problems, generation), now)
  const both = setCondition(once, ready(rule, states, generation), now)
  const further = [
    selected(pods.isSelecting, before, generation),
    bypassed(pods.unpatched, before, generation),
    overruled(pods.overruledBy, before, generation)
  ].filter((one) => one !== undefined)
  const all = further.reduce((list, one) => setCondition(list, one, now), both)
  const observed = rule.metadata.generation
  // Each condition has the generation too: with another one they differ.
  if (all === before) return rule
  const status = { ...rule.status, conditions: [...all] }
  return {
    ...rule,
    status: observed === undefined ? status : { ...status, observedGeneration: observed }
  }
}
