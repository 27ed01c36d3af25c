import { findContainer, type SlotFacts } from './identify.js'
import { mergeContainers, sameInstance } from './merge.js'
import { readCgroupName } from './cgroup-name.js'
import type { Container } from './runtime.js'

/** Containers kept after their end, so that what is learned of short ones keeps its name and labels. */
const stoppedAtMost = 1024

/** Every container that is known, found by what a slot tells without looking at all of them. */
export interface ContainerIndex {
  /** Takes one in, merged with what is known of the same run. @returns it, and whether it is new. */
  put(container: Container): { container: Container; isNew: boolean }
  /** Its runtime no longer has it, or its process is gone. */
  stop(container: Container): void
  /** The container a slot belongs to; undefined when none is known. */
  find(slot: SlotFacts): Container | undefined
  withId(id: string): readonly Container[]
  /** Live ones and remembered ones, oldest first. The array is never changed. */
  all(): readonly Container[]
}

/** An id of somebody's choice comes again and again: its cgroup's number tells one run from the next. */
function instanceOf(container: Container): string {
  return `${container.id} ${container.cgroupId ?? ''}`
}

/** Numbers of mount namespaces are given to the next container at once: they tell of live ones only. */
const liveMount = ({ pid, mntns }: Container): number | undefined => (pid > 0 ? mntns : undefined)

type Groups<K> = Map<K, Set<string>>

function join<K>(groups: Groups<K>, key: K | undefined, instance: string): void {
  if (key === undefined) return
  const group = groups.get(key)
  if (group === undefined) groups.set(key, new Set([instance]))
  else group.add(instance)
}

function leave<K>(groups: Groups<K>, key: K | undefined, instance: string): void {
  const group = key === undefined ? undefined : groups.get(key)
  if (group?.delete(instance) === true && group.size === 0 && key !== undefined) groups.delete(key)
}

export function createContainerIndex(): ContainerIndex {
  const known = new Map<string, Container>()
  const stopped = new Set<string>()
  const byId: Groups<string> = new Map()
  const byCgroup: Groups<bigint> = new Map()
  const byMount: Groups<number> = new Map()
  const byPid: Groups<number> = new Map()
  /** What a runtime gave, and what that became with what was known: the same object again is no news. */
  const became = new WeakMap<Container, Container>()
  let list: readonly Container[] | undefined

  const remove = (instance: string): void => {
    const container = known.get(instance)
    if (container === undefined) return
    leave(byId, container.id, instance)
    leave(byCgroup, container.cgroupId, instance)
    leave(byMount, liveMount(container), instance)
    leave(byPid, container.firstPid, instance)
    known.delete(instance)
    stopped.delete(instance)
    list = undefined
  }
  const add = (container: Container): void => {
    const instance = instanceOf(container)
    remove(instance)
    known.set(instance, container)
    list = undefined
    join(byId, container.id, instance)
    join(byCgroup, container.cgroupId, instance)
    join(byMount, liveMount(container), instance)
    join(byPid, container.firstPid, instance)
    if (container.pid === 0) stopped.add(instance)
    for (const oldest of stopped) {
      if (stopped.size <= stoppedAtMost) break
      remove(oldest)
    }
  }
  const get = (group: ReadonlySet<string> | undefined): Container[] =>
    [...(group ?? [])].flatMap((instance) => known.get(instance) ?? [])

  return {
    put(container) {
      const last = became.get(container)
      if (last !== undefined && known.get(instanceOf(last)) === last) {
        return { container: last, isNew: false }
      }
      // One that a runtime only names (docker's socket) is the newest instance with its id.
      const before =
        known.get(instanceOf(container)) ??
        get(byId.get(container.id)).findLast((one) => sameInstance(one, container))
      const merged = before === undefined ? container : mergeContainers(before, container)
      if (before !== undefined) remove(instanceOf(before))
      add(merged)
      became.set(container, merged)
      return { container: merged, isNew: before === undefined }
    },
    stop(container) {
      const instance = instanceOf(container)
      const current = known.get(instance)
      if (current === undefined || current.pid === 0) return
      remove(instance)
      add({ ...current, pid: 0, status: 'stopped' })
    },
    find(slot) {
      const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
      const likely = new Set([
        ...get(byCgroup.get(slot.cgroupId)),
        ...(verdict.kind === 'other' ? [] : get(byId.get(verdict.id))),
        ...get(byId.get(slot.cgroupParent)),
        ...get(byMount.get(slot.mntns)),
        ...(slot.pid === undefined ? [] : get(byPid.get(slot.pid)))
      ])
      return findContainer(slot, likely)
    },
    withId: (id) => get(byId.get(id)),
    all: () => (list ??= [...known.values()])
  }
}
