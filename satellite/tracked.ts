import type { Slot } from '../native/types.js'
import { type BlockedCalls, noBlockedCalls } from './blocked.js'
import type { Container } from './containers/runtime.js'
import type { SlotPlace } from './slot-processes.js'

/** What the recorder loop knows of one slot in one generation. */
export interface Tracked extends SlotPlace {
  slot: Slot
  container?: Container
  ignored: boolean
  /** No process of it was found. */
  dead: boolean
  /** Its last observation was given away; the slot waits until that is durable. */
  ended: boolean
  blocked: BlockedCalls
  /** slot.distinct when it was last sent; -1: never. */
  sent: number
  sequence: number
  met: number
  aliveAt: number
  /** When blocked calls are looked for next, and which step of settleMs that is. */
  settleAt: number
  settleStep: number
}

export const keyOf = (slot: Slot): string => `${slot.index}.${slot.generation}`

/** A slot that was just met. `sequence`: what its observations go on above. */
export function track(slot: Slot, sequence: number, now: number): Tracked {
  return {
    slot,
    ignored: slot.ignored,
    dead: false,
    ended: false,
    blocked: noBlockedCalls(),
    livePid: slot.pid,
    sent: -1,
    sequence,
    met: now,
    aliveAt: -Infinity,
    settleAt: 0,
    settleStep: 0
  }
}
