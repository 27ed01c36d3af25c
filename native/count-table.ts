import type { CountTable } from './types.js'

/**
 * A CountTable on top of number, count, number, count, … as the addon returns them. One is made for each container that
 * ends: a class shares its functions, and a map would be most of the memory that is made for a container.
 */
class Pairs implements CountTable {
  readonly #pairs: Float64Array

  constructor(pairs: Float64Array) {
    this.#pairs = pairs
  }

  get size(): number {
    return this.#pairs.length / 2
  }

  get(number: number): number | undefined {
    const pairs = this.#pairs
    for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === number) return pairs[at + 1]
    return undefined
  }

  has(number: number): boolean {
    return this.get(number) !== undefined
  }

  forEach(each: (count: number, number: number) => void): void {
    const pairs = this.#pairs
    for (let at = 0; at + 1 < pairs.length; at += 2) each(pairs[at + 1] ?? 0, pairs[at] ?? 0)
  }
}

const nothing: CountTable = new Map<number, number>()

/** Returns a table of numbers and counts in turn; empty for undefined. */
export function countTable(pairs: Float64Array | undefined): CountTable {
  return pairs === undefined ? nothing : new Pairs(pairs)
}
