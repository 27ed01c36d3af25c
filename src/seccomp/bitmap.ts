import type { Abi } from './abi.js'
import { syscallName, syscallNumber } from './syscall-table.js'

/** Numbers beyond this are no syscall of any ABI: a longer text is cut there. */
const mostNumbers = 1024
const unnamed = /^syscall_(\d{1,4})$/

function numberOf(abi: Abi, name: string): number | undefined {
  const known = syscallNumber(abi, name)
  if (known !== undefined) return known
  const nr = Number(unnamed.exec(name)?.[1] ?? Number.NaN)
  return nr < mostNumbers ? nr : undefined
}

/**
 * Base64 of a bitmap over syscall numbers (x32 without bit 30), bit 0 of byte 0 first, no longer than
 * the highest number needs. `syscall_N` is number N; names that the ABI does not have are left out.
 */
export function encodeBitmap(abi: Abi, names: readonly string[]): string {
  const numbers = names.flatMap((name) => numberOf(abi, name) ?? [])
  const bytes = Buffer.alloc(numbers.length === 0 ? 0 : (Math.max(...numbers) >> 3) + 1)
  for (const nr of numbers) bytes[nr >> 3] = (bytes[nr >> 3] ?? 0) | (1 << (nr & 7))
  return bytes.toString('base64')
}

/** The names of a bitmap, sorted. Anything may be in the text: what is no base64 is skipped. */
export function decodeBitmap(abi: Abi, base64: string): string[] {
  const bytes = Buffer.from(base64, 'base64').subarray(0, mostNumbers >> 3)
  const names = new Set<string>()
  for (const [index, byte] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (1 << bit)) !== 0) names.add(syscallName(abi, index * 8 + bit))
    }
  }
  return [...names].sort()
}
