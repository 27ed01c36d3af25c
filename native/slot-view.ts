import type { SlotLayout } from './addon.js'
import type { Slot, SlotPart } from './types.js'

const text = new TextDecoder()

/** The parts by their numbers in native/shared/recorder.h. */
const parts: readonly SlotPart[] = ['entry', 'probe', 'session']

/** Decodes a zero-terminated field. */
function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return text.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Counting began with the installation of the filter, and the process that installed it has executed nothing since. */
function isOnlyCreated(flags: number, layout: SlotLayout): boolean {
  const { completeFlag, begunFlag, adoptedFlag } = layout
  return (flags & (completeFlag | begunFlag | adoptedFlag)) === completeFlag
}

/**
 * Returns a function that makes Slots of the addon's snapshot bytes. Names never change while a generation lasts, so
 * they are decoded once per (index, generation) and kept.
 */
export function slotReader(layout: SlotLayout): (snapshot: ArrayBuffer) => Slot[] {
  const names = new Map<
    number,
    Pick<Slot, 'generation' | 'firstSeen' | 'comm' | 'cgroupName' | 'cgroupParent'>
  >()
  /** The last Slot of each index; every change of a slot changes one of these fields. */
  const last = new Map<number, { slot: Slot; flags: number; distinct: number; pid: number }>()
  return (snapshot) => {
    const view = new DataView(snapshot)
    const slots: Slot[] = []
    for (let at = 0; at < snapshot.byteLength; at += layout.size) {
      const u32 = (offset: number): number => view.getUint32(at + offset, true)
      const u64 = (offset: number): bigint => view.getBigUint64(at + offset, true)
      const string = (offset: number, bytes: number): string =>
        cString(new Uint8Array(snapshot, at + offset, bytes))
      const index = u32(layout.index)
      const generation = u32(layout.generation)
      const flags = u32(layout.flags)
      const low = u32(layout.distinct)
      const pid = u32(layout.pid)
      const exits = u32(layout.exits)
      const ending = u32(layout.ending)
      const nsId = u64(layout.nsId)
      const before = last.get(index)
      if (
        before?.slot.generation === generation &&
        before.flags === flags &&
        before.distinct === low &&
        before.pid === pid &&
        before.slot.exits === exits &&
        before.slot.nsId === nsId
      ) {
        slots.push(before.slot)
        continue
      }
      let known = names.get(index)
      if (known?.generation !== generation) {
        known = {
          generation,
          firstSeen: u64(layout.firstSeen),
          comm: string(layout.comm, layout.commBytes),
          cgroupName: string(layout.cgroupName, layout.nameBytes),
          cgroupParent: string(layout.cgroupParent, layout.nameBytes)
        }
        names.set(index, known)
      }
      const slot: Slot = {
        index,
        generation,
        mntns: u32(layout.mntns),
        cgroupId: u64(layout.cgroupId),
        nsId,
        cgroupName: known.cgroupName,
        cgroupParent: known.cgroupParent,
        pid,
        comm: known.comm,
        firstSeen: known.firstSeen,
        lastSeen: u64(layout.lastSeen),
        lastExit: u64(layout.lastExit),
        filtered: (flags & layout.filteredFlag) !== 0,
        complete: (flags & layout.completeFlag) !== 0,
        // An adopted slot's `pid` is another process than the one that took it.
        started: (flags & (layout.startedFlag | layout.adoptedFlag)) === layout.startedFlag,
        isOnlyCreated: isOnlyCreated(flags, layout) && u32(layout.part) === 0,
        ignored: (flags & layout.ignoredFlag) !== 0,
        distinct: Number(u64(layout.distinct)),
        part: parts[u32(layout.part)] ?? 'entry',
        exits,
        ending: (ending & layout.endedFlag) === 0 ? undefined : ending & 0xffff,
        hasCompat: u32(layout.compatRow) !== 0
      }
      last.set(index, { slot, flags, distinct: low, pid })
      slots.push(slot)
    }
    return slots
  }
}
