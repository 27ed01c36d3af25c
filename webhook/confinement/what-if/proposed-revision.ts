import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import {
  type ProposedCalls,
  proposedProfile
} from '../../../src/seccomp/review/proposed-profile.js'
import type { Confinement } from '../containers/confinement.js'

/**
 * Returns a profile as the hub would deliver it after an approval of these calls. It can have content of profiles that the
 * person who asks may not read: answers are about its effect. @throws SeccoError NOT_FOUND, INVALID_DOCUMENT
 */
export function proposedRevision(
  confinement: Confinement,
  key: string,
  calls: ProposedCalls
): LinuxSeccomp {
  const current = confinement.profile(key)
  if (current === undefined) throw new SeccoError('NOT_FOUND', `there is no profile ${key}`)
  const resolve = (namespace: string, name: string): SeccompProfile | undefined =>
    confinement.profile(`${namespace}/${name}`)
  try {
    const proposed = proposedProfile(current, calls)
    const fleet = confinement.sources.hub.rendering()
    return renderProfile(proposed, { ...fleet, mode: 'enforce', resolve }).seccomp
  } catch {
    throw new SeccoError('INVALID_DOCUMENT', `${key}: what is proposed cannot be rendered`, {
      hint: 'see why in the review of the profile'
    })
  }
}
