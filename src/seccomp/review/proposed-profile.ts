import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { approveObserved } from './approve.js'
import { decideCalls } from './decide-calls.js'

/** The calls that an approval would allow in total, and those that it would deny. */
export interface ProposedCalls {
  allow: readonly string[]
  deny?: readonly string[]
}

/**
 * Returns a profile as an approval would make it that nobody has given yet. Without any call it is the approval of what was
 * observed, as far as RuntimeDefault allows that too.
 */
export function proposedProfile(
  profile: SeccompProfile,
  { allow, deny = [] }: ProposedCalls
): SeccompProfile {
  const decision = { by: '', at: '', reason: '' }
  return allow.length + deny.length === 0
    ? approveObserved(profile, { ...decision, beyondRuntimeDefault: 'skip' })
    : decideCalls(profile, { ...decision, allow, deny, whole: true })
}
