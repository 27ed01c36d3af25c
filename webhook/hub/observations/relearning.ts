import type { ContainerRef } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { KnownProfile } from '../../../src/rules/profile-label.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { ObjectRef } from '../../../src/store/store.js'
import { keyOfProfile } from '../../../src/seccomp/review/start-risk.js'
import type { Running } from '../nodes/inventory.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import { type Target, targetOf } from '../nodes/workload.js'
import { encode } from '../stream/outbox.js'
import type { Placement, PodCheck } from './pod-check.js'

/** Deleted profiles that are remembered. */
const mostDeleted = 10_000

interface RelearningOptions {
  /** Returns whether a profile was there before. */
  isKnown: (key: string) => boolean
  /** Returns whether the profile is being learned: it gets all that its containers do, unless it was deleted before. */
  isLearning: (key: string) => boolean
  /** Returns what runs in the fleet. */
  running: () => Iterable<Running>
  /** Returns the profile that a container is learned into. */
  targetOf: (node: string, container: ContainerRef) => Target | undefined
  /** Asks a node for what it recorded of containers. */
  ask: (node: string, containers: string[]) => void
  /** Profiles that are created together are looked for together: each look goes through all containers. */
  delayMs?: number
}

/** The parts of a hub that say which profiles it has, what runs, and which nodes are connected. */
interface HubServices {
  records: { inventory: { all: () => Iterable<Running> } }
  revisions: { profile: (key: string) => SeccompProfile | undefined }
  writer: { isWriting: (key: string) => boolean }
  fleet: { send: (node: string, message: Buffer) => void }
  /** In a cluster: finds the profile of a container from what the API server knows. */
  podCheck: Pick<PodCheck, 'known'> | undefined
}

/** Returns the Relearning of a hub. */
export function relearningOf(
  { records, revisions, writer, fleet, podCheck }: HubServices,
  profileOf: (key: string) => KnownProfile | undefined,
  podOf: (uid: string) => KnownPod | undefined
): Relearning {
  const placed = (answer: Placement | undefined): Target | undefined =>
    answer === undefined || 'reason' in answer ? undefined : answer
  return new Relearning({
    isKnown: (key) => revisions.profile(key) !== undefined,
    isLearning: (key) => writer.isWriting(key),
    running: () => records.inventory.all(),
    targetOf: (node, container) =>
      podCheck === undefined
        ? targetOf(container, podOf(container.podUid), profileOf)
        : placed(podCheck.known(node, container)),
    ask: (node, containers) => fleet.send(node, encode({ $case: 'resend', value: { containers } }))
  })
}

/**
 * Relearning asks nodes for what they recorded of running containers whose profile was created again. A node sends what is
 * new, so a profile that was deleted would lack what its containers did before for as long as they run.
 */
export class Relearning {
  readonly #options: RelearningOptions
  readonly #created = new Set<string>()
  readonly #deleted = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: RelearningOptions) {
    this.#options = options
  }

  /** Takes a profile that was written, before it is known. */
  applied(profile: SeccompProfile): void {
    const key = keyOfProfile(profile)
    if (profile.status?.instances !== undefined || this.#options.isKnown(key)) return
    if (!this.#deleted.delete(key) && this.#options.isLearning(key)) return
    this.#created.add(key)
    this.#timer ??= setTimeout(() => this.#ask(), this.#options.delayMs ?? 1000)
    this.#timer.unref()
  }

  /** Takes a profile that was deleted: the next one of the name lacks what its nodes have sent. */
  deleted({ namespace, name }: ObjectRef): void {
    if (this.#deleted.size >= mostDeleted) this.#deleted.clear()
    this.#deleted.add(profileKey(namespace, name))
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #ask(): void {
    this.#timer = undefined
    const created = new Set(this.#created)
    this.#created.clear()
    const wanted = new Map<string, string[]>()
    for (const { node, container } of this.#options.running()) {
      if (container === undefined) continue
      const ref = this.#options.targetOf(node, container)?.ref
      if (ref === undefined || !created.has(profileKey(ref.namespace, ref.name))) continue
      const ids = wanted.get(node) ?? []
      ids.push(container.id)
      wanted.set(node, ids)
    }
    for (const [node, containers] of wanted) this.#options.ask(node, containers)
  }
}
