import { test } from 'tap'
import type { Slot } from '../../../../native/types.js'
import { DueSlots } from '../../../../satellite/recorder/slots/due-slots.js'
import { type TrackedSlot, trackSlot } from '../../../../satellite/recorder/slots/tracked-slot.js'
import { slotKey } from '../../../../satellite/lib/slot-key.js'

function tracked(count: number): Map<string, TrackedSlot> {
  const all = Array.from({ length: count }, (_, index) => {
    const slot = { index, generation: 1, pid: index + 100, ignored: false } as Slot
    return trackSlot(slot, 0, 0, { inexact: false, lostBefore: 0 })
  })
  return new Map(all.map((one) => [slotKey(one.slot), one]))
}

const none: ReadonlySet<string> = new Set()

/** Scans as the recorder loop does: each slot is due again at the time that `times` has for its index. */
function scanner(all: ReadonlyMap<string, TrackedSlot>) {
  const due = new DueSlots(all)
  const times = new Map<number, number>()
  const scan = (at: number, keys = none): number[] => {
    const found = due.take(at, keys)
    for (const one of found) due.reschedule(one, times.get(one.slot.index) ?? Infinity)
    due.finish()
    return found.map(({ slot }) => slot.index)
  }
  return { due, times, scan }
}

test('due slots are taken, again at their time, and at once after a rescan', (t) => {
  const all = tracked(3)
  const { due, times, scan } = scanner(all)
  for (const at of [0, 1, 2]) times.set(at, 100 * (at + 1))
  t.same(scan(0), [0, 1, 2])
  t.same(scan(99), [])
  times.set(0, 500)
  t.same(scan(100), [0])
  t.same(scan(150, new Set(['2.1'])), [2], 'by key, whenever it is due')
  times.set(1, 1000)
  t.same(scan(250), [1], 'the others keep their time')
  const second = all.get('1.1') as TrackedSlot
  second.dueAt = 260
  t.same(scan(270), [], 'no rescan yet')
  due.rescan()
  t.same(scan(270), [1])
  second.dueAt = 280
  due.take(275, none)
  due.rescan()
  due.finish()
  t.same(scan(280), [1], 'also during a scan')
  t.end()
})

test('an ended slot is never due', (t) => {
  const all = tracked(2)
  const { scan } = scanner(all)
  ;(all.get('0.1') as TrackedSlot).ended = true
  t.same(scan(0), [1])
  t.same(scan(0, new Set(['0.1'])), [0], 'except for its last denials')
  t.end()
})

test('a scan that fails half-way skips no slot', (t) => {
  const all = tracked(2)
  const { due, scan } = scanner(all)
  const [first] = due.take(0, none)
  due.reschedule(first as TrackedSlot, 100)
  // The scan failed here: `finish` was not called.
  t.same(scan(1), [1], 'a slot that was not reached is still due')
  t.same(scan(100), [0])
  t.end()
})
