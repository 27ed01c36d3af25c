import { addressFamilies, decidingCalls } from './deciding-calls.js'

/** The arguments of denied calls whose values are not kept: a program may try very many. */
export const otherArguments = '?'

const familyNames: ReadonlyMap<bigint, string> = new Map(
  Object.entries(addressFamilies).map(([name, value]) => [BigInt(value), name])
)

/** Smaller values are mostly enumerated, and greater ones flags and requests. */
const leastHex = 256n

/** Returns a condition on one argument as people write it: `domain=AF_ALG`, `flags=0x10000000`. */
export function argumentWord(syscall: string, index: number, value: bigint): string {
  const known = decidingCalls.get(syscall)?.arguments.find((one) => one.index === index)
  const name = known?.name ?? String(index)
  const family = name === 'domain' ? familyNames.get(value) : undefined
  return `${name}=${family ?? (value < leastHex ? String(value) : `0x${value.toString(16)}`)}`
}
