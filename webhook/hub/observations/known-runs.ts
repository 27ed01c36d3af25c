import { runOf } from '../../../src/api/instance-id.js'
import { ContainerRef } from '../../../src/api/gen/hub.js'
import type { WorkloadHistory } from '../../../src/history/workload-history.js'
import type { Target } from '../nodes/workload.js'

/** KnownRun is a container that was identified, and the profile that it is learned into. */
export interface KnownRun {
  target: Target
  container: ContainerRef
}

/** Returns whether a node knows the cgroup of a container alone, whose name has its id. */
function isOnlyCgroup({ id, name, profile, podUid, labels }: ContainerRef): boolean {
  return name === id && profile === '' && podUid === '' && Object.keys(labels).length === 0
}

/**
 * KnownRuns remembers the containers that nodes identified, by their runs. A satellite that was away finds what its recorder
 * counted of a container, and nobody who still knows whose that was.
 */
export class KnownRuns {
  readonly #most: number
  /** By node and run; what was reported last is last. */
  readonly #nodes = new Map<string, Map<string, KnownRun>>()
  #count = 0

  /** @param most how many runs are remembered; a node takes none of the places of others that have fewer */
  constructor(most = 20_000) {
    this.#most = most
  }

  note(node: string, instance: string, known: KnownRun): void {
    if (isOnlyCgroup(known.container)) return
    this.#put(node, runOf(instance), { ...known, container: { ...known.container, labels: {} } })
  }

  /**
   * Adds the runs of a history, for a hub that was restarted; where the history is of one profile. A run whose end is known
   * brings nothing more.
   */
  learn({ workload, profiles, starts }: WorkloadHistory): void {
    const [profile, ...others] = profiles
    if (profile === undefined || others.length > 0) return
    const { namespace, kind, name, container } = workload
    const own = container === '' ? name : container
    const ref = { namespace, name: profile.slice(profile.indexOf('/') + 1) }
    for (const { run, node, image = '', pod = '', container: id = '', ended } of starts) {
      // What a node reports itself says more.
      if (id === '' || ended !== undefined || this.#nodes.get(node)?.has(run) === true) continue
      const place = pod === '' ? {} : { podNamespace: namespace, podName: pod }
      this.#put(node, run, {
        target: { ref, workload: { kind, name, ...(container === '' ? {} : { container }) } },
        container: ContainerRef.fromPartial({ id, name: own, image, ...place })
      })
    }
  }

  /** Forgets the runs of a deleted profile: nobody is to make it again in the name of an old container. */
  forget(namespace: string, profile: string): void {
    for (const [node, runs] of this.#nodes)
      for (const [run, { target }] of runs)
        if (target.ref.namespace === namespace && target.ref.name === profile) this.#drop(node, run)
  }

  /** Returns what is known of the run of an observation whose container its node cannot identify. */
  of(node: string, instance: string, container: ContainerRef | undefined): KnownRun | undefined {
    if (container === undefined || !isOnlyCgroup(container)) return undefined
    const known = this.#nodes.get(node)?.get(runOf(instance))
    return known?.container.id === container.id ? known : undefined
  }

  /**
   * Returns where the run of a container belongs whose pod does not exist any more: it was deleted while no hub ran, and
   * its last calls come afterwards.
   */
  ofGone(node: string, instance: string, { id, ...container }: ContainerRef): Target | undefined {
    const known = this.#nodes.get(node)?.get(runOf(instance))
    const isSame =
      known?.container.id === id &&
      known.container.podName === container.podName &&
      known.container.podNamespace === container.podNamespace
    return isSame ? known.target : undefined
  }

  #put(node: string, run: string, known: KnownRun): void {
    this.#drop(node, run)
    const runs = this.#nodes.get(node) ?? new Map<string, KnownRun>()
    runs.set(run, known)
    this.#nodes.set(node, runs)
    this.#count += 1
    if (this.#count > this.#most) this.#dropSome()
  }

  #drop(node: string, run: string): void {
    const runs = this.#nodes.get(node)
    if (runs?.delete(run) !== true) return
    this.#count -= 1
    if (runs.size === 0) this.#nodes.delete(node)
  }

  /** Drops the oldest runs of the nodes that have most: one in a hundred at a time, because it looks at all nodes. */
  #dropSome(): void {
    const nodes = [...this.#nodes].sort(([, a], [, b]) => b.size - a.size)
    const least = this.#most - Math.floor(this.#most / 100)
    const share = Math.floor(least / nodes.length)
    for (const [node, runs] of nodes)
      for (const run of runs.keys()) {
        if (this.#count <= least) return
        if (runs.size <= share) break
        this.#drop(node, run)
      }
  }
}
