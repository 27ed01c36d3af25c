import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { sizeOfSet } from '../../syscalls/syscall-set.js'
import { servingSeen } from './evidence.js'

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
