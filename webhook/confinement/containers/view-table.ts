import { sameJson } from '../../../src/lib/same-json.js'
import type { Running } from '../../hub/nodes/inventory.js'
import type { ContainerView } from './container-view.js'
import type { ContainerViewBuilder } from './container-view-builder.js'

interface Entry {
  running: Running
  view: ContainerView
  /** Profiles and digests that the view depends on. */
  reads: ReadonlySet<string>
  /** The last view with a filter that was read: while a satellite starts again, nothing ends and nothing begins. */
  settled: ContainerView | undefined
}

const none: ReadonlySet<string> = new Set()

/** Returns the profiles of which a change reaches the container; see isReachedBy(). */
function profilesOf(view: ContainerView | undefined): ReadonlySet<string> {
  if (view === undefined) return none
  return new Set(view.profile === '' ? [view.learned] : [view.profile, ...view.sharedWith])
}

/** Moves an id in an index, from the keys that it was under to those that it is under now. */
function change(
  index: Map<string, Set<string>>,
  id: string,
  before: ReadonlySet<string>,
  now: ReadonlySet<string>
): void {
  for (const key of before) {
    if (now.has(key)) continue
    const ids = index.get(key)
    ids?.delete(id)
    if (ids?.size === 0) index.delete(key)
  }
  for (const key of now) {
    if (before.has(key)) continue
    const ids = index.get(key) ?? new Set<string>()
    index.set(key, ids.add(id))
  }
}

/** ViewTable holds the current view of each container, by the container's key and by its pod. */
export class ViewTable {
  readonly #entries = new Map<string, Entry>()
  readonly #keysOfPod = new Map<string, Set<string>>()
  /** By `node id`: the key of the newest run. */
  readonly #keyOfContainer = new Map<string, string>()
  /** By profile or digest: the containers whose views depend on it. */
  readonly #readers = new Map<string, Set<string>>()
  /** By profile: the containers that a change of it reaches. */
  readonly #reached = new Map<string, Set<string>>()

  readonly #builder: ContainerViewBuilder

  constructor(builder: ContainerViewBuilder) {
    this.#builder = builder
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  all(): Entry[] {
    return [...this.#entries.values()]
  }

  /** @param place `node id` of a container; returns the key of its newest run */
  keyOf(place: string): string | undefined {
    return this.#keyOfContainer.get(place)
  }

  ofContainer(node: string, container: string): ContainerView | undefined {
    return this.#entries.get(this.keyOf(`${node} ${container}`) ?? '')?.view
  }

  /** Returns the keys of the containers whose views depend on one of these profiles and digests. */
  readersOf(inputs: Iterable<string>): Set<string> {
    return new Set([...inputs].flatMap((one) => [...(this.#readers.get(one) ?? [])]))
  }

  /** Returns the views of the containers that a change of a profile reaches, without reading any other. */
  reachedBy(profile: string): ContainerView[] {
    return [...(this.#reached.get(profile) ?? [])].flatMap((id) => this.get(id)?.view ?? [])
  }

  keysOf(podUid: string): string[] {
    return [...(this.#keysOfPod.get(podUid) ?? [])]
  }

  /** Returns what their nodes reported last of the containers that still run. */
  running(keys: readonly string[]): Running[] {
    return keys.flatMap((key) => this.#entries.get(key)?.running ?? [])
  }

  /** Computes the views of these containers and returns those that changed. */
  put(running: readonly Running[]): ContainerView[] {
    return running.flatMap((one) => this.#putOne(one) ?? [])
  }

  /** Removes a container and returns its last view. */
  remove(id: string): ContainerView | undefined {
    const entry = this.#entries.get(id)
    const view = entry?.view
    this.#entries.delete(id)
    change(this.#readers, id, entry?.reads ?? none, none)
    change(this.#reached, id, profilesOf(view), none)
    const place = `${view?.node ?? ''} ${view?.id ?? ''}`
    if (this.#keyOfContainer.get(place) === id) this.#keyOfContainer.delete(place)
    const others = this.#keysOfPod.get(view?.podUid ?? '')
    others?.delete(id)
    if (others?.size === 0) this.#keysOfPod.delete(view?.podUid ?? '')
    return view
  }

  #putOne(running: Running): ContainerView | undefined {
    const before = this.#entries.get(running.id)
    const reads = new Set<string>()
    const view = this.#builder.build(running, before?.settled, reads)
    change(this.#readers, running.id, before?.reads ?? none, reads)
    if (before !== undefined && sameJson(before.view, view)) {
      Object.assign(before, { running, reads })
      return undefined
    }
    change(this.#reached, running.id, profilesOf(before?.view), profilesOf(view))
    const settled = view.state === 'starting' ? before?.settled : view
    this.#entries.set(running.id, { running, view, reads, settled })
    this.#keyOfContainer.set(`${view.node} ${view.id}`, running.id)
    if (view.podUid !== '') {
      const keys = this.#keysOfPod.get(view.podUid) ?? new Set<string>()
      this.#keysOfPod.set(view.podUid, keys.add(running.id))
    }
    return view
  }
}
