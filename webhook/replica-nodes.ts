import type { JoinedCluster } from './cluster/cluster.js'
import type { ClusterPod } from './cluster/watch/cluster-view.js'
import type { Hub } from './hub/hub.js'
import type { NodeState } from './hub/nodes/node-state.js'

/** ReplicaNodes is what the hub of this replica knows of the nodes. */
export class ReplicaNodes {
  readonly #hub: Hub | undefined
  readonly #cluster: JoinedCluster | undefined

  constructor({ hub, cluster }: { hub: Hub | undefined; cluster: JoinedCluster | undefined }) {
    this.#hub = hub
    this.#cluster = cluster
  }

  /**
   * Returns whether the node may report to another hub: this one is on standby, or the node has not connected since
   * this one became active. What was found on such a node still holds.
   */
  readonly isElsewhere = (name: string): boolean => {
    if (this.#cluster === undefined) return false
    if (!this.#cluster.isActive()) return true
    return this.#cluster.view.nodes().has(name) && this.#hub?.node(name)?.inherited === true
  }

  /** Returns a running pod. Looked up only for an error or a test of a pod, so that the pods need no index by name. */
  readonly podNamed = (namespace: string, name: string): ClusterPod | undefined => {
    for (const pod of this.#cluster?.view.pods().values() ?? []) {
      if (pod.namespace === namespace && pod.name === name) return pod
    }
    return undefined
  }

  readonly own = (): NodeState[] => this.#hub?.nodes() ?? []

  /** Returns how many nodes have not connected since this hub became active. */
  readonly awaited = (): number =>
    this.own().filter(({ name, connected }) => !connected && this.isElsewhere(name)).length
}
