import type { SeccompProfile } from '../../api/seccomp-profile.js'
import type { Abi } from '../../syscalls/abi.js'
import { fromBitmap } from '../../syscalls/bitmap.js'
import { subtractSets, type SyscallSet, unionSets } from '../../syscalls/syscall-set.js'
import { entryInstances } from './counted-instances.js'
import { servingSeen } from './evidence.js'

/** Returns what instances used that were first seen late: nobody knows whether that was before they were ready. */
function ofUnknownPhase(profile: SeccompProfile): SyscallSet {
  const late = entryInstances(profile).filter(({ complete }) => !complete)
  return unionSets(
    ...late.map(({ observed = {} }) =>
      Object.fromEntries(
        (Object.entries(observed) as [Abi, string][]).map(([abi, bits]) => [
          abi,
          fromBitmap(abi, bits)
        ])
      )
    )
  )
}

/**
 * Returns the syscalls that were made before instances were ready and not afterwards, as far as that is known; undefined
 * while no instance was seen both to start and to serve.
 */
export function startupOnly(profile: SeccompProfile): SyscallSet | undefined {
  const { startup, serving } = profile.status ?? {}
  // A program that only was old enough to count as ready may not have begun its work.
  if (serving === undefined || startup === undefined || !servingSeen(profile)) return undefined
  return subtractSets(startup, unionSets(serving, ofUnknownPhase(profile)))
}
