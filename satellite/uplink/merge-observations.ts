import type {
  AbiCounts,
  AbiNames,
  ArgumentValues,
  Observation,
  SyscallCount
} from '../../src/api/gen/hub.js'

/** The key of a count: denials are counted by ABI and action too. */
function keyOf({ name, action, detail }: SyscallCount): string {
  return `${name} ${detail?.abi ?? ''} ${action}`
}

/** Returns a count with the earliest first time that one of them has. */
function withFirst(count: SyscallCount, ...all: (SyscallCount | undefined)[]): SyscallCount {
  const [firstAt] = all.flatMap((one) => one?.detail?.firstAt ?? []).sort()
  if (firstAt === undefined || count.detail === undefined || count.detail.firstAt === firstAt)
    return count
  return { ...count, detail: { ...count.detail, firstAt } }
}

/** Whether one replaces what was known: it has more calls, or as many and a note that is not older. */
function isNewer(one: SyscallCount, before: SyscallCount): boolean {
  if (one.count !== before.count) return one.count > before.count
  return (one.detail?.at ?? '') >= (before.detail?.at ?? '')
}

/** Takes the higher count; of equal ones the one with the later note, which may have more details. */
function mergeCounts(
  left: readonly SyscallCount[],
  right: readonly SyscallCount[]
): SyscallCount[] {
  const byKey = new Map<string, SyscallCount>()
  for (const one of [...left, ...right]) {
    const before = byKey.get(keyOf(one))
    const newest = before === undefined || isNewer(one, before) ? one : before
    byKey.set(keyOf(one), withFirst(newest, before, one))
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, one]) => one)
}

function mergeNames(left: readonly AbiNames[], right: readonly AbiNames[]): AbiNames[] {
  const byAbi = new Map<string, Set<string>>()
  for (const { abi, names } of [...left, ...right]) {
    byAbi.set(abi, new Set([...(byAbi.get(abi) ?? []), ...names]))
  }
  return [...byAbi]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([abi, names]) => ({ abi, names: [...names].sort() }))
}

/** Merges by ABI, name and index. The hub decides when there are too many values. */
function mergeValues(
  left: readonly ArgumentValues[],
  right: readonly ArgumentValues[]
): ArgumentValues[] {
  const byKey = new Map<string, ArgumentValues>()
  for (const one of [...left, ...right]) {
    const key = `${one.abi} ${one.name} ${one.index}`
    const before = byKey.get(key)
    const many = one.many || before?.many === true
    const values = [...new Set([...(before?.values ?? []), ...one.values])]
    byKey.set(key, { ...one, many, values: many ? [] : values.sort(byValue) })
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}

function byValue(left: string, right: string): number {
  const [a, b] = [BigInt(left), BigInt(right)]
  return a < b ? -1 : a > b ? 1 : 0
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

/** The calls that an observation proves to be allowed. */
function provenIn({ abis, unproven }: Observation): Set<string> {
  const not = new Set(unproven.flatMap(({ abi, names }) => names.map((name) => `${abi} ${name}`)))
  const all = abis.flatMap(({ abi, syscalls }) => syscalls.map(({ name }) => `${abi} ${name}`))
  return new Set(all.filter((call) => !not.has(call)))
}

/** The calls that neither observation proves to be allowed. */
function mergeUnproven(left: Observation, right: Observation): AbiNames[] {
  if (left.unproven.length + right.unproven.length === 0) return []
  const proven = new Set([...provenIn(left), ...provenIn(right)])
  return mergeNames(left.unproven, right.unproven)
    .map(({ abi, names }) => ({ abi, names: names.filter((one) => !proven.has(`${abi} ${one}`)) }))
    .filter(({ names }) => names.length > 0)
}

function earlier(left: string, right: string): string {
  if (left === '' || right === '') return left + right
  return left < right ? left : right
}

/**
 * Merges two observations of one instance: the union of names with the higher counts, ended and complete if either
 * is. The container, and whatever else cannot be merged, comes from `newer`. This is needed when a satellite was
 * killed and starts to count again while its spool still has what it saw before.
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
    unproven: mergeUnproven(older, newer),
    revision: newer.revision === '' ? older.revision : newer.revision,
    firstSeen: earlier(older.firstSeen, newer.firstSeen),
    lastSeen: older.lastSeen < newer.lastSeen ? newer.lastSeen : older.lastSeen,
    arguments: mergeValues(older.arguments, newer.arguments),
    startup: mergeNames(older.startup, newer.startup),
    serving: mergeNames(older.serving, newer.serving),
    readyAt: earlier(older.readyAt, newer.readyAt),
    lost: Math.max(older.lost, newer.lost),
    events: [...new Set([...older.events, ...newer.events])]
  }
}
