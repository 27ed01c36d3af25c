import type { SeccompArg } from '../../api/seccomp-profile.js'
import {
  type Conditions,
  conditionHolds,
  inOnePlace,
  isEquality,
  normalConditions,
  sameConditions
} from './argument-rules.js'
import { canonicalJson } from '../../lib/canonical.js'
import { wholeMask } from './deciding-calls.js'

/**
 * Sets of calls by their arguments: a list of alternatives, each a list of conditions that must all
 * hold, at most one on each argument (runtimes join two on one by OR). `[[]]` is every call, `[]` none.
 * What no such list can express is `undefined`.
 */
export type Alternatives = readonly Conditions[]

const top = 2n ** 64n - 1n
/** Most values of a range with two ends that are listed one by one. */
const mostValues = 64
/** Most alternatives for one name: with more of them, filters grow too long. */
export const mostAlternatives = 128

type Range = readonly [bigint, bigint]

/** The values of a comparison as ranges, ends included, ascending; undefined for a mask. */
function rangesOf(arg: SeccompArg): Range[] | undefined {
  const value = BigInt(arg.value)
  const ranges: Record<Exclude<SeccompArg['op'], 'SCMP_CMP_MASKED_EQ'>, Range[]> = {
    SCMP_CMP_EQ: [[value, value]],
    SCMP_CMP_NE: [
      [0n, value - 1n],
      [value + 1n, top]
    ],
    SCMP_CMP_LT: [[0n, value - 1n]],
    SCMP_CMP_LE: [[0n, value]],
    SCMP_CMP_GT: [[value + 1n, top]],
    SCMP_CMP_GE: [[value, top]]
  }
  if (arg.op === 'SCMP_CMP_MASKED_EQ') return undefined
  return ranges[arg.op].filter(([low, high]) => low <= high)
}

function argOf(index: number, op: SeccompArg['op'], value: bigint, valueTwo?: bigint) {
  const numbers = [value, valueTwo ?? 0n]
  if (numbers.some((each) => each > BigInt(Number.MAX_SAFE_INTEGER))) return undefined
  return {
    index,
    op,
    value: Number(value),
    ...(valueTwo === undefined ? {} : { valueTwo: Number(valueTwo) })
  }
}

/** Returns one condition for each range, or for each value where a range has two ends. */
function argsOf(index: number, ranges: readonly Range[]): SeccompArg[] | undefined {
  const args: (SeccompArg | undefined)[] = []
  for (const [low, high] of ranges) {
    if (low === high) args.push(argOf(index, 'SCMP_CMP_EQ', low))
    else if (high === top) args.push(argOf(index, 'SCMP_CMP_GE', low))
    else if (low === 0n && high - low >= BigInt(mostValues)) {
      args.push(argOf(index, 'SCMP_CMP_LE', high))
    } else if (high - low >= BigInt(mostValues)) return undefined
    else for (let value = low; value <= high; value++) args.push(argOf(index, 'SCMP_CMP_EQ', value))
  }
  return args.some((arg) => arg === undefined) ? undefined : (args as SeccompArg[])
}

/** The values of a comparison one by one, where they are few. */
export function fewValues(arg: SeccompArg): SeccompArg[] | undefined {
  const ranges = rangesOf(arg)
  return ranges === undefined || !isFinite(ranges) ? undefined : valuesOf(arg.index, ranges)
}

function valuesOf(index: number, ranges: readonly Range[]): SeccompArg[] | undefined {
  const args: (SeccompArg | undefined)[] = []
  for (const [low, high] of ranges) {
    for (let value = low; value <= high; value++) args.push(argOf(index, 'SCMP_CMP_EQ', value))
  }
  return args.some((arg) => arg === undefined) ? undefined : (args as SeccompArg[])
}

function isFinite(ranges: readonly Range[]): boolean {
  return ranges.every(([low, high]) => high - low < BigInt(mostValues))
}

