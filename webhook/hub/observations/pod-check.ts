import type { ContainerRef } from '../../../src/api/gen/hub.js'
import { rootNamespace } from '../../../src/api/names.js'
import { learnedName, objectNameOf } from '../../../src/rules/object-name.js'
import { type KnownProfile, labelledProfile } from '../../../src/rules/profile-label.js'
import { Slices } from '../../../src/lib/slices.js'
import { Worker } from '../../../src/lib/worker.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { ClusterContainer } from '../nodes/cluster-container.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import type { Rejection } from '../stream/rejections.js'
import type { Target } from '../nodes/workload.js'

type PlacedContainer = Pick<ClusterContainer, 'name' | 'kind' | 'beside'>

/** PlacedPod is a pod as the API server knows it, with the fields that an observation needs. A ClusterView has them. */
export interface PlacedPod extends KnownPod {
  /** Empty until the pod is scheduled. */
  node: string
  labels: Readonly<Record<string, string>>
  containers: readonly PlacedContainer[]
}

/** PlacedPods holds the pods of the cluster in memory. */
export interface PlacedPods {
  /** Returns the pod with that uid; pods that have ended stay known for a while. */
  pod(uid: string): PlacedPod | undefined
  podsOn(node: string): readonly PlacedPod[]
  /** Calls the listener after each change. Returns a function that stops this. */
  onChange(listener: () => void): () => void
}

/** Options for containers outside Kubernetes on a node of a cluster: reject their observations, or keep them apart. */
export const plainChoices = ['reject', 'apart'] as const
export type PlainContainers = (typeof plainChoices)[number]

interface PodCheckOptions {
  pods: PlacedPods
  /** Returns a profile by its `profileKey`; undefined when there is none. */
  profileOf: (key: string) => KnownProfile | undefined
  plain: PlainContainers
  /** How long to wait for a pod that is not known yet: its event from the API server may be on its way. */
  waitMs: number
}

/** Observations of one node that may wait for their pods, and their bytes. */
const mostWaiting = 512
const mostWaitingBytes = 8 << 20

function describe({ podNamespace, podName, podUid }: ContainerRef): string {
  return `pod ${podNamespace.slice(0, 63)}/${podName.slice(0, 253)} (uid ${podUid.slice(0, 64)})`
}

type ProfileOf = PodCheckOptions['profileOf']

/** Returns the name of the profile that the pod's labels give this container; undefined when they give it none. */
function labelledName(pod: PlacedPod, container: PlacedContainer, profileOf: ProfileOf) {
  const { name, kind } = container
  const index = pod.containers.filter((one) => one.kind === kind).indexOf(container)
  return labelledProfile(pod.labels, { name, kind, index }, (profile) =>
    profileOf(profileKey(pod.namespace, profile))
  )
}

/** Returns the profile that the pod's labels give the container, in its own namespace, else `<workload>.<container>`. */
function targetOfPod(pod: PlacedPod, container: PlacedContainer, profileOf: ProfileOf): Target {
  const { namespace, owner } = pod
  const workload = { ...owner, container: container.name }
  const name = labelledName(pod, container, profileOf) ?? learnedName(owner.name, container.name)
  return { ref: { namespace, name }, workload }
}

/**
 * Returns the profile of one container of a pod. `kubectl debug` gives each of its containers a name of its own:
 * what people do there is a session in the target container, or in the pod's first one.
 */
function targetIn(pod: PlacedPod, container: PlacedContainer, profileOf: ProfileOf): Target {
  if (container.kind !== 'ephemeral') return targetOfPod(pod, container, profileOf)
  const own = pod.containers.filter(({ kind }) => kind === 'container')
  const beside = own.find(({ name }) => name === container.beside) ?? own[0] ?? container
  return { ...targetOfPod(pod, beside, profileOf), isSession: true }
}

/** Returns a profile that is never one of a pod, whatever name the container has. */
function targetApart(node: string, container: ContainerRef): Target {
  const own = container.name === '' ? container.id : container.name
  return {
    ref: { namespace: rootNamespace, name: objectNameOf(`plain.${node}.${own}`) },
    workload: { kind: 'Container', name: own.slice(0, 253) }
  }
}

/** Placement is where a container belongs, or why its observation is rejected. */
export type Placement = Target | Rejection

/** PodCheck finds the profile of an observation from what the API server knows, not from what the satellite reports. */
export class PodCheck {
  readonly #pods: PlacedPods
  readonly #profileOf: ProfileOf
  readonly #plain: PlainContainers
  readonly #waitMs: number
  /** What waits for pods, by node. */
  readonly #waiting = new Map<string, { count: number; bytes: number }>()
  readonly #wakers = new Set<() => void>()
  readonly #unsubscribe: () => void
  readonly #changes: Worker

