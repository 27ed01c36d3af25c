import type { RevisionRef } from '../../../src/api/gen/hub.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import type { KnownNode, NodeState } from './node-state.js'
import type { FleetState } from './readiness.js'

/** KnownPod is a pod as the API server knows it. */
export interface KnownPod {
  namespace: string
  name: string
  owner: WorkloadRef
}

/** HubCluster is what a hub in a cluster knows besides its own satellites. A hub without it is always active. */
export interface HubCluster {
  /** Returns the whole fleet. @param own the nodes of this hub, which count while it is active */
  fleet(own: readonly NodeState[]): FleetState
  /** Returns whether this hub is the active one: it serves satellites, and only it writes. */
  isActive(): boolean
  /** Returns whether this hub could become the active one soon: it reaches the API server. */
  isCandidate(): boolean
  /** Returns `host:port` where satellites reach the active hub; undefined: it is this one, or not known. */
  activeAddress(): string | undefined
  /** Returns `host:port` of a replica that could become the active one soon; undefined: none is known but this one. */
  standbyAddress(): string | undefined
  /** Returns when the hub that was the active one before this one was last known to be; undefined: it stopped by itself. */
  lastSign(): string | undefined
  /** Returns since when no other hub was the active one: its last sign, or when it stopped; undefined: there was none. */
  vacantSince(): string | undefined
  /** Returns the nodes as the active hub, or the last one, reported them. @param paths of revisions that nodes may hold */
  reported(paths: Iterable<string>): readonly KnownNode[]
  /** Returns the revisions that pods refer to, wherever they run or may run. */
  referred(): Iterable<RevisionRef>
  podOf(uid: string): KnownPod | undefined
  /** Resolves when the other replicas can read which revisions the nodes hold, or when that could not be written. */
  announce(): Promise<void>
  /** Calls the listener when the fleet or the referred files changed, and when this hub became active or a standby. */
  onChange(listener: (what: 'fleet' | 'active' | 'standby') => void): () => void
}
