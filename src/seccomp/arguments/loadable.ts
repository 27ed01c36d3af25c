import type { SeccompArg } from '../../api/seccomp-profile.js'
import { canonicalJson } from '../../lib/canonical.js'
import {
  type Alternatives,
  fewValues,
  mostAlternatives,
  withoutCovered
} from './argument-algebra.js'
import { wholeMask } from './deciding-calls.js'
import { type Conditions, inOnePlace, isEquality, normalConditions } from './argument-rules.js'

/**
 * Rules that libseccomp builds correctly, and in short time.
 *
 * libseccomp 2.5 and 2.6 make one tree of a call's rules, argument by argument. After a comparison that is
 * no equality (NE, LT, LE, GT, GE) the rest of a rule hangs in that tree twice, and the next rule that meets
 * it is linked into both places at once: calls are allowed that no rule allows, others are denied, or
 * building takes minutes. Rules whose conditions are equalities (EQ, MASKED_EQ), but for the one on the
 * highest argument, have one place each, and their filters answer what the rules say. So does one rule alone.
 * A comparison with a number of more than 32 bits is two levels of the tree, one for each half of the argument, so it
 * has no place of its own beside other rules either.
 */
export function isLoadable(alternatives: Alternatives): boolean {
  return (
    alternatives.length <= 1 ||
    (alternatives.length <= mostAlternatives && alternatives.every(hasPlace))
  )
}

/** Whether a condition is one level of libseccomp's tree. */
const isOneLevel = (arg: SeccompArg): boolean => isEquality(arg) || arg.value <= wholeMask

const hasPlace = (conditions: Conditions): boolean =>
  inOnePlace(conditions) && conditions.every(isOneLevel)

const maskedEqual = (index: number, mask: bigint, want: bigint): SeccompArg => ({
  index,
  op: 'SCMP_CMP_MASKED_EQ',
  value: Number(mask),
  valueTwo: Number(want)
})

/** Bits that are told apart one by one. More would be no condition at all for 32-bit programs. */
const bits = Array.from({ length: 32 }, (_, at) => 1n << BigInt(at))

/**
 * Equalities, any of which must hold, that allow as much of a comparison as the lower 32 bits say, and
 * nothing else; `exact` when that is all of it. Large upper limits have none: it would take the upper bits.
 */
function equalitiesFor(arg: SeccompArg): { args: SeccompArg[]; exact: boolean } {
  if (isEquality(arg)) return { args: [arg], exact: true }
  const few = fewValues(arg)
  if (few !== undefined) return { args: few, exact: true }
  const { index, op } = arg
  const value = BigInt(arg.value)
  if (value >> 32n !== 0n) return { args: [], exact: false }
  if (op === 'SCMP_CMP_NE') {
    return { args: bits.map((bit) => maskedEqual(index, bit, ~value & bit)), exact: false }
  }
  if (op === 'SCMP_CMP_LT' || op === 'SCMP_CMP_LE') return { args: [], exact: false }
  // Larger: has every 1 of the limit above some bit that the limit lacks, and that bit.
  const limit = op === 'SCMP_CMP_GT' ? value : value - 1n
  const args = bits
    .filter((bit) => (limit & bit) === 0n)
    .map((bit) => {
      const above = limit & ~(2n * bit - 1n)
      return maskedEqual(index, above | bit, above | bit)
    })
  return { args, exact: false }
}

const onOneArgument = (alternatives: Alternatives) =>
  alternatives.every((args) => args.length <= 1) &&
  new Set(alternatives.flat().map(({ index }) => index)).size <= 1

/**
 * Whether rules with different actions can be combined. libseccomp takes a rule for a repetition of
 * another's opposite (argument 1 = 41, after argument 0 = 0 and argument 1 ≠ 41) and drops it, so either one argument decides, or
 * equalities do.
 */
export function canStandBeside(alternatives: Alternatives): boolean {
  return (
    (onOneArgument(alternatives) && alternatives.flat().every(isOneLevel)) ||
    alternatives.every((args) => args.every(isEquality))
  )
}

/** The same alternatives with every comparison that has few values as equalities; unless that makes too many. */
export function spelledOut(alternatives: Alternatives): Alternatives {
  const spelled = alternatives.flatMap((args) =>
    args.reduce<SeccompArg[][]>(
      (lists, arg) => {
        const values = isEquality(arg) ? [arg] : (fewValues(arg) ?? [arg])
        return lists.flatMap((list) => values.map((value) => [...list, value]))
      },
      [[]]
    )
  )
  return spelled.length <= mostAlternatives ? spelled : alternatives
}

function inPlaces(conditions: Conditions): { left: Alternatives; exact: boolean } {
  if (hasPlace(conditions)) return { left: [conditions], exact: true }
  const last = Math.max(...conditions.map(({ index }) => index))
  let lists: SeccompArg[][] = [[]]
  let exact = true
  for (const arg of conditions) {
    const isLast = arg.index === last && isOneLevel(arg)
    const found = isLast ? { args: [arg], exact: true } : equalitiesFor(arg)
    exact &&= found.exact
    if (lists.length * found.args.length > mostAlternatives) return { left: [], exact: false }
    lists = lists.flatMap((list) => found.args.map((each) => [...list, each]))
  }
  return { left: lists.map(normalConditions), exact }
}

/**
 * Whether conditions allow more where libseccomp compares 32 bits only (i386 and x32). It drops the
 * upper half of their values: EQ 2³² + 5 becomes EQ 5, which no call of such a program ever was.
 */
function isWiderIn32Bits(conditions: Conditions): boolean {
  return conditions.some(({ op, value, valueTwo = 0 }) => {
    if (op === 'SCMP_CMP_MASKED_EQ') return valueTwo > wholeMask
    return value > wholeMask && op !== 'SCMP_CMP_NE' && !op.startsWith('SCMP_CMP_L')
  })
}

/**
 * The same alternatives in a form that libseccomp builds right (isLoadable), also `beside` other rules of
 * the same call. What cannot be said so within `mostAlternatives` rules is left out: `exact` is false
 * then. `in32Bits`: for 32-bit programs too. Never wider than what is given; the same for the same alternatives in any order.
 */
export function loadable(
  alternatives: Alternatives,
  { beside = false, in32Bits = false } = {}
): { left: Alternatives; exact: boolean } {
  const narrow = in32Bits ? alternatives.filter((each) => !isWiderIn32Bits(each)) : alternatives
  if (narrow.length < alternatives.length) {
    return { left: loadable(narrow, { beside }).left, exact: false }
  }
  const plain = withoutCovered(alternatives)
  const given = beside && !canStandBeside(plain) ? spelledOut(plain) : plain
  if (isLoadable(given) && (!beside || given.every(hasPlace))) {
    return { left: given, exact: true }
  }
  const sorted = given
    .map((conditions) => ({ conditions, key: canonicalJson(normalConditions(conditions)) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ conditions }) => conditions)
  let left: Alternatives = sorted.filter(hasPlace).slice(0, mostAlternatives)
  let exact = left.length === sorted.filter(hasPlace).length
  for (const conditions of sorted.filter((each) => !hasPlace(each))) {
    const found = inPlaces(conditions)
    const fits = left.length + found.left.length <= mostAlternatives
    exact &&= found.exact && fits
    if (fits) left = [...left, ...found.left]
  }
  return { left: withoutCovered(left), exact }
}
