import type { AbiCounts, Losses, Observation, SyscallCount } from '../../src/api/gen/hub.js'
import { sinceText } from '../../src/confinement/since-text.js'

/** What `secco trace -o json` prints: scripts rely on exactly this shape (DESIGN, "Interfaces"). */
export interface TraceReport {
  container: string
  /** Recorded from the first instruction to the end, and nothing was lost. */
  complete: boolean
  /** Why it is not complete; only where it is not. */
  incomplete?: string
  /** Calls and containers that could not be counted. */
  lost: number
  /** ABI → syscall → exact number of calls, of the parts that go into a profile: the entry point and probes. */
  abis: Record<string, Record<string, number>>
  denied: { syscall: string; action: string; count: number }[]
  /**
   * Processes that an exec started in the container: `probe` (no terminal; in `abis` as well) and `session` (with a
   * terminal; not in `abis`). Only the parts that were seen.
   */
  parts: Partial<Record<'probe' | 'session', Record<string, Record<string, number>>>>
}

/** Returns how many calls and containers a trace lacks. */
export function lostIn(counted: Pick<Losses, 'tableFull' | 'recursionMisses'> | undefined): number {
  return counted === undefined ? 0 : counted.tableFull + counted.recursionMisses
}

/** TraceEnds are the facts that decide whether a trace is complete. */
interface TraceEnds {
  lost: number
  /** Processes that the command left behind. */
  remaining?: number
  /** Something was counted. */
  seen: boolean
  /** Every part was counted from its first instruction. */
  fromStart: boolean
}

/** Returns whether a trace is complete, or why it is not. */
export function completenessOfTrace(ends: TraceEnds): { complete: boolean; incomplete?: string } {
  const { lost, remaining = 0, seen, fromStart } = ends
  const why = [
    ...(lost > 0 ? ['something was lost'] : []),
    ...(seen ? [] : ['nothing was counted']),
    ...(seen && !fromStart ? [sinceText(false)] : []),
    ...(remaining > 0 ? ['processes that it left behind still run'] : [])
  ]
  return why.length === 0 ? { complete: true } : { complete: false, incomplete: why.join(', ') }
}

/** By default a profile is learned from the entry point and from probes, not from people's sessions. */
export function isLearned({ part }: Pick<Observation, 'part'>): boolean {
  return part !== 'session'
}

/** Adds up counts of the same ABI and name. */
export function sumAbis(
  parts: readonly (readonly AbiCounts[])[]
): Record<string, Record<string, number>> {
  const total = new Map<string, Map<string, number>>()
  for (const { abi, syscalls } of parts.flat()) {
    const byName = total.get(abi) ?? new Map<string, number>()
    total.set(abi, byName)
    for (const { name, count } of syscalls) byName.set(name, (byName.get(name) ?? 0) + count)
  }
  const sorted = <T>(map: Map<string, T>): [string, T][] =>
    [...map].sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(
    sorted(total).map(([abi, byName]) => [abi, Object.fromEntries(sorted(byName))])
  )
}

/** False for denials on purpose, in every container: RuntimeDefault's clone3 and the like. */
function isReported({ detail }: SyscallCount): boolean {
  return detail?.expected !== true
}

function sumDenied(parts: readonly (readonly SyscallCount[])[]): TraceReport['denied'] {
  const total = new Map<string, { syscall: string; action: string; count: number }>()
  for (const { name, action, count } of parts.flat().filter(isReported)) {
    const key = `${name} ${action}`
    const known = total.get(key)
    if (known === undefined) total.set(key, { syscall: name, action, count })
    else known.count += count
  }
  return [...total.values()].sort(
    (left, right) => right.count - left.count || (left.syscall < right.syscall ? -1 : 1)
  )
}

function partsOf(observations: readonly Observation[]): TraceReport['parts'] {
  const parts: TraceReport['parts'] = {}
  for (const part of ['probe', 'session'] as const) {
    const own = observations.filter((one) => one.part === part)
    if (own.length > 0) parts[part] = sumAbis(own.map((one) => one.abis))
  }
  return parts
}

/** Makes one report from all observations of a container: each mount namespace inside it has its own. */
export function reportOf(
  container: string,
  observations: readonly Observation[],
  lost: number
): TraceReport {
  return {
    container,
    ...completenessOfTrace({
      lost,
      seen: observations.length > 0,
      fromStart: observations.every((one) => one.complete)
    }),
    lost,
    abis: sumAbis(observations.filter(isLearned).map((one) => one.abis)),
    denied: sumDenied(observations.map((one) => one.denied)),
    parts: partsOf(observations)
  }
}
