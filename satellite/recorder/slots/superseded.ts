import type { Slot } from '../../../native/types.js'
import type { Tracked } from './tracked.js'

/**
 * Without a cgroup of its own (cgroup v1 only) a container is known by its mount namespace's number alone, and the
 * next one is given that at once. The kernel side tells the two apart and makes a new slot, so whoever has an older
 * namespace of the same number is over, whatever lives under that number now.
 * @param slots that are new, or changed. @param at performance.now()
 */
export function supersedeOlder(
  tracked: ReadonlyMap<string, Tracked>,
  slots: readonly Slot[],
  at: number
): void {
  const nameless = slots.filter(({ cgroupId, nsId }) => cgroupId <= 1n && nsId > 0n)
  for (const { mntns } of nameless) {
    const same = [...tracked.values()].filter(
      ({ slot }) => slot.mntns === mntns && slot.cgroupId <= 1n && slot.nsId > 0n
    )
    const newest = same.reduce((most, { slot }) => (slot.nsId > most ? slot.nsId : most), 0n)
    for (const one of same) {
      if (one.superseded || one.slot.nsId === newest) continue
      one.superseded = true
      one.checkAt = one.dueAt = at
    }
  }
}
