import type { Conditions } from './argument-rules.js'

/** Returns the smallest number from `from` on whose masked bits have these values; undefined if `top` is below it. */
function nextWith(from: bigint, mask: bigint, bits: bigint, top: bigint): bigint | undefined {
  if ((from & mask) === bits) return from
  // The result shares the bits above some position with `from` and has a 1 there where `from` has a 0.
  for (let bit = 1n; bit <= top; bit <<= 1n) {
    const below = bit - 1n
    const above = top & ~(bit | below)
    const fits = ((from ^ bits) & mask & above) === 0n
    const isFree = (from & bit) === 0n && ((mask & bit) === 0n || (bits & bit) !== 0n)
    if (fits && isFree) return (from & above) | bit | (bits & below)
  }
  return undefined
}

/**
 * Returns the smallest value of one argument for which all these conditions hold, or undefined if there is none. It is
 * exact for every mixture of comparisons and masks.
 * @param top the highest value that the argument can have
 */
export function commonValue(conditions: Conditions, top: bigint): bigint | undefined {
  let [low, high, mask, bits] = [0n, top, 0n, 0n]
  const excluded = new Set<bigint>()
  const atLeast = (value: bigint) => (low = value > low ? value : low)
  const atMost = (value: bigint) => (high = value < high ? value : high)
  for (const { op, value, valueTwo = 0 } of conditions) {
    const number = BigInt(value)
    if (op === 'SCMP_CMP_NE') excluded.add(number)
    if (op === 'SCMP_CMP_LT') atMost(number - 1n)
    if (op === 'SCMP_CMP_LE' || op === 'SCMP_CMP_EQ') atMost(number)
    if (op === 'SCMP_CMP_GE' || op === 'SCMP_CMP_EQ') atLeast(number)
    if (op === 'SCMP_CMP_GT') atLeast(number + 1n)
    if (op !== 'SCMP_CMP_MASKED_EQ') continue
    const wanted = BigInt(valueTwo) & number
    if (((bits ^ wanted) & mask & number) !== 0n) return undefined
    mask |= number
    bits |= wanted
  }
  for (let from = low; from <= high; from += 1n) {
    const value = nextWith(from, mask, bits, top)
    if (value === undefined || value > high) return undefined
    if (!excluded.has(value)) return value
    from = value
  }
  return undefined
}
