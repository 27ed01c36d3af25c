import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import {
  profileKey,
  type ProfileState,
  revisionPath,
  type RevisionState
} from '../../src/rules/profile-state.js'
import { isEmergency } from '../../src/seccomp/emergency.js'
import { type FleetState, isReady } from '../hub/readiness.js'

/**
 * What the admission decision knows of profiles, from the API's objects alone: which revisions there
 * are is in the profiles' status, who lacks them in the hubs' summaries. For replicas without a hub.
 */
export function apiStates(
  profiles: readonly SeccompProfile[],
  fleet: FleetState
): Map<string, ProfileState> {
  const states = new Map<string, ProfileState>()
  for (const profile of profiles) {
    if (isEmergency(profile)) continue
    const { namespace = '', name } = profile.metadata
    const { status } = profile
    const revisionOf = (digest: string | undefined): RevisionState | undefined => {
      if (digest === undefined) return undefined
      const path = revisionPath(namespace, name, digest)
      const readiness = fleet.readiness(path)
      const { lacking } = readiness
      const ready = isReady(readiness)
      return { digest, path, ready, ...(lacking === undefined ? {} : { lacking }) }
    }
    const enforce = revisionOf(status?.revision)
    const audit = revisionOf(status?.auditRevision)
    const previous = revisionOf(status?.previousRevision)
    states.set(profileKey(namespace, name), {
      ...{ namespace, name, approved: profile.spec.seccomp !== undefined },
      ...(enforce === undefined ? {} : { enforce }),
      ...(audit === undefined ? {} : { audit }),
      ...(previous === undefined ? {} : { previous })
    })
  }
  return states
}
