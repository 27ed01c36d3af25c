import { type Abi, abis } from '../../syscalls/abi.js'
import type { SyscallSet } from '../../syscalls/syscall-set.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** TraceDenial is a call of a trace that its filter denied, or that audit logged. */
export interface TraceDenial {
  syscall: string
  action: string
  count: number
}

/** Returns how often each call of a trace was denied. A call that audit only logged succeeded: it is not one of them. */
export function deniedTimes(denied: readonly TraceDenial[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { syscall, action, count } of denied) {
    if (action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_ALLOW') continue
    times.set(syscall, count + (times.get(syscall) ?? 0))
  }
  return times
}

/**
 * Returns what a profile learns from a trace: its calls without those that a filter denied. Whoever attacks a container
 * makes calls that it does not need, and nobody must be asked to approve them.
 */
export function keptOfTrace(
  calls: Iterable<{ abi: string; name: string }>,
  denied: readonly TraceDenial[]
): SyscallSet {
  const times = deniedTimes(denied)
  const kept: SyscallSet = {}
  for (const { abi, name } of calls) {
    const known = abis.find((each): each is Abi => each === abi)
    if (known === undefined || times.has(name) || !isKnownSyscall(name)) continue
    ;(kept[known] ??= []).push(name)
  }
  for (const names of Object.values(kept)) names.sort()
  return kept
}

/** Returns in words how many of the calls that a trace counted were denied; empty where none was. */
export const ofThemDenied = (denied: number): string =>
  denied === 0 ? '' : `${denied} of them denied`
