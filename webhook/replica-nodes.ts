import type { JoinedCluster } from './cluster/cluster.js'
import { expectedNodes } from './cluster/replicas/cluster-fleet.js'
import type { ClusterPod } from './cluster/watch/cluster-view.js'
import type { ExpectedNodes } from './confinement/containers/sources.js'
import type { Hub } from './hub/hub.js'
import type { NodeState } from './hub/nodes/node-state.js'

interface ReplicaNodesOptions {
  hub: Hub | undefined
  cluster: JoinedCluster | undefined
  /** Outside a cluster: the node of a satellite that is started together with this hub. */
  ownNode?: string | undefined
}

/** Returns a node of which no hub has reported anything. */
function unheardNode(name: string): NodeState {
  return {
    ...{ name, connected: false, lastSeen: '', bootId: '', version: '', status: undefined },
    ...{ holding: new Set(), problems: new Map() }
  }
}

/** ReplicaNodes is what the hub of this replica knows of the nodes, and which nodes there should be. */
export class ReplicaNodes {
  readonly #hub: Hub | undefined
  readonly #cluster: JoinedCluster | undefined
  readonly #ownNode: string | undefined
  /** Nodes that were removed from the cluster while this replica ran. */
  readonly #removed = new Set<string>()

  constructor({ hub, cluster, ownNode }: ReplicaNodesOptions) {
    this.#hub = hub
    this.#cluster = cluster
    this.#ownNode = ownNode
    cluster?.view.onChange((change) => {
      if (change.kind !== 'node') return
      if (change.after === undefined) this.#removed.add(change.name)
      else this.#removed.delete(change.name)
    })
  }

  /**
   * Returns whether the node may report to another hub: this one is on standby, or the node has not connected since
   * this one became active. What was found on such a node still holds.
   */
  readonly isElsewhere = (name: string): boolean => {
    if (this.#cluster === undefined) return false
    if (!this.#cluster.isActive()) return true
    const known = this.#hub?.node(name)
    return this.#cluster.view.nodes().has(name) && (known === undefined || known.inherited === true)
  }

  /** Returns a running pod. Looked up only for an error or a test of a pod, so that the pods need no index by name. */
  readonly podNamed = (namespace: string, name: string): ClusterPod | undefined => {
    for (const pod of this.#cluster?.view.pods().values() ?? []) {
      if (pod.namespace === namespace && pod.name === name) return pod
    }
    return undefined
  }

  readonly own = (): NodeState[] => this.#hub?.nodes() ?? []

  /** Returns the nodes that the hub knows, and those that should report and never did, by name. */
  readonly all = (): NodeState[] => {
    const own = this.own().filter((node) => node.connected || !this.expected.isRemoved(node))
    const known = new Set(own.map(({ name }) => name))
    const unheard = [...this.expected.names()].filter((name) => !known.has(name)).map(unheardNode)
    return unheard.length === 0
      ? own
      : [...own, ...unheard].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  readonly expected: ExpectedNodes = {
    names: () => {
      if (this.#cluster !== undefined) return expectedNodes(this.#cluster.view)
      return this.#ownNode === undefined ? [] : [this.#ownNode]
    },
    isRemoved: ({ name, inherited }) => {
      if (this.#cluster === undefined || this.#cluster.view.nodes().has(name)) return false
      // A machine outside the cluster has no Node object, and is one of the nodes all the same.
      return inherited === true || this.#removed.has(name)
    },
    hasPod: (node, sees) =>
      this.#cluster?.view.podsOn(node).some(({ namespace }) => sees(namespace)) === true
  }
}
