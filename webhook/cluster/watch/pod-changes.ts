import type { ClusterPod, ClusterView } from './cluster-view.js'

/** Returns what containers' views read of a pod. Repeated lists and most status updates do not change it. */
function factsOf(pod: ClusterPod): string {
  const { namespace, name, node, labels, owner, assigned, placement, containers } = pod
  // Only ephemeral containers are added to an existing pod.
  const ephemeral = containers.filter(({ kind }) => kind === 'ephemeral').map((one) => one.name)
  const restarts = containers.map((one) => one.restarts ?? 0)
  const place = [namespace, name, node, placement]
  return JSON.stringify([place, labels, owner, assigned, ephemeral, restarts])
}

/** Calls back with the uid of each new pod and of each pod whose facts changed. Returns how to stop. */
export function onPodFacts(view: ClusterView, listener: (uid: string) => void): () => void {
  return view.onChange((change) => {
    if (change.kind !== 'pod' || change.after === undefined) return
    const { before, after } = change
    if (before === undefined || factsOf(before) !== factsOf(after)) listener(change.uid)
  })
}
