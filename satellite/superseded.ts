import type { Slot } from '../native/types.js'
import type { Tracked } from './tracked.js'

/**
 * Without a cgroup of its own (cgroup v1 only) a container is known by its mount namespace's number alone, and the
 * next one is given that at once. The kernel side tells the two apart and makes a new slot, so whoever has an older
 * namespace of the same number is over, whatever lives under that number now.
 * @param at performance.now()
 */
export function supersedeOlder(tracked: Iterable<Tracked>, slot: Slot, at: number): void {
  if (slot.cgroupId > 1n || slot.nsId === 0n) return
  for (const one of tracked) {
    const { mntns, cgroupId, nsId } = one.slot
    if (mntns !== slot.mntns || cgroupId > 1n || nsId === 0n || nsId === slot.nsId) continue
    if (nsId > slot.nsId) continue
    one.superseded = true
    one.checkAt = one.dueAt = at
  }
}
