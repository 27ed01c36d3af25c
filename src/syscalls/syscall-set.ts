import type { Abi } from './abi.js'

/**
 * SyscallCounts has the number of calls per ABI and syscall name. Names are those of the syscall tables;
 * a number that no table has appears as `syscall_N`, so that nothing is dropped silently.
 */
export type SyscallCounts = Partial<Record<Abi, Record<string, number>>>

/** A set of syscall names per ABI, each list sorted (code-unit order) and without repetition. */
export type SyscallSet = Partial<Record<Abi, string[]>>

/** Returns the names that were counted at least once. */
export function setOfCounts(counts: SyscallCounts): SyscallSet {
  const set: SyscallSet = {}
  for (const [abi, byName] of Object.entries(counts) as [Abi, Record<string, number>][]) {
    const names = Object.keys(byName).filter((name) => (byName[name] ?? 0) > 0)
    if (names.length > 0) set[abi] = names.sort()
  }
  return set
}

/** Union of sets: commutative, associative, idempotent. The arguments are not changed. */
export function unionSets(...sets: readonly SyscallSet[]): SyscallSet {
  const merged = new Map<Abi, Set<string>>()
  for (const set of sets) {
    for (const [abi, names] of Object.entries(set) as [Abi, string[]][]) {
      const into = merged.get(abi) ?? new Set<string>()
      for (const name of names) into.add(name)
      merged.set(abi, into)
    }
  }
  const result: SyscallSet = {}
  for (const abi of [...merged.keys()].sort()) {
    const names = [...(merged.get(abi) ?? [])].sort()
    if (names.length > 0) result[abi] = names
  }
  return result
}

/** Returns the names that `left` has and `right` lacks, per ABI. */
export function subtractSets(left: SyscallSet, right: SyscallSet): SyscallSet {
  const result: SyscallSet = {}
  for (const [abi, names] of Object.entries(left) as [Abi, string[]][]) {
    const without = new Set(right[abi] ?? [])
    const rest = names.filter((name) => !without.has(name)).sort()
    if (rest.length > 0) result[abi] = rest
  }
  return result
}

/** True when `inner` has nothing that `outer` lacks. */
export function isSubset(inner: SyscallSet, outer: SyscallSet): boolean {
  return Object.keys(subtractSets(inner, outer)).length === 0
}

/** How many syscalls a set has over all its ABIs. */
export function sizeOfSet(set: SyscallSet): number {
  return Object.values(set).reduce((sum, names) => sum + names.length, 0)
}
