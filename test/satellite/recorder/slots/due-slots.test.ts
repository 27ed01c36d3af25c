import { test } from 'tap'
import type { Slot } from '../../../../native/types.js'
import { createDueSlots } from '../../../../satellite/recorder/slots/due-slots.js'
import { keyOf, track, type Tracked } from '../../../../satellite/recorder/slots/tracked.js'

function tracked(count: number): Map<string, Tracked> {
  const all = Array.from({ length: count }, (_, index) => {
    const slot = { index, generation: 1, pid: index + 100, ignored: false } as Slot
    return track(slot, 0, 0, { inexact: false, lostBefore: 0 })
  })
  return new Map(all.map((one) => [keyOf(one.slot), one]))
}

const none: ReadonlySet<string> = new Set()

/** Looks as the recorder loop does: each is due again at what `times` says of its index. */
function looker(all: ReadonlyMap<string, Tracked>) {
  const due = createDueSlots(all)
  const times = new Map<number, number>()
  const look = (at: number, keys = none): number[] => {
    const found = due.take(at, keys)
    for (const one of found) due.again(one, times.get(one.slot.index) ?? Infinity)
    due.looked()
    return found.map(({ slot }) => slot.index)
  }
  return { due, times, look }
}

test('what is due is taken, again when its time has come, and at once when somebody says so', (t) => {
  const all = tracked(3)
  const { due, times, look } = looker(all)
  for (const at of [0, 1, 2]) times.set(at, 100 * (at + 1))
  t.same(look(0), [0, 1, 2])
  t.same(look(99), [])
  times.set(0, 500)
  t.same(look(100), [0])
  t.same(look(150, new Set(['2.1'])), [2], 'asked for, whenever it is due')
  times.set(1, 1000)
  t.same(look(250), [1], 'the others keep their time')
  const second = all.get('1.1') as Tracked
  second.dueAt = 260
  t.same(look(270), [], 'nobody said so')
  due.earlier()
  t.same(look(270), [1])
  second.dueAt = 280
  due.take(275, none)
  due.earlier()
  due.looked()
  t.same(look(280), [1], 'and while a look is under way')
  t.end()
})

test('what has ended is never due', (t) => {
  const all = tracked(2)
  const { look } = looker(all)
  ;(all.get('0.1') as Tracked).ended = true
  t.same(look(0), [1])
  t.same(look(0, new Set(['0.1'])), [0], 'but for what it was refused last')
  t.end()
})

test('a look that fails half-way forgets nobody', (t) => {
  const all = tracked(2)
  const { due, look } = looker(all)
  const [first] = due.take(0, none)
  due.again(first as Tracked, 100)
  // Here it failed: nobody said that all were looked at.
  t.same(look(1), [1], 'what was not reached is still due')
  t.same(look(100), [0])
  t.end()
})
