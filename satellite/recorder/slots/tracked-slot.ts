import type { Slot } from '../../../native/types.js'
import type { BlockedCalls } from './blocked-calls.js'
import type { Container } from '../../containers/runtime.js'
import type { SlotPlace } from './slot-processes.js'

/** TrackedSlot is what the recorder loop remembers of one slot. Times are of performance.now(). */
export interface TrackedSlot extends SlotPlace {
  slot: Slot
  container?: Container
  ignored: boolean
  /** No process of the slot was found. */
  dead: boolean
  /** Another container has the number of the slot's mount namespace: the slot has ended. */
  superseded: boolean
  /** Its last observation was sent; the slot waits until that is durable. */
  ended: boolean
  /** The slot was alive while the recorder did not count exactly. */
  inexact: boolean
  /** The container is known by the name of its cgroup only. */
  byName: boolean
  /** Losses of the whole recorder before the slot was first seen: later ones may concern this slot. */
  lostBefore: number
  /** Undefined for the many slots that end before a scan for blocked calls. */
  blocked: BlockedCalls | undefined
  /** slot.distinct when the slot was last sent; -1: never. */
  sent: number
  sequence: number
  firstSeenAt: number
  /** When its runtime was last asked for the container. */
  askedAt: number
  /** When to check whether the slot is still alive. */
  checkAt: number
  /** When to scan for blocked calls next, and which step of settleMs that is. */
  settleAt: number
  settleStep: number
  /** Nothing is to be done before this time. */
  dueAt: number
}

/** A slot whose container is known. */
export type NamedSlot = TrackedSlot & { container: Container }

export const isNamed = (tracked: TrackedSlot): tracked is NamedSlot =>
  tracked.container !== undefined && !tracked.ignored

/** Folder of the slot's cgroup if the container's runtime knows it; another instance has another cgroup id. */
export const cgroupFolderIn = (container: Container | undefined, slot: Slot): string | undefined =>
  container?.cgroupId === slot.cgroupId ? container.cgroupFolder : undefined

/** Starts to track a slot. @param at performance.now() */
export function trackSlot(
  slot: Slot,
  sequence: number,
  at: number,
  { inexact, lostBefore }: Pick<TrackedSlot, 'inexact' | 'lostBefore'>
): TrackedSlot {
  // One literal: V8 stores objects made by copying as hash tables, which take five times the memory.
  return {
    slot,
    inexact,
    lostBefore,
    byName: false,
    sequence,
    firstSeenAt: at,
    ignored: slot.ignored,
    dead: false,
    superseded: false,
    ended: false,
    blocked: undefined,
    livePid: slot.pid,
    sent: -1,
    askedAt: -Infinity,
    // The slot may have ended already.
    checkAt: at,
    settleAt: 0,
    settleStep: 0,
    dueAt: at
  }
}

/**
 * Returns whether a container was created and its program has not begun. Nothing is reported of it: all its calls are the
 * runtime's, and it may begin while nobody records. The runtime decides too, because a process of a running container can
 * make a mount namespace of its own, install a filter, and execute nothing.
 */
export const isWaiting = ({ slot, container }: NamedSlot): boolean =>
  slot.isOnlyCreated && container.status === 'created'

/**
 * The slot with what the runtime knows: which process is the container's first. If that had executed nothing when counting
 * began, all calls of the container's program were counted, although the container may have been created before. Nothing is
 * whole before a program began.
 */
export function wholeSlot({ slot, container }: NamedSlot): Slot {
  if (slot.isOnlyCreated) return { ...slot, complete: false }
  const { pid, firstPid = pid } = container
  const isWhole = slot.started && slot.part === 'entry' && slot.pid === firstPid
  return slot.complete || !isWhole ? slot : { ...slot, complete: true }
}

/** The slot as it is reported: not complete if the recorder did not count exactly. */
export function withExactness(named: NamedSlot): NamedSlot {
  const slot = named.inexact ? { ...named.slot, complete: false } : wholeSlot(named)
  return slot === named.slot ? named : { ...named, slot }
}
