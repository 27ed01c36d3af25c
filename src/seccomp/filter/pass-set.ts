import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { conditionImplies } from '../arguments/argument-algebra.js'
import { type Conditions, conditionsWithin, normalConditions } from '../arguments/argument-rules.js'
import { builtRules } from './built-rules.js'
import { alternativesOf } from './call-answer.js'
import { isAllowAction } from './filter-answers.js'
import { runtimeDefaultRules } from '../policy/runtime-default.js'

/** What a filter allows, silently or logged, in a form in which two filters can be compared. */
export interface PassSet {
  /** Whether the filter allows syscalls that no rule names. */
  everything: boolean
  /** Beside the machine's own ABI; undefined: any. */
  architectures: ReadonlySet<string> | undefined
  /** By name: alternatives of conditions, `[]` = with any arguments. */
  names: ReadonlyMap<string, readonly Conditions[]>
}

/**
 * Reads a filter once. A rule without conditions makes the others of its name void, as in libseccomp; two conditions on
 * one argument are alternatives, as runtimes add them.
 */
export function passSetOf(seccomp: LinuxSeccomp): PassSet {
  const names = new Map<string, Conditions[]>()
  for (const rule of builtRules(seccomp)) {
    if (!isAllowAction(rule.action)) continue
    const { name } = rule
    for (const args of alternativesOf(rule)) {
      const known = names.get(name)
      if (args.length === 0) names.set(name, [])
      else if (known === undefined) names.set(name, [normalConditions(args)])
      else if (known.length > 0) known.push(normalConditions(args))
    }
  }
  return {
    everything: isAllowAction(seccomp.defaultAction),
    architectures: new Set(seccomp.architectures),
    names
  }
}

/** RuntimeDefault without added capabilities; ABIs beside the machine's own are all its as well. */
export const runtimeDefaultPassSet: PassSet = {
  everything: false,
  architectures: undefined,
  names: runtimeDefaultRules()
}

function isCovered(
  inner: readonly Conditions[],
  outer: readonly Conditions[] | undefined
): boolean {
  if (outer === undefined) return false
  if (outer.length === 0) return true
  return (
    inner.length > 0 &&
    inner.every(
      (args) =>
        outer.some((limits) => conditionImplies(args, limits)) || conditionsWithin(args, outer)
    )
  )
}

/** Returns whether a set allows all that RuntimeDefault allows of a call; false where that is nothing. */
export function allowsAsRuntimeDefault(set: PassSet, name: string): boolean {
  const limits = runtimeDefaultPassSet.names.get(name)
  return limits !== undefined && isCovered(limits, set.names.get(name))
}

/** Returns the names that `inner` allows with arguments that `outer` denies, sorted; also where that is unknown. */
export function namesBeyond(inner: PassSet, outer: PassSet): string[] {
  return [...inner.names]
    .filter(([name, alternatives]) => !isCovered(alternatives, outer.names.get(name)))
    .map(([name]) => name)
    .sort()
}

/**
 * Whether `outer` allows every call that `inner` allows. False if unknown: callers
 * then keep the filter that they know.
 */
export function isWithin(inner: PassSet, outer: PassSet): boolean {
  if (inner.everything || outer.everything) return false
  const { architectures } = outer
  if (architectures !== undefined) {
    if (inner.architectures === undefined) return false
    for (const one of inner.architectures) if (!architectures.has(one)) return false
  }
  for (const [name, alternatives] of inner.names) {
    if (!isCovered(alternatives, outer.names.get(name))) return false
  }
  return true
}
