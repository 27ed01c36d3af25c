import type { ContainerRef } from '../../../src/api/gen/hub.js'
import { labels, namePattern, rootNamespace } from '../../../src/api/names.js'
import type { ClusterContainer } from '../nodes/cluster-container.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import type { Refused } from '../stream/refusals.js'
import { objectNameOf, type Target } from '../nodes/workload.js'

type PlacedContainer = Pick<ClusterContainer, 'name' | 'kind' | 'beside'>

/** What the API server says of a pod, as far as an observation is concerned; a ClusterView gives it. */
export interface PlacedPod extends KnownPod {
  /** Empty while it is not scheduled. */
  node: string
  labels: Readonly<Record<string, string>>
  containers: readonly PlacedContainer[]
}

/** The pods of the cluster, in memory. */
export interface PlacedPods {
  /** By uid; those that ended stay known for a while. */
  pod(uid: string): PlacedPod | undefined
  podsOn(node: string): readonly PlacedPod[]
  /** Called after each change. Returns how to stop. */
  onChange(listener: () => void): () => void
}

/** What becomes of containers outside Kubernetes on a node of a cluster. */
export const plainChoices = ['refuse', 'apart'] as const
export type PlainContainers = (typeof plainChoices)[number]

export interface PodCheckOptions {
  pods: PlacedPods
  plain: PlainContainers
  /** A pod that is not known yet is waited for: the API server's word may be on its way. */
  waitMs: number
}

/** Says whose an observation is by the API server's word, not by the satellite's. */
export interface PodCheck {
  check(node: string, container: ContainerRef): Promise<Target | Refused>
  close(): void
}

/** Observations that wait for their pods, of one node. */
const mostWaiting = 512
const validName = new RegExp(namePattern)

function describe({ podNamespace, podName, podUid }: ContainerRef): string {
  return `pod ${podNamespace.slice(0, 63)}/${podName.slice(0, 253)} (uid ${podUid.slice(0, 64)})`
}

/** The profile that the pod's label names, in its own namespace, else `<workload>.<container>`. */
function targetOfPod(pod: PlacedPod, container: string): Target {
  const { namespace, owner } = pod
  const workload = { ...owner, container }
  const named = Object.hasOwn(pod.labels, labels.profile) ? pod.labels[labels.profile] : undefined
  if (named !== undefined && validName.test(named) && !named.includes('..')) {
    return { ref: { namespace, name: named }, workload }
  }
  return { ref: { namespace, name: objectNameOf(`${owner.name}.${container}`) }, workload }
}

/**
 * `kubectl debug` gives each of its containers a name of its own: what people do there is a session in the
 * container that it was put beside, or in the pod's first one.
 */
function targetIn(pod: PlacedPod, container: PlacedContainer): Target {
  if (container.kind !== 'ephemeral') return targetOfPod(pod, container.name)
  const own = pod.containers.filter(({ kind }) => kind === 'container')
  const beside = own.find(({ name }) => name === container.beside) ?? own[0] ?? container
  return { ...targetOfPod(pod, beside.name), isSession: true }
}

/** Never the profile of a pod, whatever it calls itself. */
function targetApart(node: string, container: ContainerRef): Target {
  const own = container.name === '' ? container.id : container.name
  return {
    ref: { namespace: rootNamespace, name: objectNameOf(`plain.${node}.${own}`) },
    workload: { kind: 'Container', name: own.slice(0, 253) }
  }
}

export function createPodCheck({ pods, plain, waitMs }: PodCheckOptions): PodCheck {
  const waiting = new Map<string, number>()
  const wakers = new Set<() => void>()
  const leave = pods.onChange(() => {
    for (const wake of [...wakers]) wake()
  })

  /**
   * By uid; a static pod has another one on its node than in the API, but the same name and node,
   * which is what counts: whoever is on that node may speak for it.
   */
  function find(node: string, container: ContainerRef): PlacedPod | undefined {
    const { podUid, podNamespace, podName } = container
    const named = (pod: PlacedPod) => pod.namespace === podNamespace && pod.name === podName
    const byUid = pods.pod(podUid)
    if (byUid !== undefined && named(byUid)) return byUid
    return pods.podsOn(node).find(named)
  }

  function judge(node: string, container: ContainerRef): Target | Refused | undefined {
    const pod = find(node, container)
    if (pod === undefined || pod.node === '') return undefined
    if (pod.node !== node) {
      const message = `${describe(container)} runs on node ${pod.node}, not on ${node}`
      return { reason: 'pod-elsewhere', message }
    }
    const placed = pod.containers.find(({ name }) => name === container.name)
    if (placed !== undefined) return targetIn(pod, placed)
    // An ephemeral container may be younger than what is known.
    return undefined
  }

  function unknown(node: string, container: ContainerRef): Refused {
    if (find(node, container) !== undefined) {
      const message = `${describe(container)} has no container ${container.name.slice(0, 63)}`
      return { reason: 'container-unknown', message }
    }
    return { reason: 'pod-unknown', message: `${describe(container)} does not exist` }
  }

  /** Resolves with the verdict once there is one, or with undefined when time is over. */
  async function wait(
    node: string,
    container: ContainerRef
  ): Promise<Target | Refused | undefined> {
    return new Promise((resolve) => {
      const done = (verdict: Target | Refused | undefined) => {
        wakers.delete(look)
        clearTimeout(limit)
        resolve(verdict)
      }
      const look = () => {
        const verdict = judge(node, container)
        if (verdict !== undefined) done(verdict)
      }
      const limit = setTimeout(() => done(undefined), waitMs)
      wakers.add(look)
    })
  }

  return {
    async check(node, container) {
      if (container.podName === '' && container.podUid === '') {
        if (plain === 'apart') return targetApart(node, container)
        const message = `container ${container.name.slice(0, 64)} belongs to no pod`
        return { reason: 'not-kubernetes', message }
      }
      const now = judge(node, container)
      if (now !== undefined) return now
      const count = waiting.get(node) ?? 0
      if (count >= mostWaiting) {
        return { ...unknown(node, container), retryAfter: Math.ceil(waitMs / 1000) }
      }
      waiting.set(node, count + 1)
      const verdict = await wait(node, container)
      const left = (waiting.get(node) ?? 1) - 1
      if (left === 0) waiting.delete(node)
      else waiting.set(node, left)
      return verdict ?? unknown(node, container)
    },
    close() {
      leave()
      wakers.clear()
    }
  }
}
