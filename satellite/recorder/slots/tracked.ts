import type { Slot } from '../../../native/types.js'
import type { BlockedCalls } from './blocked.js'
import type { Container } from '../../containers/runtime.js'
import type { SlotPlace } from './slot-processes.js'

/** What the recorder loop remembers of one slot. Times are of performance.now(). */
export interface Tracked extends SlotPlace {
  slot: Slot
  container?: Container
  ignored: boolean
  /** No process of it was found. */
  dead: boolean
  /** Another container has the number of its mount namespace, so it is over. */
  superseded: boolean
  /** Its last observation was given away; the slot waits until that is durable. */
  ended: boolean
  /** It lived while the recorder did not count exactly. */
  inexact: boolean
  /** Only its cgroup's name told what it is. */
  byName: boolean
  /** Losses of the whole recorder before it was met: what comes later may be the slot's. */
  lostBefore: number
  /** Of the many that are over before anybody looks for them there are none. */
  blocked: BlockedCalls | undefined
  /** slot.distinct when it was last sent; -1: never. */
  sent: number
  sequence: number
  met: number
  /** Its runtime was asked for it. */
  askedAt: number
  /** When it is looked whether it still lives. */
  checkAt: number
  /** When blocked calls are looked for next, and which step of settleMs that is. */
  settleAt: number
  settleStep: number
  /** Nothing is to be done before. */
  dueAt: number
}

export type Named = Tracked & { container: Container }

export const isNamed = (one: Tracked): one is Named => one.container !== undefined && !one.ignored

export const keyOf = (slot: { index: number; generation: number }): string =>
  `${slot.index}.${slot.generation}`

/** The slot's cgroup as the container's runtime tells it; another instance's is another number. */
export const folderIn = (container: Container | undefined, slot: Slot): string | undefined =>
  container?.cgroupId === slot.cgroupId ? container.cgroupFolder : undefined

/** A slot that was met now. @param at performance.now() */
export function track(
  slot: Slot,
  sequence: number,
  at: number,
  { inexact, lostBefore }: Pick<Tracked, 'inexact' | 'lostBefore'>
): Tracked {
  // One literal: V8 keeps what is copied together as a table, five times as large.
  return {
    slot,
    inexact,
    lostBefore,
    byName: false,
    sequence,
    met: at,
    ignored: slot.ignored,
    dead: false,
    superseded: false,
    ended: false,
    blocked: undefined,
    livePid: slot.pid,
    sent: -1,
    askedAt: -Infinity,
    // It may be over already.
    checkAt: at,
    settleAt: 0,
    settleStep: 0,
    dueAt: at
  }
}

/** The same, and not complete where the recorder did not count exactly. */
export function exactly(one: Named): Named {
  return one.inexact ? { ...one, slot: { ...one.slot, complete: false } } : one
}
