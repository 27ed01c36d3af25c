import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { decideCalls } from './decide-calls.js'

/** The calls that an approval would allow in total, and those that it would deny. */
export interface ProposedCalls {
  allow: readonly string[]
  deny?: readonly string[]
}

/**
 * Returns a profile as an approval would make it that nobody has given yet. Without any call it is what is approved already:
 * what was observed may be of an attacker, and nobody ticked it.
 */
export function proposedProfile(
  profile: SeccompProfile,
  { allow, deny = [] }: ProposedCalls
): SeccompProfile {
  return decideCalls(profile, { by: '', at: '', reason: '', allow, deny, whole: true })
}
