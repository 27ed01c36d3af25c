import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  learnedFrom,
  profileKey,
  type ProfileState,
  revisionPath,
  type RevisionState
} from '../../../src/rules/profile-state.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import { type FleetState, isReady } from '../../hub/nodes/readiness.js'
import { ladderOf } from '../../hub/revisions/ladder-state.js'

/**
 * Returns the states of profiles for the admission decision of replicas without a hub: the revisions come from the
 * profiles' status, and the nodes that lack them from the hubs' summaries.
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
    // A hub leaves out revisions without bytes; here their files are on no node.
    const modes = profile.spec.ladder
    const from = revisionOf(modes?.canary?.from.revision)
    const ladder = ladderOf(modes, revisionOf(modes?.revision), from)
    states.set(profileKey(namespace, name), {
      ...{ namespace, name, approved: profile.spec.seccomp !== undefined },
      ...learnedFrom(profile),
      ...(enforce === undefined ? {} : { enforce }),
      ...(audit === undefined ? {} : { audit }),
      ...(previous === undefined ? {} : { previous }),
      ...(ladder === undefined ? {} : { ladder })
    })
  }
  return states
}
