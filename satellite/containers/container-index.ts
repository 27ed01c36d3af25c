import { findContainer, type SlotFacts } from './identify.js'
import { mergeContainers, sameInstance } from './merge.js'
import { readCgroupName } from './cgroup-name.js'
import type { Container } from './runtime.js'

/**
 * Containers kept after their end, so that what is learned of short ones keeps its name and labels: slots are
 * named within seconds. A busy node's would be most of the satellite's memory.
 */
const stoppedAtMost = 1024
const stoppedAtLeast = 64
const stoppedForMs = 20_000

/** Every container that is known, found by what a slot tells without looking at all of them. */
export interface ContainerIndex {
  /** Takes one in, merged with what is known of the same run. @returns it, and whether it is new. */
  put(container: Container): { container: Container; isNew: boolean }
  /** Its runtime no longer has it, or its process is gone. @returns what it is now; undefined when that is not new. */
  stop(container: Container): Container | undefined
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

/** Mostly of one: a set for each would be a kilobyte for each container. */
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

/** @param now milliseconds of a clock that only goes on. */
export function createContainerIndex(now = () => performance.now()): ContainerIndex {
  const known = new Map<string, Container>()
  /** When each was stopped, oldest first. */
  const stopped = new Map<string, number>()
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
    if (container.pid > 0) return
    stopped.set(instance, now())
    for (const [oldest, at] of stopped) {
      const isKept = stopped.size <= stoppedAtLeast || now() - at < stoppedForMs
      if (isKept && stopped.size <= stoppedAtMost) break
      remove(oldest)
    }
  }
  const get = (group: readonly string[] = []): Container[] =>
    group.flatMap((instance) => known.get(instance) ?? [])

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
      if (current === undefined || current.pid === 0) return undefined
      const ended: Container = { ...current, pid: 0, status: 'stopped' }
      add(ended)
      return ended
    },
    find(slot) {
      // Its number says it, whatever the names are.
      for (const instance of (slot.cgroupId > 1n ? byCgroup.get(slot.cgroupId) : undefined) ?? []) {
        const own = known.get(instance)
        if (own !== undefined) return own
      }
      const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
      const likely = new Set([
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
