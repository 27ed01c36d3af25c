import type { BypassedContainer, ConfinementSources } from '../confinement/containers/sources.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { type ContainerNames, unpatchedContainers, unpatchedReason } from './unpatched-pods.js'
import type { Claims } from './false-claims.js'
import type { ClusterPod, ClusterView } from './watch/cluster-view.js'
import { onPodFacts } from './watch/pod-changes.js'

type PodSources = Pick<ConfinementSources, 'pod' | 'onPod' | 'bypassed' | 'onBypassed'>

/** PendingPods computes which pods wait to start without what an enforcing rule gives them; each once per snapshot. */
class PendingPods {
  readonly #view: ClusterView
  readonly #snapshot: () => Snapshot
  readonly #claims: Claims
  #known = new WeakMap<ClusterPod, readonly BypassedContainer[]>()
  #knownFor: Snapshot | undefined

  constructor(view: ClusterView, snapshot: () => Snapshot, claims: Claims) {
    this.#view = view
    this.#claims = claims
    this.#snapshot = snapshot
  }

  list(): BypassedContainer[] {
    const snapshot = this.#snapshot()
    if (this.#knownFor !== snapshot) this.#known = new WeakMap()
    this.#knownFor = snapshot
    return [...this.#view.pods().values()]
      .filter(({ phase, isDeleted }) => phase === 'Pending' && isDeleted !== true)
      .flatMap((pod) => this.#of(snapshot, pod))
  }

  #of(snapshot: Snapshot, pod: ClusterPod): readonly BypassedContainer[] {
    const known = this.#known.get(pod) ?? bypassedIn(snapshot, pod, this.#claims.of(pod))
    this.#known.set(pod, known)
    return known
  }
}

function bypassedIn(
  snapshot: Snapshot,
  pod: ClusterPod,
  falseClaims: ContainerNames
): BypassedContainer[] {
  const { namespace, node, labels, owner, createdAt } = pod
  return unpatchedContainers(snapshot, pod, falseClaims).map((one) => ({
    ...{ namespace, node, labels, workload: owner, createdAt, pod: pod.name, podUid: pod.uid },
    ...{ name: one.container, rule: one.rule, message: unpatchedReason(one) },
    image: pod.containers.find(({ name }) => name === one.container)?.image ?? ''
  }))
}

/** Returns what webhook/confinement reads of the cluster's pods; nothing outside of a cluster. */
export function podSources(
  view: ClusterView | undefined,
  snapshot: () => Snapshot,
  claims: Claims | undefined
): PodSources {
  const none = () => () => undefined
  if (view === undefined || claims === undefined) {
    return { pod: () => undefined, onPod: none, bypassed: () => [], onBypassed: none }
  }
  const pending = new PendingPods(view, snapshot, claims)
  const isPending = (pod: ClusterPod | undefined) => pod?.phase === 'Pending'
  return {
    pod: (uid) => view.pod(uid),
    onPod: (listener) => onPodFacts(view, listener),
    bypassed: () => pending.list(),
    onBypassed: (listener) =>
      view.onChange((change) => {
        if (change.kind === 'pod' && (isPending(change.before) || isPending(change.after)))
          listener()
      })
  }
}
