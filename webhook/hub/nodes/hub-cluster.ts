import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import type { NodeState } from './nodes.js'
import type { FleetState } from './readiness.js'

/** A pod as the API server knows it. */
export interface KnownPod {
  namespace: string
  name: string
  owner: WorkloadRef
}

/** What a hub in a cluster knows beside its own satellites. Without one it is alone, and writes. */
export interface HubCluster {
  /** The whole fleet: its own satellites, those of other hubs, and nodes that have none. */
  fleet(own: readonly NodeState[]): FleetState
  /** One hub of all writes verdicts, approvals by policy and events; the others stand by. */
  mayWrite(): boolean
  /** Revisions that pods refer to, wherever they (may) run. */
  referred(): Iterable<RevisionRef>
  /** Whether another hub says that the node is connected to it. */
  isElsewhere(node: string): boolean
  podOf(uid: string): KnownPod | undefined
  /** Told when other parts of the fleet or the referred files changed, or this hub became the writer. */
  onChange(listener: (what: 'fleet' | 'writer') => void): () => void
}