  constructor({ pods, profileOf, plain, waitMs }: PodCheckOptions) {
    this.#pods = pods
    this.#profileOf = profileOf
    this.#plain = plain
    this.#waitMs = waitMs
    this.#changes = new Worker(() => this.#lookAgain(), { onError: () => undefined, unref: true })
    this.#unsubscribe = pods.onChange(() => this.#changes.request())
  }

  /** Returns where the container belongs, or undefined while the API server does not know its pod. */
  known(node: string, container: ContainerRef): Placement | undefined {
    if (container.podName === '' && container.podUid === '') return this.#outside(node, container)
    return this.#placementOf(node, container)
  }

  /**
   * Waits until the API server knows the pod of a container, for a bounded time.
   * @param bytes about how much memory it takes to wait
   */
  async wait(node: string, container: ContainerRef, bytes = 0): Promise<Placement> {
    const before = this.#waiting.get(node) ?? { count: 0, bytes: 0 }
    if (before.count >= mostWaiting || before.bytes + bytes > mostWaitingBytes) {
      return { ...this.#unknown(node, container), retryAfter: Math.ceil(this.#waitMs / 1000) }
    }
    this.#waiting.set(node, before)
    before.count += 1
    before.bytes += bytes
    const placement = await this.#placed(node, container)
    before.count -= 1
    before.bytes -= bytes
    if (before.count === 0) this.#waiting.delete(node)
    return placement ?? this.#unknown(node, container)
  }

  /** Returns how many containers of a node wait. */
  waitingOf(node: string): number {
    return this.#waiting.get(node)?.count ?? 0
  }

  async check(node: string, container: ContainerRef): Promise<Placement> {
    return this.known(node, container) ?? this.wait(node, container)
  }

  close(): void {
    void this.#changes.close()
    this.#unsubscribe()
    this.#wakers.clear()
  }

  /** Looks again at everything that waits: many may wait, and many pods change at once. */
  async #lookAgain(): Promise<void> {
    const slices = new Slices()
    for (const wake of [...this.#wakers]) {
      wake()
      await slices.pause()
    }
  }

  #outside(node: string, container: ContainerRef): Placement {
    if (this.#plain === 'apart') return targetApart(node, container)
    const message = `container ${container.name.slice(0, 64)} belongs to no pod`
    return { reason: 'not-kubernetes', message }
  }

  /**
   * Finds a pod by its uid, else by name and node: a static pod has another uid on its node than in the API.
   * The node is what counts: its satellite may report for every pod on it.
   */
  #find(node: string, container: ContainerRef): PlacedPod | undefined {
    const { podUid, podNamespace, podName } = container
    const isNamed = (pod: PlacedPod) => pod.namespace === podNamespace && pod.name === podName
    const byUid = this.#pods.pod(podUid)
    if (byUid !== undefined && isNamed(byUid)) return byUid
    return this.#pods.podsOn(node).find(isNamed)
  }

  /** Returns where the container belongs, or undefined while the API server does not know it. */
  #placementOf(node: string, container: ContainerRef): Placement | undefined {
    const pod = this.#find(node, container)
    if (pod === undefined || pod.node === '') return undefined
    if (pod.node !== node) {
      const message = `${describe(container)} runs on node ${pod.node}, not on ${node}`
      return { reason: 'pod-elsewhere', message }
    }
    const placed = pod.containers.find(({ name }) => name === container.name)
    // An ephemeral container can be newer than what is known of its pod.
    return placed === undefined ? undefined : targetIn(pod, placed, this.#profileOf)
  }

  #unknown(node: string, container: ContainerRef): Rejection {
    if (this.#find(node, container) !== undefined) {
      const message = `${describe(container)} has no container ${container.name.slice(0, 63)}`
      return { reason: 'container-unknown', message }
    }
    return { reason: 'pod-unknown', message: `${describe(container)} does not exist` }
  }

  /** Resolves with the placement once it is known, or with undefined after `waitMs`. */
  async #placed(node: string, container: ContainerRef): Promise<Placement | undefined> {
    return new Promise((resolve) => {
      const finish = (placement: Placement | undefined) => {
        this.#wakers.delete(check)
        clearTimeout(limit)
        resolve(placement)
      }
      const check = () => {
        const placement = this.#placementOf(node, container)
        if (placement !== undefined) finish(placement)
      }
      const limit = setTimeout(() => finish(undefined), this.#waitMs)
      this.#wakers.add(check)
    })
  }
}
