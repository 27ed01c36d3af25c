import { type Abi, abis } from './abi.js'
import { syscallTables } from './gen/syscalls.js'

/** x32 calls carry this bit in the register; tables and this module count without it. */
const x32Bit = 0x40000000

const numberOf = new Map<Abi, ReadonlyMap<string, number>>(
  abis.map((abi) => [abi, new Map(Object.entries(syscallTables[abi]))])
)
const nameOf = new Map<Abi, ReadonlyMap<number, string>>(
  abis.map((abi) => [
    abi,
    new Map(Object.entries(syscallTables[abi]).map(([name, nr]) => [nr, name]))
  ])
)
const known = new Set(abis.flatMap((abi) => Object.keys(syscallTables[abi])))

/** The kernel's name of a number, `syscall_N` when no table knows it (nothing is dropped silently). */
export function syscallName(abi: Abi, nr: number): string {
  const plain = abi === 'x32' && nr >= x32Bit ? nr - x32Bit : nr
  return nameOf.get(abi)?.get(plain) ?? `syscall_${plain}`
}

/** An ABI's names as they are sorted, by code unit, and the place of each number's among them; -1: it has no name. */
interface NameOrder {
  names: readonly string[]
  rankOf: Int16Array
}

const orders = new Map<Abi, NameOrder>()

export function nameOrder(abi: Abi): NameOrder {
  const known = orders.get(abi)
  if (known !== undefined) return known
  const named = [...(nameOf.get(abi) ?? [])].sort(([, left], [, right]) => (left < right ? -1 : 1))
  const names = named.map(([, name]) => name)
  const rankOf = new Int16Array(Math.max(-1, ...named.map(([nr]) => nr)) + 1).fill(-1)
  named.forEach(([nr], rank) => (rankOf[nr] = rank))
  const made = { names, rankOf }
  orders.set(abi, made)
  return made
}

/** The number of a name in an ABI (x32 without bit 30); undefined where that ABI has no such call. */
export function syscallNumber(abi: Abi, name: string): number | undefined {
  return numberOf.get(abi)?.get(name)
}

/** True when at least one ABI has a call of this name. Only such names are ever emitted. */
export function isKnownSyscall(name: string): boolean {
  return known.has(name)
}

/** Every name of any ABI, sorted by code unit. */
export const knownSyscalls: readonly string[] = [...known].sort()

/** Returns whether at least one of the ABIs has a syscall of this name. */
export function existsOn(abis: readonly Abi[], name: string): boolean {
  return abis.some((abi) => syscallNumber(abi, name) !== undefined)
}
