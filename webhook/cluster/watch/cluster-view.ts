import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import type { ClusterContainer } from '../../hub/nodes/cluster-container.js'
import type { NodeFacts } from '../../../src/rules/node-facts.js'
import type { Placement } from '../../../src/rules/placement.js'
import type { Labels } from '../../../src/rules/selector.js'
import { Listeners } from '../../../src/lib/listeners.js'

/** ClusterPod is what Secco keeps of a pod (core/v1): no environment, no volumes, and only its own annotation. */
export interface ClusterPod {
  uid: string
  namespace: string
  name: string
  /** Empty until the pod is scheduled. */
  node: string
  labels: Labels
  /** Topmost owner: the Deployment behind a ReplicaSet, the CronJob behind a Job, or the pod itself. */
  owner: WorkloadRef
  containers: readonly ClusterContainer[]
  /** What it demands of its nodes; undefined: nothing. Pods that demand the same share it. */
  placement?: Placement
  /** Pending, Running, Succeeded, Failed, Unknown. */
  phase: string
  /** The annotation `secco.dev/assigned`, unparsed; empty without one. */
  assigned: string
  /** RFC 3339. */
  createdAt: string
  /** It is being deleted: none of its containers starts any more, also where its node is gone and cannot confirm that. */
  isDeleted?: true
  /** On a replica of the webhook: it gets reviews. */
  isReplicaReady?: true
  /** Secco decides nothing about it: a mirror pod or a Windows pod. */
  exempt?: true
}

/** ClusterNode is what Secco keeps of a node. */
export interface ClusterNode extends NodeFacts {
  uid: string
  /** RFC 3339. */
  createdAt: string
}

/** ClusterChange is one change. A deleted pod comes with its last state. */
export type ClusterChange =
  | { kind: 'pod'; uid: string; before?: ClusterPod; after?: ClusterPod }
  | { kind: 'node'; name: string; before?: ClusterNode; after?: ClusterNode }
  | { kind: 'namespace'; name: string; after?: Labels }

/** ClusterView holds pods, nodes and namespaces in memory. It makes no requests. */
export interface ClusterView {
  /** Existing pods, by uid. Empty where pods are not watched (admission only). */
  pods(): ReadonlyMap<string, ClusterPod>
  /** Returns an existing pod, or one that was deleted less than an hour ago: its observations arrive later. */
  pod(uid: string): ClusterPod | undefined
  podsOn(node: string): readonly ClusterPod[]
  /** By name. */
  nodes(): ReadonlyMap<string, ClusterNode>
  /** Labels by name of the namespace. */
  namespaces(): ReadonlyMap<string, Labels>
  /** Called after each change. Returns how to stop. */
  onChange(listener: (change: ClusterChange) => void): () => void
}

/** ClusterCache is a view that the informers, or a test, fill. */
interface ClusterCache extends ClusterView {
  putPod: (pod: ClusterPod) => void
  removePod: (uid: string) => void
  putNode: (node: ClusterNode) => void
  removeNode: (name: string) => void
  putNamespace: (name: string, labels: Labels) => void
  removeNamespace: (name: string) => void
}

const rememberMs = 3_600_000
/** At most this many deleted pods are remembered. */
const mostGone = 20_000

/** Returns an empty view. `now` in milliseconds. */
export function createClusterCache(now: () => number = Date.now): ClusterCache {
  const pods = new Map<string, ClusterPod>()
  const byNode = new Map<string, Map<string, ClusterPod>>()
  const gone = new Map<string, { pod: ClusterPod; at: number }>()
  const nodes = new Map<string, ClusterNode>()
  const namespaces = new Map<string, Labels>()
  const listeners = new Listeners<ClusterChange>()
  const notify = (change: ClusterChange): void => listeners.notify(change)

  function unplace({ uid, node }: ClusterPod): void {
    const there = byNode.get(node)
    there?.delete(uid)
    if (there?.size === 0) byNode.delete(node)
  }

  function place(pod: ClusterPod): void {
    if (pod.node === '') return
    const there = byNode.get(pod.node) ?? new Map<string, ClusterPod>()
    byNode.set(pod.node, there.set(pod.uid, pod))
  }

  function forgetOld(): void {
    for (const [uid, { at }] of gone) {
      if (gone.size <= mostGone && now() - at < rememberMs) return
      gone.delete(uid)
    }
  }

  return {
    pods: () => pods,
    pod(uid) {
      const known = pods.get(uid)
      if (known !== undefined) return known
      const left = gone.get(uid)
      return left !== undefined && now() - left.at < rememberMs ? left.pod : undefined
    },
    podsOn: (node) => [...(byNode.get(node)?.values() ?? [])],
    nodes: () => nodes,
    namespaces: () => namespaces,
    onChange: listeners.add,
    putPod(pod) {
      const before = pods.get(pod.uid)
      if (before !== undefined) unplace(before)
      pods.set(pod.uid, pod)
      gone.delete(pod.uid)
      place(pod)
      notify({ kind: 'pod', uid: pod.uid, after: pod, ...(before && { before }) })
    },
    removePod(uid) {
      const before = pods.get(uid)
      if (before === undefined) return
      pods.delete(uid)
      unplace(before)
      gone.set(uid, { pod: before, at: now() })
      forgetOld()
      notify({ kind: 'pod', uid, before })
    },
    putNode(node) {
      const before = nodes.get(node.name)
      nodes.set(node.name, node)
      notify({ kind: 'node', name: node.name, after: node, ...(before && { before }) })
    },
    removeNode(name) {
      const before = nodes.get(name)
      if (nodes.delete(name)) notify({ kind: 'node', name, ...(before && { before }) })
    },
    putNamespace(name, labels) {
      namespaces.set(name, labels)
      notify({ kind: 'namespace', name, after: labels })
    },
    removeNamespace(name) {
      if (namespaces.delete(name)) notify({ kind: 'namespace', name })
    }
  }
}
