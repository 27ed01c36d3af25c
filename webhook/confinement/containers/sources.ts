import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'
import type { Store } from '../../../src/store/store.js'
import type { ClusterContainer } from '../../hub/nodes/cluster-container.js'
import type { Hub } from '../../hub/hub.js'

/** What the cluster says of a pod; a `ClusterPod` of webhook/cluster fits. */
export interface PodView {
  namespace: string
  name: string
  labels: Labels
  owner: WorkloadRef
  /** Annotation `secco.dev/assigned`; empty without one. */
  assigned: string
  containers: readonly Pick<ClusterContainer, 'name' | 'kind'>[]
}

/** What everything in this folder reads from. All of it is in memory. */
export interface TruthSources {
  hub: Pick<
    Hub,
    | 'inventory'
    | 'sets'
    | 'denialRows'
    | 'profiles'
    | 'nodes'
    | 'node'
    | 'readiness'
    | 'onChange'
    | 'bytes'
  >
  store: Store
  profiles: () => readonly SeccompProfile[]
  onProfiles: (listener: () => void) => void
  snapshot: () => Snapshot
  /** @returns how to leave. */
  onSnapshot: (listener: () => void) => () => void
  /** By uid; undefined outside of a cluster and for pods that nobody knows. */
  pod: (uid: string) => PodView | undefined
  /** Calls back with the uid of each pod of which `pod` says something else now. @returns how to leave. */
  onPod: (listener: (uid: string) => void) => () => void
  /** Whether another replica of the hub says that the node is connected to it. */
  isElsewhere: (node: string) => boolean
  logger: Logger
  now: () => number
}
