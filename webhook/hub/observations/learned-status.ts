import type { SeccompProfile, SeccompProfileStatus } from '../../../src/api/seccomp-profile.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { mergeArguments, sameArguments } from '../../../src/seccomp/arguments/merge-arguments.js'
import { isSubset, type SyscallSet, unionSets } from '../../../src/syscalls/syscall-set.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import type { ObservationFinding, Part } from './read-observation.js'

type SetField = 'observed' | 'probes' | 'sessions' | 'startup' | 'serving'

/** Names of one ABI that no table has: there are few syscalls newer than the tables, but a flood of inventions is large. */
const mostUnknown = 2048

/** Limits unknown names: those of a broken satellite must not fill a profile until it cannot be stored. */
function bounded(set: SyscallSet, before: SyscallSet): SyscallSet {
  const result: SyscallSet = {}
  for (const [abi, names] of Object.entries(set) as [Abi, string[]][]) {
    const unknown = names.filter((name) => !isKnownSyscall(name))
    if (unknown.length === 0) {
      result[abi] = names
      continue
    }
    const known = new Set((before[abi] ?? []).filter((name) => !isKnownSyscall(name)))
    for (const name of unknown) if (known.size < mostUnknown) known.add(name)
    result[abi] = names.filter((name) => isKnownSyscall(name) || known.has(name))
  }
  return result
}

function grown(
  status: SeccompProfileStatus,
  field: SetField,
  set: SyscallSet
): SeccompProfileStatus {
  const before = status[field] ?? {}
  const more = bounded(set, before)
  return isSubset(more, before) ? status : { ...status, [field]: unionSets(before, more) }
}

/** Returns whether this part of a container goes into `status.observed`: probes do by default, sessions by choice. */
export function isLearnedPart(spec: SeccompProfile['spec'], part: Part): boolean {
  if (part === 'probe') return spec.learn?.probes !== false
  return part === 'entry' || spec.learn?.sessions === true
}

/**
 * Returns the status with one finding merged in. Everything grows by union, so order, repeats and a second hub change
 * nothing. Sets of sessions and probes are also kept apart, so that a later choice includes what was seen before.
 * Returns the same object when there is nothing new.
 */
export function withLearned(
  spec: SeccompProfile['spec'],
  before: SeccompProfileStatus,
  finding: ObservationFinding
): SeccompProfileStatus {
  let status = before
  if (finding.part === 'probe') status = grown(status, 'probes', finding.set)
  if (finding.part === 'session') status = grown(status, 'sessions', finding.set)
  if (finding.part === 'entry') status = grown(status, 'observed', finding.set)
  if (isLearnedPart(spec, 'probe')) status = grown(status, 'observed', status.probes ?? {})
  if (isLearnedPart(spec, 'session')) status = grown(status, 'observed', status.sessions ?? {})
  status = grown(status, 'startup', finding.startup)
  status = grown(status, 'serving', finding.serving)
  if (!isLearnedPart(spec, finding.part) || finding.arguments.length === 0) return status
  const known = status.arguments ?? []
  const all = mergeArguments(known, finding.arguments)
  return sameArguments(all, known) ? status : { ...status, arguments: all }
}
