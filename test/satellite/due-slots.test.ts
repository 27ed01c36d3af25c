import { test } from 'tap'
import { createDueSlots } from '../../satellite/due-slots.js'
import { keyOf, track, type Tracked } from '../../satellite/tracked.js'
import type { Slot } from '../../native/types.js'

function tracked(count: number): Map<string, Tracked> {
  const all = Array.from({ length: count }, (_, index) => {
    const slot = { index, generation: 1, pid: index + 100, ignored: false } as Slot
    return track(slot, false, 0, 0)
  })
  return new Map(all.map((one) => [keyOf(one.slot), one]))
}

const none: ReadonlySet<string> = new Set()
const indices = (due: readonly Tracked[]) => due.map(({ slot }) => slot.index)

test('what is due is taken, again when its time has come, and at once when somebody says so', (t) => {
  const all = tracked(3)
  const due = createDueSlots(all)
  const found = due.take(0, none)
  t.same(indices(found), [0, 1, 2])
  for (const [at, one] of found.entries()) due.again(one, 100 * (at + 1))
  t.same(indices(due.take(99, none)), [])
  t.same(indices(due.take(100, none)), [0])
  due.again(found[0] as Tracked, 500)
  t.same(indices(due.take(150, new Set(['2.1']))), [2], 'asked for, whenever it is due')
  t.same(indices(due.take(250, none)), [1], 'the others keep their time')
  due.again(found[1] as Tracked, 1000)
  const second = all.get('1.1') as Tracked
  second.dueAt = 260
  t.same(indices(due.take(270, none)), [], 'nobody said so')
  due.earlier()
  t.same(indices(due.take(270, none)), [1])
  t.end()
})

test('what has ended is never due', (t) => {
  const all = tracked(2)
  const due = createDueSlots(all)
  ;(all.get('0.1') as Tracked).ended = true
  t.same(indices(due.take(0, none)), [1])
  due.again(all.get('1.1') as Tracked, 500)
  t.same(indices(due.take(0, new Set(['0.1']))), [0], 'but for what it was refused last')
  t.end()
})