/** Returns the lowest and the highest value of a comparison other than a mask. Infinity stands for the highest of all. */
function endsOf({ op, value }: SeccompArg): [low: number, high: number] {
  switch (op) {
    case 'SCMP_CMP_NE':
      return [value === 0 ? 1 : 0, Number.POSITIVE_INFINITY]
    case 'SCMP_CMP_LT':
      return [0, value - 1]
    case 'SCMP_CMP_LE':
      return [0, value]
    case 'SCMP_CMP_GE':
      return [value, Number.POSITIVE_INFINITY]
    case 'SCMP_CMP_GT':
      return [value + 1, Number.POSITIVE_INFINITY]
    default:
      return [value, value]
  }
}

/** Whether no value meets two comparisons, as far as their ends tell: it takes far less time than comparing all their ranges. */
function areApart(left: SeccompArg, right: SeccompArg): boolean {
  if (left.op === 'SCMP_CMP_MASKED_EQ' || right.op === 'SCMP_CMP_MASKED_EQ') return false
  const [low, high] = endsOf(left)
  const [from, to] = endsOf(right)
  return low <= high && from <= to && (high < from || to < low)
}

/** Returns conditions on one argument, any of which must hold, for the values that both allow. */
function bothOf(left: SeccompArg, right: SeccompArg): SeccompArg[] | undefined {
  const { index } = left
  if (sameConditions([left], [right])) return [left]
  if (areApart(left, right)) return []
  const [a, b] = [rangesOf(left), rangesOf(right)]
  if (a !== undefined && b !== undefined) {
    const common = a.flatMap(([low, high]) =>
      b
        .map(([from, to]): Range => [low > from ? low : from, high < to ? high : to])
        .filter(([from, to]) => from <= to)
    )
    for (const [arg, own] of [[left, a] as const, [right, b] as const]) {
      const same =
        own.length === common.length &&
        own.every(([low, high], at) => low === common[at]?.[0] && high === common[at][1])
      if (same) return [arg]
    }
    return argsOf(index, common)
  }
  const [ranges, other] = a === undefined ? [b, left] : [a, right]
  if (ranges === undefined) {
    const [mask, want] = [BigInt(left.value), BigInt(left.valueTwo ?? 0)]
    const [otherMask, otherWant] = [BigInt(right.value), BigInt(right.valueTwo ?? 0)]
    if (((want ^ otherWant) & mask & otherMask) !== 0n) return []
    const arg = argOf(index, 'SCMP_CMP_MASKED_EQ', mask | otherMask, want | otherWant)
    return arg === undefined ? undefined : [arg]
  }
  if (!isFinite(ranges)) return undefined
  return valuesOf(index, ranges)?.filter((arg) => conditionHolds(other, BigInt(arg.value)))
}

const opposite = {
  SCMP_CMP_NE: 'SCMP_CMP_EQ',
  SCMP_CMP_EQ: 'SCMP_CMP_NE',
  SCMP_CMP_LT: 'SCMP_CMP_GE',
  SCMP_CMP_GE: 'SCMP_CMP_LT',
  SCMP_CMP_LE: 'SCMP_CMP_GT',
  SCMP_CMP_GT: 'SCMP_CMP_LE'
} as const

/** Returns conditions on the argument, any of which must hold, for the values that this condition does not allow. */
function othersThan(arg: SeccompArg): SeccompArg[] {
  const { index, value } = arg
  if (arg.op !== 'SCMP_CMP_MASKED_EQ') return [{ index, op: opposite[arg.op], value }]
  // Some bit differs: one alternative a bit, for there is no "masked and not equal".
  const [mask, want] = [BigInt(value), BigInt(arg.valueTwo ?? 0)]
  const args: SeccompArg[] = []
  for (let bit = 1n; bit <= mask; bit <<= 1n) {
    if ((mask & bit) === 0n) continue
    args.push({
      index,
      op: 'SCMP_CMP_MASKED_EQ',
      value: Number(bit),
      valueTwo: Number(~want & bit)
    })
  }
  return args
}

/** Fewer than that, where one bit at a time is too much: what is smaller. */
function fewOthersThan(arg: SeccompArg): SeccompArg[] {
  if (arg.op !== 'SCMP_CMP_MASKED_EQ' || arg.value !== wholeMask) return othersThan(arg)
  const value = arg.valueTwo ?? 0
  return value === 0 ? [] : [{ index: arg.index, op: 'SCMP_CMP_LT', value }]
}

