import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Placement } from '../../../src/rules/placement.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'
import type { Store } from '../../../src/store/store.js'
import type { ClusterContainer } from '../../hub/nodes/cluster-container.js'
import type { NodeState } from '../../hub/nodes/node-state.js'
import type { Hub } from '../../hub/hub.js'

/** PodView is the part of a `ClusterPod` (webhook/cluster) that this folder reads. */
export interface PodView {
  namespace: string
  name: string
  labels: Labels
  owner: WorkloadRef
  /** Annotation `secco.dev/assigned`; empty without one. */
  assigned: string
  /** RFC 3339. */
  createdAt?: string
  /** What it demands of its nodes; undefined: nothing. */
  placement?: Placement
  containers: readonly ClusterContainer[]
  /** Empty until the pod is scheduled. */
  node?: string
  /** Secco decides nothing about it: a mirror pod or a Windows pod. */
  exempt?: true
}

/** BypassedContainer is a container of a pod that waits to start, stored without what an enforcing rule gives it. */
export interface BypassedContainer {
  namespace: string
  pod: string
  podUid: string
  /** Empty until the pod is scheduled. */
  node: string
  name: string
  image: string
  workload: WorkloadRef
  labels: Labels
  /** RFC 3339. */
  createdAt: string
  rule: string
  message: string
}

/** ExpectedNodes is which nodes should report what runs there, whether or not the hub has ever heard of them. */
export interface ExpectedNodes {
  names(): Iterable<string>
  /** Returns whether a node that the hub knows was removed from the cluster. */
  isRemoved(node: Pick<NodeState, 'name' | 'inherited'>): boolean
  /** Returns whether a pod of a namespace that `sees` accepts is placed on the node. */
  hasPod(node: string, sees: (namespace: string) => boolean): boolean
}

/** ConfinementSources is what webhook/confinement reads from. All of it is in memory. */
export interface ConfinementSources {
  hub: Pick<
    Hub,
    | 'inventory'
    | 'denials'
    | 'sets'
    | 'denialRows'
    | 'history'
    | 'profiles'
    | 'nodes'
    | 'node'
    | 'readiness'
    | 'rendering'
    | 'onChange'
    | 'bytes'
  >
  store: Store
  profiles: () => readonly SeccompProfile[]
  onProfiles: (listener: () => void) => void
  snapshot: () => Snapshot
  /** Returns how to stop. */
  onSnapshot: (listener: () => void) => () => void
  /** Returns a pod by its uid; undefined outside of a cluster and for unknown pods. */
  pod: (uid: string) => PodView | undefined
  /** Calls back with the uid of each pod for which `pod` returns something else now. Returns how to stop. */
  onPod: (listener: (uid: string) => void) => () => void
  /** Returns the containers that wait to start and that an enforcing rule should have given more; none outside of a cluster. */
  bypassed: () => readonly BypassedContainer[]
  /** Calls back when `bypassed` may return something else, apart from changes of the snapshot. Returns how to stop. */
  onBypassed: (listener: () => void) => () => void
  /** Returns whether the node has not connected since this hub is active: what was found on it still holds. */
  isElsewhere: (node: string) => boolean
  /** Default: the nodes that the hub knows. */
  expected?: ExpectedNodes
  /** Whether the objects are in the API of a cluster, so that kubectl can change them. */
  inCluster: boolean
  logger: Logger
  now: () => number
}
