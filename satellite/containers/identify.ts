import type { Slot } from '../../native/types.js'
import { readCgroupName } from './cgroup-name.js'
import { isSandbox } from './labels.js'
import type { Container } from './runtime.js'

export type Identity =
  | { kind: 'container'; container: Container }
  /** A pod's sandbox, a service of the system, or any other filtered process: nobody's workload. */
  | { kind: 'other' }

export type SlotFacts = Pick<Slot, 'mntns' | 'cgroupId' | 'cgroupName' | 'cgroupParent'> &
  Partial<Pick<Slot, 'pid' | 'part'>>

/** Ids that both name a cgroup and are not the root's: 1n stands for "no unified hierarchy". */
function sameCgroup(slot: SlotFacts, container: Container): boolean {
  return slot.cgroupId > 1n && container.cgroupId === slot.cgroupId
}

/**
 * True when the container is known to be another instance than the slot's: an id of somebody's
 * choice (`runc run web`) comes again and again, and its cgroup then has another number.
 */
function contradicts(slot: SlotFacts, container: Container): boolean {
  return (
    slot.cgroupId > 1n && container.cgroupId !== undefined && container.cgroupId !== slot.cgroupId
  )
}

/**
 * The same mount namespace number, and the same process: one that the number was given to since then
 * began with another. An exec begins with a process of its own: for it the number has to do, where
 * the container has no cgroup that it would have to be in.
 */
function isOnItsMount(slot: SlotFacts, container: Container): boolean {
  if (container.pid === 0 || container.mntns !== slot.mntns) return false
  if (slot.pid === undefined || slot.pid === container.pid) return true
  return slot.part !== undefined && slot.part !== 'entry' && container.cgroupId === undefined
}

/** With cgroup v1 only, nothing else is left of one that has ended: the task that was met first was its first. */
function wasMetFirst(slot: SlotFacts, container: Container): boolean {
  const sameMount = container.mntns === undefined || container.mntns === slot.mntns
  return sameMount && slot.pid !== undefined && container.firstPid === slot.pid
}

/** The container a slot belongs to, among those that are known; undefined when none is. */
export function findContainer(
  slot: SlotFacts,
  containers: Iterable<Container>
): Container | undefined {
  const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
  let byName: Container | undefined
  let byMount: Container | undefined
  for (const container of containers) {
    if (sameCgroup(slot, container)) return container
    if (verdict.kind !== 'other' && container.id === verdict.id && !contradicts(slot, container)) {
      byName = container
    }
    if (container.id === slot.cgroupParent && container.mntns === slot.mntns) byName ??= container
    if (container.cgroupId !== undefined && slot.cgroupId > 1n) continue
    if (wasMetFirst(slot, container)) return container
    // Mount namespace numbers are reused at once: alone they count only where cgroups say nothing.
    if (isOnItsMount(slot, container)) byMount = container
  }
  return byName ?? byMount
}

/** A container of which only its cgroup's name is left; undefined when that name is no container's. */
export function containerFromName(slot: SlotFacts): Container | undefined {
  const verdict = readCgroupName(slot.cgroupName, slot.cgroupParent)
  if (verdict.kind === 'other') return undefined
  return {
    id: verdict.id,
    runtime: verdict.kind === 'container' ? (verdict.runtime ?? 'unknown') : 'unknown',
    name: verdict.id,
    pid: 0,
    cgroupId: slot.cgroupId,
    status: 'stopped',
    labels: {}
  }
}

/**
 * True for a container of containerd's CRI of which only runc has told yet: its pod's labels, by which its
 * workload is known, are in containerd.
 */
export function isHalfTold(labels: Record<string, string>): boolean {
  return (
    labels['io.kubernetes.cri.container-type'] === 'container' &&
    labels['io.cri-containerd.kind'] === undefined
  )
}

/** Whose slot is it, as far as `containers` and the cgroup's name tell? */
export function identify(slot: SlotFacts, containers: Iterable<Container>): Identity {
  const container = findContainer(slot, containers) ?? containerFromName(slot)
  if (container === undefined || isSandbox(container.labels)) return { kind: 'other' }
  return { kind: 'container', container }
}

/** What a runtime's own process is called when it makes a container (native/bpf/recorder.bpf.c has the same list). */
const runtimeComm = /^(runc|crun|youki|exe)(:|$)/

/**
 * True for a slot that nobody can name and that was a container all the same: a runtime's process
 * began it, and its cgroup is the root's, whose name says nothing. To be counted, not to be passed over.
 */
export function isNamelessContainer(slot: SlotFacts & Pick<Slot, 'comm'>): boolean {
  return slot.cgroupId <= 1n && runtimeComm.test(slot.comm)
}
