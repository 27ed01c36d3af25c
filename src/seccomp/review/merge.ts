import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { isSubset, type SyscallSet, unionSets } from '../../syscalls/syscall-set.js'

/**
 * The profile with more observed: `status.observed` grows by union and never shrinks, so repeats,
 * reordering and two hubs at once are harmless. The same object when nothing is new.
 */
export function mergeObserved(profile: SeccompProfile, observed: SyscallSet): SeccompProfile {
  const before = profile.status?.observed ?? {}
  if (isSubset(observed, before)) return profile
  return {
    ...profile,
    status: { ...profile.status, observed: unionSets(before, observed) }
  }
}
