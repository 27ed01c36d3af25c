import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { WorkloadRef } from '../../src/api/seccomp-profile.js'
import type { Logger } from '../../src/log.js'
import type { Labels } from '../../src/rules/selector.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Store } from '../../src/store/store.js'
import type { Hub } from '../hub/hub.js'

/** What the cluster says of a pod; a `ClusterPod` of webhook/cluster fits. */
export interface PodView {
  namespace: string
  name: string
  labels: Labels
  owner: WorkloadRef
  /** Annotation `secco.dev/assigned`; empty without one. */
  assigned: string
}

/** What everything in this folder reads from. All of it is in memory. */
export interface TruthSources {
  hub: Pick<Hub, 'inventory' | 'sets' | 'denialRows' | 'profiles' | 'nodes' | 'onChange' | 'bytes'>
  store: Store
  profiles: () => readonly SeccompProfile[]
  onProfiles: (listener: () => void) => void
  snapshot: () => Snapshot
  /** By uid; undefined outside of a cluster and for pods that nobody knows. */
  pod: (uid: string) => PodView | undefined
  logger: Logger
  now: () => number
}
