import type { Addon } from './addon.js'
import type { AbiClass, Deciding } from './types.js'

/** Returns the first bit of each ABI in a row of bits (`seen` in native/shared/recorder.h). */
export function firstBits(addon: Addon): Record<AbiClass, number> {
  return { native: 0, compat: addon.layout.compatAt, x32: addon.layout.x32At }
}

/** Bits that were made before: thousands of containers share the numbers of a profile. */
const bitsOf = new WeakMap<Record<AbiClass, readonly number[]>, BigUint64Array>()

/** Returns numbers as a row of bits. */
export function toBits(addon: Addon, numbers: Record<AbiClass, readonly number[]>): BigUint64Array {
  const known = bitsOf.get(numbers) ?? makeBits(addon, numbers)
  bitsOf.set(numbers, known)
  return known
}

const placesOf = new WeakMap<Deciding, Uint32Array>()

/** Returns, for each number, its place in the row of bits and its deciding arguments as bits. */
export function toPlaces(addon: Addon, deciding: Deciding): Uint32Array {
  const known = placesOf.get(deciding)
  if (known !== undefined) return known
  const first = firstBits(addon)
  const places = Uint32Array.from(
    deciding.calls.flatMap(({ abi, nr, asked }) => [first[abi] + nr, asked])
  )
  placesOf.set(deciding, places)
  return places
}

/** Leaves out numbers outside the table: they are not counted, so they cannot be watched. */
function makeBits(addon: Addon, numbers: Record<AbiClass, readonly number[]>): BigUint64Array {
  const { compatAt, x32At, seenWords } = addon.layout
  const words = new BigUint64Array(seenWords)
  const ends = { native: compatAt, compat: x32At, x32: seenWords * 64 }
  for (const [abi, first] of Object.entries(firstBits(addon)) as [AbiClass, number][]) {
    for (const number of numbers[abi]) {
      const bit = first + number
      if (number < 0 || bit >= ends[abi]) continue
      words[bit >> 6] = (words[bit >> 6] ?? 0n) | (1n << BigInt(bit & 63))
    }
  }
  return words
}
