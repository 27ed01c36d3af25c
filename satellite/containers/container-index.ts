import { findContainer, type SlotFacts } from './identify.js'
import { mergeContainers, sameInstance } from './merge.js'
import { readCgroupName } from './cgroup-name.js'
import type { Container } from './runtime.js'

/**
 * Containers kept after their end, so that the slots of short ones get their names and labels: slots are named within
 * seconds. On a busy node, keeping all of them would take most of the satellite's memory.
 */
const stoppedAtMost = 1024
const stoppedAtLeast = 64
const stoppedForMs = 20_000

/** The key of one run. An id that a user chose is used again and again: the cgroup's id distinguishes the runs. */
function instanceOf(container: Container): string {
  return `${container.id} ${container.cgroupId ?? ''}`
}

/** The mount namespace of a live container. The kernel gives its number to the next container at once. */
const liveMount = ({ pid, mntns }: Container): number | undefined => (pid > 0 ? mntns : undefined)

/** Instances by a key. Most groups have one member: a Set for each would take a kilobyte per container. */
type Groups<K> = Map<K, readonly string[]>

function join<K>(groups: Groups<K>, key: K | undefined, instance: string): void {
  if (key === undefined) return
  const before = groups.get(key)
  groups.set(key, before === undefined ? [instance] : [...before, instance])
}

function leave<K>(groups: Groups<K>, key: K | undefined, instance: string): void {
  if (key === undefined) return
  const before = groups.get(key) ?? []
  const left =
    before.length === 1 && before[0] === instance ? [] : before.filter((one) => one !== instance)
  if (left.length === 0) groups.delete(key)
  else groups.set(key, left)
}

/** ContainerIndex finds every known container by what a slot has, without walking through all of them. */
export class ContainerIndex {
  readonly #now: () => number
  readonly #known = new Map<string, Container>()
  /** When each was stopped, oldest first. */
  readonly #stopped = new Map<string, number>()
  readonly #byId: Groups<string> = new Map()
  readonly #byCgroup: Groups<bigint> = new Map()
  readonly #byMount: Groups<number> = new Map()
  readonly #byPid: Groups<number> = new Map()
  /** What a runtime's object became when it was merged: the same object again is no change. */
  readonly #merged = new WeakMap<Container, Container>()
  #list: readonly Container[] | undefined

  /** @param now milliseconds of a clock that never goes backwards. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Adds a container, merged with what is known of the same run. Returns it, and whether it is new. */
  put(container: Container): { container: Container; isNew: boolean } {
    const last = this.#merged.get(container)
    if (last !== undefined && this.#known.get(instanceOf(last)) === last) {
      return { container: last, isNew: false }
    }
    // A runtime that only has names (docker's socket) means the newest instance with the id.
    const before =
      this.#known.get(instanceOf(container)) ??
      this.#get(this.#byId.get(container.id)).findLast((one) => sameInstance(one, container))
    const merged = before === undefined ? container : mergeContainers(before, container)
    if (before !== undefined) this.#remove(instanceOf(before))
    this.#add(merged)
    this.#merged.set(container, merged)
    return { container: merged, isNew: before === undefined }
  }

  /**
   * Marks a container as stopped: its runtime does not have it any more, or its process is gone. Returns the stopped
   * container; undefined if it was stopped before.
   */
  stop(container: Container): Container | undefined {
    const current = this.#known.get(instanceOf(container))
    if (current === undefined || current.pid === 0) return undefined
    const ended: Container = { ...current, pid: 0, status: 'stopped' }
    this.#add(ended)
    return ended
  }

  /** The container of a slot; undefined if none is known. */
  find(slot: SlotFacts): Container | undefined {
    // The cgroup's id decides, whatever the names are.
    const sameCgroup = slot.cgroupId > 1n ? this.#byCgroup.get(slot.cgroupId) : undefined
    for (const instance of sameCgroup ?? []) {
      const container = this.#known.get(instance)
      if (container !== undefined) return container
    }
    const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
    const likely = new Set([
      ...(verdict.kind === 'other' ? [] : this.#get(this.#byId.get(verdict.id))),
      ...this.#get(this.#byId.get(slot.cgroupParent)),
      ...this.#get(this.#byMount.get(slot.mntns)),
      ...(slot.pid === undefined ? [] : this.#get(this.#byPid.get(slot.pid)))
    ])
    return findContainer(slot, likely)
  }

  /** The container with this cgroup. */
  withCgroup(cgroupId: bigint): Container | undefined {
    return this.#get(this.#byCgroup.get(cgroupId))[0]
  }

  withId(id: string): readonly Container[] {
    return this.#get(this.#byId.get(id))
  }

  /** Live containers and remembered ones, oldest first. The array is never changed. */
  all(): readonly Container[] {
    return (this.#list ??= [...this.#known.values()])
  }

  #get(group: readonly string[] = []): Container[] {
    return group.flatMap((instance) => this.#known.get(instance) ?? [])
  }

  #add(container: Container): void {
    const instance = instanceOf(container)
    this.#remove(instance)
    this.#known.set(instance, container)
    this.#list = undefined
    join(this.#byId, container.id, instance)
    join(this.#byCgroup, container.cgroupId, instance)
    join(this.#byMount, liveMount(container), instance)
    join(this.#byPid, container.firstPid, instance)
    if (container.pid === 0) this.#noteStopped(instance)
  }

  #remove(instance: string): void {
    const container = this.#known.get(instance)
    if (container === undefined) return
    leave(this.#byId, container.id, instance)
    leave(this.#byCgroup, container.cgroupId, instance)
    leave(this.#byMount, liveMount(container), instance)
    leave(this.#byPid, container.firstPid, instance)
    this.#known.delete(instance)
    this.#stopped.delete(instance)
    this.#list = undefined
  }

  /** Also forgets containers that were stopped long ago. */
  #noteStopped(instance: string): void {
    this.#stopped.set(instance, this.#now())
    for (const [oldest, at] of this.#stopped) {
      const isKept = this.#stopped.size <= stoppedAtLeast || this.#now() - at < stoppedForMs
      if (isKept && this.#stopped.size <= stoppedAtMost) break
      this.#remove(oldest)
    }
  }
}
