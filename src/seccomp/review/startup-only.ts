import type { SeccompProfile } from '../../api/seccomp-profile.js'
import type { Abi } from '../../syscalls/abi.js'
import { fromBitmap } from '../../syscalls/bitmap.js'
import { sizeOfSet, subtractSets, type SyscallSet, unionSets } from '../../syscalls/syscall-set.js'
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

/** Returns what is known of the phase of serving, in the words of pages and commands: the evidence decides whether it was seen. */
export function servingText(profile: SeccompProfile): string {
  const { serving } = profile.status ?? {}
  const isSeen = servingSeen(profile)
  if (serving === undefined) return isSeen ? 'seen; its syscalls are not recorded' : 'not seen'
  const size = sizeOfSet(serving)
  return isSeen ? String(size) : `not seen; ${size} after its first seconds`
}

/** Returns how many syscalls belong to start-up only, in the same words everywhere. @param early from `startupOnly` */
export function startupOnlyText(early: Parameters<typeof sizeOfSet>[0] | undefined): string {
  return early === undefined ? 'not known yet' : String(sizeOfSet(early))
}
