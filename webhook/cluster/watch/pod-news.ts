import type { ClusterPod, ClusterView } from './cluster-view.js'

/** What a list of all pods says again, and most of what kubelets write, is no news to those who ask what a pod is. */
function factsOf({
  namespace,
  name,
  node,
  labels,
  owner,
  assigned,
  containers
}: ClusterPod): string {
  // Only ephemeral ones come later than their pod.
  const ephemeral = containers.filter(({ kind }) => kind === 'ephemeral').map((one) => one.name)
  return JSON.stringify([namespace, name, node, labels, owner, assigned, ephemeral])
}

/** Calls back with the uid of each pod that came, or is another in what truth asks of it. @returns how to leave. */
export function podNews(view: ClusterView, listener: (uid: string) => void): () => void {
  return view.onChange((change) => {
    if (change.kind !== 'pod' || change.after === undefined) return
    const { before, after } = change
    if (before === undefined || factsOf(before) !== factsOf(after)) listener(change.uid)
  })
}
