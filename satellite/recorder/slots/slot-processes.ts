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

/** Where the processes of a slot are; `folder` and `livePid` are memories that make the next look cheap. */
export interface SlotPlace {
  folder?: string | undefined
  livePid: number
}

/** Its cgroup's folder where somebody else knows it; asked only where a cgroup cannot be found by its number. */
export type ToldFolder = () => string | undefined

async function folderOf(
  slot: Slot,
  place: SlotPlace,
  told: ToldFolder
): Promise<string | undefined> {
  place.folder ??= told()
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

async function pidsOfGroup(slot: Slot, place: SlotPlace, told: ToldFolder): Promise<number[]> {
  const byNumber = membersOfCgroup(slot.cgroupId)
  if (byNumber !== undefined) return byNumber
  const folder = await folderOf(slot, place, told)
  return folder === undefined ? [] : pidsOfCgroup(folder)
}

/** Processes of the slot's cgroup that live in its mount namespace; empty means that it has ended. */
export async function pidsOfSlot(
  slot: Slot,
  place: SlotPlace,
  told: ToldFolder = () => undefined
): Promise<number[]> {
  const pids = slot.cgroupId > 1n ? await pidsOfGroup(slot, place, told) : await allPids()
  const own = pids.filter((pid) => mntnsOf(pid) === slot.mntns)
  if (own[0] !== undefined && !own.includes(place.livePid)) place.livePid = own[0]
  return own
}

/**
 * Does anything of it still live? One readlink as long as the process that was seen last does. undefined: only its
 * cgroup's folder can tell, or everybody's processes.
 */
export function isSlotAliveNow(slot: Slot, place: SlotPlace): boolean | undefined {
  if (mntnsOf(place.livePid) === slot.mntns) return true
  const members = slot.cgroupId > 1n ? membersOfCgroup(slot.cgroupId) : undefined
  if (members === undefined) return undefined
  const own = members.find((pid) => mntnsOf(pid) === slot.mntns)
  if (own !== undefined) place.livePid = own
  return own !== undefined
}

/** The same, whoever has to be asked. */
export async function isSlotAlive(
  slot: Slot,
  place: SlotPlace,
  told: ToldFolder = () => undefined
): Promise<boolean> {
  return isSlotAliveNow(slot, place) ?? (await pidsOfSlot(slot, place, told)).length > 0
}
