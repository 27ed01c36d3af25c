import type { JoinedCluster } from './cluster/cluster.js'
import type { Hub } from './hub/hub.js'
import type { NodeState } from './hub/nodes/nodes.js'

/** ReplicaNodes divides the nodes among the replicas: a node belongs to the hub that it is connected to. */
export class ReplicaNodes {
  readonly #hub: Hub | undefined
  readonly #cluster: JoinedCluster | undefined

  constructor({ hub, cluster }: { hub: Hub | undefined; cluster: JoinedCluster | undefined }) {
    this.#hub = hub
    this.#cluster = cluster
  }

  readonly isElsewhere = (name: string): boolean => this.#cluster?.isElsewhere(name) === true

  /**
   * Returns where a pod is, and the other hub that its node is connected to. Looked up only for an error, so that the
   * pods need no index by name.
   */
  readonly podAt = (
    namespace: string,
    name: string
  ): { node: string; hub: string | undefined } | undefined => {
    for (const pod of this.#cluster?.view.pods().values() ?? []) {
      if (pod.namespace !== namespace || pod.name !== name || pod.node === '') continue
      return { node: pod.node, hub: this.#cluster?.hub?.hubOf?.(pod.node) }
    }
    return undefined
  }

  /** Returns the nodes of this replica; a disconnected node that another hub has is that hub's. */
  readonly own = (): NodeState[] =>
    this.#hub?.nodes().filter(({ name, connected }) => connected || !this.isElsewhere(name)) ?? []

  /** Returns how many nodes only other replicas have. */
  readonly elsewhere = (): number => {
    const here = new Set(this.own().flatMap(({ name, connected }) => (connected ? [name] : [])))
    const all = [...(this.#cluster?.view.nodes().keys() ?? [])]
    return all.filter((name) => !here.has(name) && this.isElsewhere(name)).length
  }
}
