import type { Slot } from '../../native/types.js'
import { readCgroupName } from './cgroup-name.js'
import { isSandbox } from './labels.js'
import type { Container } from './runtime.js'

export type Identity =
  | { kind: 'container'; container: Container }
  /** A pod's sandbox, a system service, or another process with a filter: not a workload. */
  | { kind: 'other' }

export type SlotFacts = Pick<Slot, 'mntns' | 'cgroupId' | 'cgroupName' | 'cgroupParent'> &
  Partial<Pick<Slot, 'pid' | 'part'>>

/** True if both have the same cgroup, apart from the root: 1n means that there is no unified hierarchy. */
function sameCgroup(slot: SlotFacts, container: Container): boolean {
  return slot.cgroupId > 1n && container.cgroupId === slot.cgroupId
}

/**
 * True if the container is another instance than the slot's: an id that a user chose (`runc run web`) is used again and
 * again, each time with another cgroup id.
 */
function contradicts(slot: SlotFacts, container: Container): boolean {
  return (
    slot.cgroupId > 1n && container.cgroupId !== undefined && container.cgroupId !== slot.cgroupId
  )
}

/**
 * True for the same mount namespace number and the same first process: the number may belong to a newer container,
 * which has another first process. An exec has its own first process: for it the number has to suffice, unless the
 * container's cgroup is known.
 */
function hasSameMount(slot: SlotFacts, container: Container): boolean {
  if (container.pid === 0 || container.mntns !== slot.mntns) return false
  if (slot.pid === undefined || slot.pid === container.pid) return true
  return slot.part !== undefined && slot.part !== 'entry' && container.cgroupId === undefined
}

/** True for the same first process. With cgroup v1 only, nothing else is left of a container that has ended. */
function hasSameFirstPid(slot: SlotFacts, container: Container): boolean {
  const sameMount = container.mntns === undefined || container.mntns === slot.mntns
  return sameMount && slot.pid !== undefined && container.firstPid === slot.pid
}

/** Finds the container of a slot among the known ones; undefined if there is none. */
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
    if (hasSameFirstPid(slot, container)) return container
    // Mount namespace numbers are reused at once: they count only if cgroups say nothing.
    if (hasSameMount(slot, container)) byMount = container
  }
  return byName ?? byMount
}

/** Makes a container of which only the cgroup's name is left; undefined if that is not a container's name. */
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
 * True for a container of containerd's CRI that only runc has reported yet: the labels of its pod, which identify the
 * workload, are in containerd.
 */
export function lacksPodLabels(labels: Record<string, string>): boolean {
  return (
    labels['io.kubernetes.cri.container-type'] === 'container' &&
    labels['io.cri-containerd.kind'] === undefined
  )
}

/** Identifies a slot by the container that was found for it, otherwise by its cgroup's name. */
export function identityOf(slot: SlotFacts, found: Container | undefined): Identity {
  const container = found ?? containerFromName(slot)
  if (container === undefined || isSandbox(container.labels)) return { kind: 'other' }
  return { kind: 'container', container }
}

/** Names of a runtime's own process while it creates a container (native/bpf/recorder.bpf.c has the same list). */
const runtimeComm = /^(runc|crun|youki|exe)(:|$)/

/**
 * True for a slot of a container that cannot be named: a runtime's process started it, and its cgroup is the root,
 * whose name says nothing. Such slots are counted as unidentified.
 */
export function isNamelessContainer(slot: SlotFacts & Pick<Slot, 'comm'>): boolean {
  return slot.cgroupId <= 1n && runtimeComm.test(slot.comm)
}
