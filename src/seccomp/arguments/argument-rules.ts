import type { SeccompArg } from '../../api/seccomp-profile.js'
import { canonicalJson } from '../../lib/canonical.js'

/** Conditions that must all hold; a call is allowed when any alternative of its list holds. */
export type Conditions = readonly SeccompArg[]

/** Returns a condition whose second value has only bits of its mask: libseccomp compares no others. */
export function asMasked(arg: SeccompArg): SeccompArg {
  if (arg.op !== 'SCMP_CMP_MASKED_EQ' || arg.valueTwo === undefined) return arg
  const valueTwo = Number(BigInt(arg.valueTwo) & BigInt(arg.value))
  return valueTwo === arg.valueTwo ? arg : { ...arg, valueTwo }
}

/** Sorted by argument and without `valueTwo` where it is void, so that equal conditions compare equal. */
export function normalConditions(args: Conditions): SeccompArg[] {
  return args
    .map(asMasked)
    .map((arg) => ({
      index: arg.index,
      op: arg.op,
      value: arg.value,
      ...(arg.op === 'SCMP_CMP_MASKED_EQ' ? { valueTwo: arg.valueTwo ?? 0 } : {})
    }))
    .sort((a, b) => a.index - b.index || (canonicalJson(a) < canonicalJson(b) ? -1 : 1))
}

export function isEquality({ op }: SeccompArg): boolean {
  return op === 'SCMP_CMP_EQ' || op === 'SCMP_CMP_MASKED_EQ'
}

/** Equalities, but for the condition on the highest argument: see loadable.ts. */
export function inOnePlace(conditions: Conditions): boolean {
  const last = Math.max(...conditions.map(({ index }) => index))
  return conditions.every((arg) => arg.index === last || isEquality(arg))
}

function sameCondition(left: SeccompArg, right: SeccompArg): boolean {
  if (left.index !== right.index || left.op !== right.op || left.value !== right.value) return false
  return left.op !== 'SCMP_CMP_MASKED_EQ' || (left.valueTwo ?? 0) === (right.valueTwo ?? 0)
}

/** Whether two lists have the same conditions in any order. Called very often: it allocates nothing. */
export function sameConditions(left: Conditions, right: Conditions): boolean {
  if (left.length !== right.length) return false
  const holdsAll = (some: Conditions, other: Conditions) =>
    some.every((one) => other.some((each) => sameCondition(one, each)))
  return holdsAll(left, right) && (left.length < 2 || holdsAll(right, left))
}

/**
 * Whether one comparison holds, as libseccomp defines it (seccomp_rule_add(3)): 64-bit unsigned;
 * MASKED_EQ takes the mask first (`value`) and the datum second (`valueTwo`).
 */
export function conditionHolds(arg: SeccompArg, actual: bigint): boolean {
  const value = BigInt(arg.value)
  switch (arg.op) {
    case 'SCMP_CMP_NE':
      return actual !== value
    case 'SCMP_CMP_LT':
      return actual < value
    case 'SCMP_CMP_LE':
      return actual <= value
    case 'SCMP_CMP_EQ':
      return actual === value
    case 'SCMP_CMP_GE':
      return actual >= value
    case 'SCMP_CMP_GT':
      return actual > value
    case 'SCMP_CMP_MASKED_EQ':
      return (actual & value) === (BigInt(arg.valueTwo ?? 0) & value)
  }
}

/**
 * Returns the values that alternatives on one argument allow, where they are few (at most 64) and can
 * be named: EQ, and LT or LE of a small number. undefined otherwise.
 */
function finiteValues(
  alternatives: readonly Conditions[]
): { index: number; values: number[] } | undefined {
  const values = new Set<number>()
  let index: number | undefined
  for (const [arg, ...others] of alternatives) {
    if (arg === undefined || others.length > 0) return undefined
    if (index !== undefined && index !== arg.index) return undefined
    index = arg.index
    if (arg.op === 'SCMP_CMP_EQ') values.add(arg.value)
    else if (arg.op === 'SCMP_CMP_LT' && arg.value <= 64) {
      for (let value = 0; value < arg.value; value++) values.add(value)
    } else if (arg.op === 'SCMP_CMP_LE' && arg.value < 64) {
      for (let value = 0; value <= arg.value; value++) values.add(value)
    } else return undefined
  }
  return index === undefined ? undefined : { index, values: [...values].sort((a, b) => a - b) }
}

/** True when `need` holds for every value that `have` holds for; false when unsure. */
function implies(have: SeccompArg, need: SeccompArg): boolean {
  if (have.index !== need.index) return false
  if (sameConditions([have], [need])) return true
  return (
    finiteValues([[have]])?.values.every((value) => conditionHolds(need, BigInt(value))) ?? false
  )
}

/** True when some alternative of `outer` allows every call that `inner` allows; false if unknown. */
export function conditionsWithin(inner: Conditions, outer: readonly Conditions[]): boolean {
  if (outer.some((conditions) => sameConditions(conditions, inner))) return true
  const finite = finiteValues([inner])
  if (finite !== undefined) {
    return finite.values.every((value) =>
      outer.some(([arg, ...others]) =>
        arg !== undefined && others.length === 0 && arg.index === finite.index
          ? conditionHolds(arg, BigInt(value))
          : false
      )
    )
  }
  return outer.some((conditions) =>
    conditions.every((need) => inner.some((have) => implies(have, need)))
  )
}
