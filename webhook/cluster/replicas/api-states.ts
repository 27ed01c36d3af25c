import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  type LadderState,
  profileKey,
  type ProfileState,
  revisionPath,
  type RevisionState
} from '../../../src/rules/profile-state.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import { type FleetState, isReady } from '../../hub/nodes/readiness.js'

/** Returns the ladder of a profile. A hub leaves out revisions without bytes; here their files are on no node. */
function ladderOf(
  ladder: SeccompProfile['spec']['ladder'],
  revisionOf: (digest: string | undefined) => RevisionState | undefined
): LadderState | undefined {
  if (ladder === undefined) return undefined
  const { mode, canary } = ladder
  const revision = revisionOf(ladder.revision)
  const from = revisionOf(canary?.from.revision)
  return {
    mode,
    ...(revision === undefined ? {} : { revision }),
    ...(canary === undefined
      ? {}
      : {
          canary: {
            percent: canary.percent,
            from: { mode: canary.from.mode, ...(from === undefined ? {} : { revision: from }) }
          }
        })
  }
}

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
    const ladder = ladderOf(profile.spec.ladder, revisionOf)
    states.set(profileKey(namespace, name), {
      ...{ namespace, name, approved: profile.spec.seccomp !== undefined },
      ...(enforce === undefined ? {} : { enforce }),
      ...(audit === undefined ? {} : { audit }),
      ...(previous === undefined ? {} : { previous }),
      ...(ladder === undefined ? {} : { ladder })
    })
  }
  return states
}
