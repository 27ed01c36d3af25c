import type { SeccompArg } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import type { Grant, DenyRule } from './grants.js'
import {
  type Alternatives,
  intersectConditions,
  subtractConditions,
  withoutCovered
} from '../arguments/argument-algebra.js'
import { canStandBeside, spelledOut } from '../arguments/loadable.js'
import { type Conditions, conditionsWithin } from '../arguments/argument-rules.js'

/** What a rendering allows for one name. `alternatives` empty: with any arguments. */
export interface Effective {
  alternatives: SeccompArg[][]
  /** Whether a person explicitly approved more than RuntimeDefault allows. */
  beyond: boolean
}

/** In this module's callers "no alternatives" means any arguments; the algebra writes that as `[[]]`. */
export const asAlternatives = (list: readonly SeccompArg[][]): Alternatives =>
  list.length === 0 ? [[]] : list
export const asList = (alternatives: Alternatives): SeccompArg[][] =>
  alternatives.some((args) => args.length === 0) ? [] : alternatives.map((args) => [...args])

/**
 * Returns what a grant allows after it is intersected with RuntimeDefault's argument rules and a person's
 * deny rules for some arguments are subtracted; undefined when nothing is left.
 *
 * - by name: RuntimeDefault's rules for the name, if it has any; what RuntimeDefault answers itself
 *   (`answered`: clone3 → ENOSYS) stays so
 * - by arguments: a person's explicit conditions, honoured as they stand
 *
 * Throws INVALID_DOCUMENT for a deny rule that runtimes cannot express.
 */
export function effectiveOf(
  name: string,
  grant: Pick<Grant, 'byName' | 'alternatives'>,
  denyRules: readonly DenyRule[],
  floor: ReadonlyMap<string, readonly SeccompArg[][]>,
  answered: ReadonlySet<string>
): Effective | undefined {
  const limits = floor.get(name)
  let alternatives: Alternatives = grant.alternatives
  let beyond = grant.alternatives.some(
    (args) => limits === undefined || (limits.length > 0 && !conditionsWithin(args, limits))
  )
  if (grant.byName && !answered.has(name)) {
    if (limits === undefined) beyond = true
    alternatives = [...asAlternatives([...(limits ?? [])]), ...alternatives]
  } else if (alternatives.length === 0) {
    return undefined
  }
  let left = withoutCovered(alternatives)
  for (const denyRule of denyRules) {
    if (denyRule.args.length === 0) return undefined
    const rest = subtractConditions(left, denyRule.args)
    if (!rest.exact) {
      throw new SeccoError(
        'INVALID_DOCUMENT',
        `spec.seccomp: ${name}: runtimes cannot express "allowed, except for these arguments" here`,
        {
          field: 'spec.seccomp.syscalls',
          hint: `allow ${name} with the arguments that it may have, instead of denying some`
        }
      )
    }
    left = rest.left
    if (left.length === 0) return undefined
  }
  return { alternatives: asList(left), beyond }
}

/**
 * Returns what `limits` allow beyond `allowed`, for audit to log, and what audit allows silently:
 * never weaker and never stricter than RuntimeDefault. Two rules of one name with different actions must
 * not overlap (libseccomp: EEXIST), so a limit
 * that shares calls with what is allowed is divided only where one condition decides; elsewhere it is
 * allowed as a whole, and less is logged.
 */
export function auditAlternatives(
  allowed: Alternatives,
  limits: Alternatives
): { silent: Alternatives; logged: Alternatives } {
  const single = [...allowed, ...limits].every((args) => args.length <= 1)
  const indexes = new Set([...allowed, ...limits].flat().map(({ index }) => index))
  if (single && indexes.size <= 1) {
    let left = limits
    let exact = true
    for (const args of allowed) {
      const rest = subtractConditions(left, args)
      left = rest.left
      exact &&= rest.exact
    }
    if (exact) return { silent: allowed, logged: left }
  }
  const fits = canStandBeside([...allowed, ...limits])
  let [silent, logged] = fits ? [allowed, limits] : [spelledOut(allowed), spelledOut(limits)]
  for (;;) {
    const apart = (limit: Conditions) =>
      silent.every((args) => intersectConditions(limit, args)?.length === 0)
    const rest = canStandBeside([...silent, ...logged]) ? logged.filter(apart) : []
    if (rest.length === logged.length) return { silent: withoutCovered(silent), logged }
    silent = [...silent, ...logged.filter((limit) => !rest.includes(limit))]
    logged = rest
  }
}
