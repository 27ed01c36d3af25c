import type { SeccompProfile, SeccompProfileStatus } from '../../../src/api/seccomp-profile.js'
import type { Resolve } from '../../../src/seccomp/render/approved.js'
import { approvedStartRisk, isRisky } from '../../../src/seccomp/review/start-risk.js'

/**
 * Returns the mode that the label `secco.dev/profile` gives while a profile has no ladder: audit from the first approval until a
 * start under what is approved is not known to fail, or a person enforces it; undefined means enforce.
 *
 * A profile that was enforced by its label once stays so, whatever is recorded later: otherwise a container of a new image
 * could loosen what it runs under.
 */
export function labelModeOf(
  profile: SeccompProfile,
  resolve: Resolve
): SeccompProfileStatus['labelMode'] {
  const { spec, status = {} } = profile
  const isEnforced = status.revision !== undefined && status.labelMode === undefined
  const { mode, canary } = spec.ladder ?? {}
  // A canary may go back.
  const isDecided = mode === 'enforce' && canary === undefined
  if (isEnforced || isDecided) return undefined
  return isRisky(approvedStartRisk(profile, resolve)) ? 'audit' : undefined
}
