import type { AbiCounts, Observation, SyscallCount } from '../src/api/gen/hub.js'
import type { SyscallSet } from '../src/seccomp/syscall-set.js'

/** What `secco trace -o json` prints: scripts rely on exactly this shape (DESIGN, "Interfaces"). */
export interface TraceReport {
  container: string
  /** Seen from the first instruction to the end, and nothing was lost. */
  complete: boolean
  /** Calls and containers that could not be counted. */
  lost: number
  /** ABI → syscall → exact number of calls. */
  abis: Record<string, Record<string, number>>
  denied: { syscall: string; action: string; count: number }[]
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

function sumDenied(parts: readonly (readonly SyscallCount[])[]): TraceReport['denied'] {
  const total = new Map<string, { syscall: string; action: string; count: number }>()
  for (const { name, action, count } of parts.flat()) {
    const key = `${name} ${action}`
    const known = total.get(key)
    if (known === undefined) total.set(key, { syscall: name, action, count })
    else known.count += count
  }
  return [...total.values()].sort(
    (left, right) => right.count - left.count || (left.syscall < right.syscall ? -1 : 1)
  )
}

/** One report from all observations of one container: its namespaces inside each have their own. */
export function reportOf(
  container: string,
  observations: readonly Observation[],
  lost: number
): TraceReport {
  return {
    container,
    complete: lost === 0 && observations.length > 0 && observations.every((one) => one.complete),
    lost,
    abis: sumAbis(observations.map((one) => one.abis)),
    denied: sumDenied(observations.map((one) => one.denied))
  }
}

/** The names per ABI, without what was denied by a filter: a profile need not allow that. */
export function learnedSet(report: TraceReport): SyscallSet {
  const denied = new Set(
    report.denied.filter(({ action }) => action !== 'SCMP_ACT_LOG').map(({ syscall }) => syscall)
  )
  return Object.fromEntries(
    Object.entries(report.abis).map(([abi, counts]) => [
      abi,
      Object.keys(counts).filter((name) => !denied.has(name))
    ])
  )
}
