import type { SeccompArg } from '../api/seccomp-profile.js'
import { SeccoError } from '../errors.js'
import type { Grant, Refusal } from './approved.js'
import {
  complementOf,
  conditionHolds,
  conditionsWithin,
  finiteValues,
  sameConditions
} from './argument-rules.js'

/** What a rendering lets through for one name. `alternatives` empty: with any arguments. */
export interface Effective {
  alternatives: SeccompArg[][]
  /** More than RuntimeDefault gives, by a person's explicit word. */
  beyond: boolean
}

function inexpressible(name: string): SeccoError {
  return new SeccoError(
    'INVALID_DOCUMENT',
    `spec.seccomp: ${name}: runtimes cannot express "allowed, except for these arguments" here`,
    {
      field: 'spec.seccomp.syscalls',
      hint: `allow ${name} with the arguments that it may have, instead of refusing some`
    }
  )
}

function withoutDuplicates(alternatives: readonly SeccompArg[][]): SeccompArg[][] {
  return alternatives.filter(
    (args, index) => alternatives.findIndex((other) => sameConditions(other, args)) === index
  )
}

function subtractOne(
  name: string,
  alternatives: readonly SeccompArg[][],
  refusal: Refusal
): SeccompArg[][] {
  const [refused] = refusal.args
  if (refused === undefined || refusal.args.length > 1) throw inexpressible(name)
  const rest = complementOf(refusal.args)
  const finite = finiteValues(alternatives)
  if (finite?.index === refused.index) {
    return finite.values
      .filter((value) => !conditionHolds(refused, BigInt(value)))
      .map((value) => [{ index: finite.index, op: 'SCMP_CMP_EQ' as const, value }])
  }
  if (rest === undefined) throw inexpressible(name)
  if (alternatives.length === 0) return [rest]
  return alternatives.map((args) => {
    // A second condition on one argument would be joined by OR (runc, crun), which is weaker.
    if (args.some((arg) => arg.index === refused.index)) throw inexpressible(name)
    return [...args, ...rest]
  })
}

/**
 * What a grant lets through once RuntimeDefault's argument rules are intersected and a person's
 * refusals for some arguments are taken away; undefined when nothing is left.
 *
 * - by name: RuntimeDefault's rules for the name, if it has any; what RuntimeDefault answers itself
 *   (`answered`: clone3 → ENOSYS) stays so
 * - by arguments: a person's explicit conditions, honoured as they stand
 */
export function effectiveOf(
  name: string,
  grant: Pick<Grant, 'byName' | 'alternatives'>,
  refusals: readonly Refusal[],
  floor: ReadonlyMap<string, readonly SeccompArg[][]>,
  answered: ReadonlySet<string>
): Effective | undefined {
  const limits = floor.get(name)
  let alternatives = grant.alternatives
  let beyond = alternatives.some(
    (args) => limits === undefined || (limits.length > 0 && !conditionsWithin(args, limits))
  )
  if (grant.byName && !answered.has(name)) {
    if (limits === undefined) beyond = true
    alternatives = limits === undefined || limits.length === 0 ? [] : [...limits, ...alternatives]
  } else if (alternatives.length === 0) {
    return undefined
  }
  let left = withoutDuplicates(alternatives)
  for (const refusal of refusals) {
    if (refusal.args.length === 0) return undefined
    left = subtractOne(name, left, refusal)
    if (left.length === 0) return undefined
  }
  return { alternatives: left, beyond }
}

/**
 * What RuntimeDefault lets through for a name beyond `allowed`, for audit to log. `'all'`: it cannot be
 * told apart by argument rules, so audit lets the whole name through (never weaker, never stricter
 * than RuntimeDefault, only less is reported).
 */
export function remainderOf(
  allowed: readonly SeccompArg[][],
  limits: readonly SeccompArg[][]
): SeccompArg[][] | 'all' {
  if (allowed.length === 0) return []
  if (limits.length === 0) {
    const [only, ...others] = allowed
    const rest = only === undefined || others.length > 0 ? undefined : complementOf(only)
    return rest === undefined ? 'all' : [rest]
  }
  const inside = finiteValues(allowed)
  const outside = finiteValues(limits)
  if (inside !== undefined && outside?.index === inside.index) {
    return outside.values
      .filter((value) => !inside.values.includes(value))
      .map((value) => [{ index: outside.index, op: 'SCMP_CMP_EQ' as const, value }])
  }
  return limits.filter((args) => !allowed.some((other) => sameConditions(other, args)))
}
