import type { Slot } from '../../../native/types.js'
import {
  allPids,
  cgroupFolderOf,
  cgroupIdOf,
  findCgroup,
  membersOfCgroup,
  mntnsOf,
  pidsOfCgroup
} from '../../containers/processes.js'

/** Where the processes of a slot are; `folder` and `livePid` are remembered to make the next check cheap. */
export interface SlotPlace {
  folder?: string | undefined
  livePid: number
}

/** Returns the cgroup's folder if a runtime knows it; called only if a cgroup cannot be found by its id. */
type KnownFolder = () => string | undefined

async function folderOf(
  slot: Slot,
  place: SlotPlace,
  known: KnownFolder
): Promise<string | undefined> {
  place.folder ??= known()
  if (place.folder !== undefined) {
    return cgroupIdOf(place.folder) === slot.cgroupId ? place.folder : undefined
  }
  const likely = cgroupFolderOf(place.livePid)
  const found =
    likely !== undefined && cgroupIdOf(likely) === slot.cgroupId
      ? likely
      : await findCgroup(slot.cgroupId, slot.cgroupName)
  if (found !== undefined) place.folder = found
  return found
}

async function pidsOfGroup(slot: Slot, place: SlotPlace, known: KnownFolder): Promise<number[]> {
  const byNumber = membersOfCgroup(slot.cgroupId)
  if (byNumber !== undefined) return byNumber
  const folder = await folderOf(slot, place, known)
  return folder === undefined ? [] : pidsOfCgroup(folder)
}

/** Returns the processes of the slot's cgroup that are in its mount namespace; empty if the slot has ended. */
export async function pidsOfSlot(
  slot: Slot,
  place: SlotPlace,
  known: KnownFolder = () => undefined
): Promise<number[]> {
  const pids = slot.cgroupId > 1n ? await pidsOfGroup(slot, place, known) : await allPids()
  const own = pids.filter((pid) => mntnsOf(pid) === slot.mntns)
  if (own[0] !== undefined && !own.includes(place.livePid)) place.livePid = own[0]
  return own
}

/**
 * Returns whether a process of the slot is alive, with one readlink while the process that was seen last is alive.
 * Returns undefined if that takes reading the cgroup's folder, or all processes of the node.
 */
export function isSlotAliveNow(slot: Slot, place: SlotPlace): boolean | undefined {
  if (mntnsOf(place.livePid) === slot.mntns) return true
  const members = slot.cgroupId > 1n ? membersOfCgroup(slot.cgroupId) : undefined
  if (members === undefined) return undefined
  const own = members.find((pid) => mntnsOf(pid) === slot.mntns)
  if (own !== undefined) place.livePid = own
  return own !== undefined
}

/** Returns whether a process of the slot is alive, by every means. */
export async function isSlotAlive(
  slot: Slot,
  place: SlotPlace,
  known: KnownFolder = () => undefined
): Promise<boolean> {
  return isSlotAliveNow(slot, place) ?? (await pidsOfSlot(slot, place, known)).length > 0
}
