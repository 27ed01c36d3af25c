import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import type { NodeState } from './nodes.js'
import type { FleetState } from './readiness.js'

/** KnownPod is a pod as the API server knows it. */
export interface KnownPod {
  namespace: string
  name: string
  owner: WorkloadRef
}

/** HubCluster is what a hub in a cluster knows besides its own satellites. A hub without it is alone, and writes. */
export interface HubCluster {
  /** Returns the whole fleet: this hub's satellites, those of other hubs, and nodes without one. */
  fleet(own: readonly NodeState[]): FleetState
  /** Returns whether this hub is the one that writes statuses, approvals by policy and events. */
  mayWrite(): boolean
  /** Returns the revisions that pods refer to, wherever they run or may run. */
  referred(): Iterable<RevisionRef>
  /** Returns whether another hub reports that the node is connected to it. */
  isElsewhere(node: string): boolean
  /** Returns the name of the other hub that the node is connected to. */
  hubOf?(node: string): string | undefined
  podOf(uid: string): KnownPod | undefined
  /** Calls the listener when other parts of the fleet or the referred files changed, or this hub became the writer. */
  onChange(listener: (what: 'fleet' | 'writer') => void): () => void
}
