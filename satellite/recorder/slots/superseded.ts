import type { Slot } from '../../../native/types.js'
import type { TrackedSlot } from './tracked-slot.js'

const hasNoCgroup = ({ cgroupId, nsId }: Slot): boolean => cgroupId <= 1n && nsId > 0n

/**
 * Marks slots as ended whose mount namespace number belongs to a newer namespace. On a node with cgroup v1
 * only, that number alone identifies a container, and the kernel gives it to the next namespace at once. The
 * kernel side tells the two apart by `nsId` and makes a new slot, so an older slot of that number has ended,
 * whatever runs under the number now.
 * @param slots slots that are new or changed. @param at performance.now()
 */
export function supersedeOlder(
  tracked: ReadonlyMap<string, TrackedSlot>,
  slots: readonly Slot[],
  at: number
): void {
  for (const { mntns } of slots.filter(hasNoCgroup)) {
    const same = [...tracked.values()].filter(
      ({ slot }) => slot.mntns === mntns && hasNoCgroup(slot)
    )
    const newest = same.reduce((max, { slot }) => (slot.nsId > max ? slot.nsId : max), 0n)
    for (const one of same) {
      if (one.superseded || one.slot.nsId === newest) continue
      one.superseded = true
      one.checkAt = one.dueAt = at
    }
  }
}
