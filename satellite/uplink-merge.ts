import type { AbiCounts, Observation, SyscallCount } from '../src/api/gen/hub.js'

function mergeCounts(
  left: readonly SyscallCount[],
  right: readonly SyscallCount[]
): SyscallCount[] {
  const byName = new Map<string, SyscallCount>()
  for (const one of [...left, ...right]) {
    const before = byName.get(one.name)
    if (before === undefined || one.count > before.count) byName.set(one.name, one)
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function mergeAbis(left: readonly AbiCounts[], right: readonly AbiCounts[]): AbiCounts[] {
  const byAbi = new Map<string, SyscallCount[]>()
  for (const { abi, syscalls } of [...left, ...right]) {
    byAbi.set(abi, mergeCounts(byAbi.get(abi) ?? [], syscalls))
  }
  return [...byAbi]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([abi, syscalls]) => ({ abi, syscalls }))
}

function earlier(left: string, right: string): string {
  if (left === '' || right === '') return left + right
  return left < right ? left : right
}

/**
 * Two observations of one instance as one that says everything either says: names by union with the
 * higher count, ended and complete when either is. `newer` gives the container and what else has no
 * order. Needed when a satellite that was killed begins to count anew while its spool still holds
 * what it saw before.
 */
export function mergeObservations(older: Observation, newer: Observation): Observation {
  return {
    ...newer,
    sequence: Math.max(older.sequence, newer.sequence),
    complete: older.complete || newer.complete,
    ended: older.ended || newer.ended,
    filtered: older.filtered || newer.filtered,
    abis: mergeAbis(older.abis, newer.abis),
    denied: mergeCounts(older.denied, newer.denied),
    revision: newer.revision === '' ? older.revision : newer.revision,
    firstSeen: earlier(older.firstSeen, newer.firstSeen),
    lastSeen: older.lastSeen < newer.lastSeen ? newer.lastSeen : older.lastSeen
  }
}
