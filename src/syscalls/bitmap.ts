import type { Abi } from './abi.js'
import { syscallName, syscallNumber } from './syscall-table.js'

/** Numbers that a bitmap can hold: every table ends below 576 (x32), and an invented number must not make it long. */
export const mostNumbers = 1024

/** The number of a name, `syscall_N` for one that no table knows; undefined where the ABI has none. */
function numberOf(abi: Abi, name: string): number | undefined {
  const plain = /^syscall_(\d{1,4})$/.exec(name)?.[1]
  const nr = plain === undefined ? syscallNumber(abi, name) : Number(plain)
  return nr === undefined || nr >= mostNumbers ? undefined : nr
}

function encode(bytes: Uint8Array): string {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length -= 1
  return Buffer.from(bytes.subarray(0, length)).toString('base64')
}

/**
 * Names of one ABI as a bitmap over its numbers: bit `nr % 8` of byte `nr / 8`, trailing zero bytes cut,
 * in base64. Names that the ABI does not have are left out; no names give an empty text.
 */
export function toBitmap(abi: Abi, names: Iterable<string>): string {
  const bytes = new Uint8Array(mostNumbers / 8)
  for (const name of names) {
    const nr = numberOf(abi, name)
    if (nr !== undefined) bytes[nr >> 3] = (bytes[nr >> 3] ?? 0) | (1 << (nr & 7))
  }
  return encode(bytes)
}

/** The names of a bitmap, sorted by code unit. Bits beyond `mostNumbers` and what is no base64 are left out. */
export function fromBitmap(abi: Abi, bitmap: string): string[] {
  const bytes = Buffer.from(bitmap, 'base64').subarray(0, mostNumbers / 8)
  const names: string[] = []
  for (const [at, byte] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit += 1) {
      if ((byte & (1 << bit)) !== 0) names.push(syscallName(abi, at * 8 + bit))
    }
  }
  return names.sort()
}

/** Returns the union of two bitmaps: commutative, associative, idempotent. */
export function unionBitmaps(left: string, right: string): string {
  const bytes = new Uint8Array(mostNumbers / 8)
  for (const bitmap of [left, right]) {
    for (const [at, byte] of Buffer.from(bitmap, 'base64').entries()) {
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) | byte
    }
  }
  return encode(bytes)
}
