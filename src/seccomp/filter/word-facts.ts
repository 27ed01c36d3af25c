/**
 * What is known of one 32-bit word of seccomp_data on a path through a filter: an interval, bits that are fixed, and
 * masked values that it does not have. Numbers are unsigned 32-bit integers.
 */
export interface WordFacts {
  readonly low: number
  readonly high: number
  /** Bits whose value is known, and their values. */
  readonly mask: number
  readonly bits: number
  readonly not: Exclusion | undefined
}

/** A list: `(word & mask) !== value`. */
interface Exclusion {
  readonly mask: number
  readonly value: number
  readonly next: Exclusion | undefined
}

/** The mask of all bits of a word, which is also the greatest value. */
export const all = 0xffffffff
/** Candidates that are tried for one word. Filters of libseccomp need a few; beyond, nothing is known. */
const mostCandidates = 4096

export const anyWord: WordFacts = { low: 0, high: all, mask: 0, bits: 0, not: undefined }

export function exactly(value: number): WordFacts {
  return { low: value, high: value, mask: all, bits: value, not: undefined }
}

/** Whether all bits of a mask are known. */
export function isKnown({ mask }: WordFacts, bits: number): boolean {
  return (bits & ~mask) === 0
}

/** Returns the smallest number from `from` on whose masked bits have these values; undefined if there is none. */
function nextWith(from: number, mask: number, bits: number): number | undefined {
  if ((from & mask) >>> 0 === bits) return from
  // The result shares the bits above some position with `from` and has a 1 there where `from` has a 0.
  for (let at = 0; at < 32; at += 1) {
    const bit = (1 << at) >>> 0
    const above = ~(bit | (bit - 1)) >>> 0
    const fits = ((from ^ bits) & mask & above) >>> 0 === 0
    const isFree = (from & bit) === 0 && ((mask & bit) === 0 || (bits & bit) !== 0)
    if (fits && isFree) return ((from & above) | bit | (bits & (bit - 1))) >>> 0
  }
  return undefined
}

/** Returns the smallest value that agrees with the facts; `none` if no value does, `unknown` if the search was too long. */
export function valueOf({ low, high, mask, bits, not }: WordFacts): number | 'none' | 'unknown' {
  let from = low
  for (let tried = 0; tried < mostCandidates; tried += 1) {
    const value = nextWith(from, mask, bits)
    if (value === undefined || value > high) return 'none'
    let excluded = not
    while (excluded !== undefined && (value & excluded.mask) >>> 0 !== excluded.value) {
      excluded = excluded.next
    }
    if (excluded === undefined) return value
    const open = (excluded.mask & ~mask) >>> 0
    if (open === 0) return 'none'
    // Up to the next change of an unknown bit of its mask every number has the excluded value.
    const lowest = (open & -open) >>> 0
    const next = ((value | (lowest - 1)) >>> 0) + 1
    if (next > all) return 'none'
    from = next
  }
  return 'unknown'
}

export function withEqual(facts: WordFacts, mask: number, value: number): WordFacts | undefined {
  if ((value & ~mask) !== 0 || ((facts.bits ^ value) & facts.mask & mask) !== 0) return undefined
  return { ...facts, mask: (facts.mask | mask) >>> 0, bits: (facts.bits | value) >>> 0 }
}

export function withOther(facts: WordFacts, mask: number, value: number): WordFacts {
  if ((value & ~mask) !== 0) return facts
  return { ...facts, not: { mask, value, next: facts.not } }
}

/** Narrows the interval; undefined if it is empty then. */
export function within(facts: WordFacts, low: number, high: number): WordFacts | undefined {
  const [from, to] = [Math.max(facts.low, low), Math.min(facts.high, high)]
  return from > to ? undefined : { ...facts, low: from, high: to }
}
