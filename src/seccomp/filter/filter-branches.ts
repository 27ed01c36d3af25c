import { aluAnd, jumpKind } from './cbpf.js'
import {
  all,
  anyWord,
  isKnown,
  valueOf,
  type WordFacts,
  within,
  withEqual,
  withOther
} from './word-facts.js'

/** What the accumulator, the index register or a memory cell holds: a number, or bits of a word of seccomp_data. */
export type Value = number | { readonly word: number; readonly mask: number }

/** The number of 32-bit words of struct seccomp_data. */
export const wordCount = 16

/** A question that cannot be decided. It is a RangeError, as cbpf.ts throws for instructions that no kernel accepts. */
export class Undecided extends RangeError {}

/** A way on from a jump, with the facts that hold there. */
type Branch = { taken: boolean; words: readonly WordFacts[] }

/** Returns the facts of a word where a comparison of it holds, and where it does not. */
function splitOf(
  kind: number,
  facts: WordFacts,
  mask: number,
  k: number
): [WordFacts | undefined, WordFacts | undefined] {
  if (kind === jumpKind.equal) return [withEqual(facts, mask, k), withOther(facts, mask, k)]
  if (kind === jumpKind.anyBit) {
    const tested = (mask & k) >>> 0
    return [withOther(facts, tested, 0), withEqual(facts, tested, 0)]
  }
  if (mask !== all) throw new Undecided('a comparison of some bits')
  const from = kind === jumpKind.greater ? k + 1 : k
  return [
    from > all ? undefined : within(facts, from, all),
    from === 0 ? undefined : within(facts, 0, from - 1)
  ]
}

/** Returns the number that a value has in every call with these facts; undefined if it differs. */
export function knownValue(value: Value, words: readonly WordFacts[]): number | undefined {
  if (typeof value === 'number') return value
  const facts = words[value.word] ?? anyWord
  return isKnown(facts, value.mask) ? (facts.bits & value.mask) >>> 0 : undefined
}

/** Returns the ways on from a jump that some call takes. @throws Undecided */
export function branchesOf(
  kind: number,
  a: Value,
  k: Value,
  words: readonly WordFacts[]
): Branch[] {
  if (typeof k !== 'number' || typeof a === 'number') {
    throw new Undecided('a comparison of two words')
  }
  const { word, mask } = a
  const facts = words[word] ?? anyWord
  const [held, broken] = splitOf(kind, facts, mask, k)
  return [held, broken].flatMap((changed, at): Branch[] => {
    if (changed === undefined) return []
    const value = valueOf(changed)
    if (value === 'unknown') throw new Undecided('too many conditions on one word')
    if (value === 'none') return []
    // No smaller value agrees with the facts, so the next search does not begin below it.
    return [{ taken: at === 0, words: words.with(word, { ...changed, low: value }) }]
  })
}

/** Returns the result of an instruction of the accumulator: AND with a number. @throws Undecided for all others */
export function arithmetic(kind: number, a: Value, operand: Value): Value {
  if (typeof operand !== 'number') throw new Undecided('arithmetic of words')
  if (kind === aluAnd) {
    if (typeof a === 'number') return (a & operand) >>> 0
    return { word: a.word, mask: (a.mask & operand) >>> 0 }
  }
  throw new Undecided(`arithmetic 0x${kind.toString(16)}`)
}

/** Returns what a load from this offset of struct seccomp_data brings. @throws Undecided */
export function loaded(offset: number): Value {
  if (offset % 4 !== 0 || offset >= 4 * wordCount) throw new Undecided(`load at ${offset}`)
  return { word: offset / 4, mask: all }
}
