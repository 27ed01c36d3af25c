import type { Addon } from './addon.js'
import type { AbiClass, Deciding } from './types.js'

/** Where each ABI's numbers begin in a row of bits (native/shared/recorder.h). */
export function firstBits(addon: Addon): Record<AbiClass, number> {
  return { native: 0, compat: addon.layout.compatAt, x32: addon.layout.x32At }
}

/** Of the same object always the same: thousands of containers share a profile's. */
const bitsOf = new WeakMap<Record<AbiClass, readonly number[]>, BigUint64Array>()

export function toBits(addon: Addon, numbers: Record<AbiClass, readonly number[]>): BigUint64Array {
  const known = bitsOf.get(numbers) ?? makeBits(addon, numbers)
  bitsOf.set(numbers, known)
  return known
}

const placesOf = new WeakMap<Deciding, Uint32Array>()

/** Each number's place in that row of bits, then the arguments that decide. */
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

/** Numbers outside the table are left out: nothing that is not counted can be watched. */
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