/** Returns the calls that both allow. */
export function intersectConditions(left: Conditions, right: Conditions): Alternatives | undefined {
  let lists: SeccompArg[][] = [left.filter((arg) => !right.some((r) => r.index === arg.index))]
  for (const arg of right) {
    const own = left.find((each) => each.index === arg.index)
    const both = own === undefined ? [arg] : bothOf(own, arg)
    if (both === undefined) return undefined
    lists = lists.flatMap((list) => both.map((each) => [...list, each]))
  }
  return lists.map(normalConditions)
}

/** Does the same as comparing `bothOf` with `have`, without objects: lists of alternatives take very many comparisons. */
function isWithin(have: SeccompArg, need: SeccompArg): boolean {
  if (have.op === 'SCMP_CMP_MASKED_EQ' || need.op === 'SCMP_CMP_MASKED_EQ') {
    const both = bothOf(have, need)
    return both?.length === 1 && both[0] !== undefined && sameConditions([both[0]], [have])
  }
  const [low, high] = endsOf(have)
  if (low > high) return true
  if (need.op === 'SCMP_CMP_NE') {
    const isHole = have.op === 'SCMP_CMP_NE' && have.value === need.value
    return isHole || need.value < low || need.value > high
  }
  const [from, to] = endsOf(need)
  return from <= low && high <= to
}

/** Whether `outer` holds wherever `inner` holds; false if unknown. */
export function conditionImplies(inner: Conditions, outer: Conditions): boolean {
  return outer.every((need) =>
    inner.some((have) => have.index === need.index && isWithin(have, need))
  )
}

/** Of two equivalent alternatives (LT 10, LE 9) only the first stays. */
function staysFor(outer: Conditions, index: number, inner: Conditions, at: number): boolean {
  const [kept, left] = [canonicalJson(outer), canonicalJson(inner)]
  return kept === left ? index < at : kept < left
}

/** Removes alternatives that another one covers; keeps the order. */
export function withoutCovered(alternatives: Alternatives): Alternatives {
  return alternatives.filter(
    (inner, at) =>
      !alternatives.some(
        (outer, index) =>
          index !== at &&
          conditionImplies(inner, outer) &&
          (!conditionImplies(outer, inner) || staysFor(outer, index, inner, at))
      )
  )
}

/**
 * Returns the calls that `from` allows and for which `denied` does not hold. `exact` is false when something could not
 * be expressed, or only by more than `mostAlternatives`: that part is left out as well.
 */
export function subtractConditions(
  from: Alternatives,
  denied: Conditions
): { left: Alternatives; exact: boolean } {
  for (const complement of [othersThan, fewOthersThan]) {
    const { left, exact } = subtractWith(complement, from, denied)
    // The search for covered alternatives is quadratic: lists that are far too long are skipped.
    const some = left.length > 2 * mostAlternatives ? left : withoutCovered(left)
    if (some.length <= mostAlternatives) {
      return { left: some, exact: exact && complement === othersThan }
    }
  }
  return { left: [], exact: false }
}

function subtractWith(
  complement: (arg: SeccompArg) => SeccompArg[],
  from: Alternatives,
  denied: Conditions
): { left: Alternatives; exact: boolean } {
  let exact = true
  const ordered = normalConditions(denied)
  const left = from.flatMap((conditions): Alternatives => {
    if (intersectConditions(conditions, denied)?.length === 0) return [conditions]
    return ordered.flatMap((arg, at) => {
      const before = ordered.slice(0, at).filter(isEquality)
      return complement(arg).flatMap((other): Alternatives => {
        const both = intersectConditions(conditions, [other])
        if (both?.every(inOnePlace) === true) return both
        // The same calls, told apart at the arguments before: libseccomp builds those right.
        const apart =
          before.length === 0 ? both : intersectConditions(conditions, [...before, other])
        const chosen = apart?.every(inOnePlace) === true ? apart : (both ?? apart)
        if (chosen === undefined) exact = false
        return chosen ?? []
      })
    })
  })
  return { left, exact }
}
