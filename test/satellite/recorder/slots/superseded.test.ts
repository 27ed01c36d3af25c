import { test } from 'tap'
import type { Slot } from '../../../../native/types.js'
import { observationId } from '../../../../satellite/recorder/slots/observation.js'
import { supersedeOlder } from '../../../../satellite/recorder/slots/superseded.js'
import { trackSlot } from '../../../../satellite/recorder/slots/tracked-slot.js'

const slot = (more: Partial<Slot> = {}) =>
  ({
    ...{ index: 0, generation: 0, mntns: 7, cgroupId: 1n, nsId: 10n, pid: 1, ignored: false },
    ...{ part: 'entry', firstSeen: 1n, ...more }
  }) as Slot

test('a slot whose mount namespace number has a newer owner has ended', (t) => {
  for (const first of [true, false]) {
    for (const [what, known, isOver] of [
      ['an older one', slot(), true],
      ['a probe in it', slot({ part: 'probe' }), true],
      ['the same one', slot({ nsId: 20n, part: 'probe' }), false],
      ['a newer one', slot({ nsId: 30n }), false],
      ['another number', slot({ mntns: 8 }), false],
      ['one with its own cgroup', slot({ cgroupId: 5n }), false],
      ['one whose age is unknown', slot({ nsId: 0n }), false]
    ] as const) {
      const facts = { inexact: false, lostBefore: 0 }
      const one = trackSlot(known, 0, 0, facts)
      const other = trackSlot(slot({ index: 1, nsId: 20n }), 0, 0, facts)
      one.checkAt = 99
      const all = new Map([
        ['other', other],
        ['one', one]
      ])
      // Slots come in the order of their index, whichever is older.
      supersedeOlder(all, [first ? other.slot : one.slot], 5)
      t.equal(other.superseded, known.nsId === 30n, `${what}: the other one`)
      t.equal(one.superseded, isOver, what)
      t.equal(one.checkAt, isOver ? 5 : 99, what)
    }
  }
  t.end()
})

test('observations of two owners of one number have different ids', (t) => {
  const [first, second] = [slot(), slot({ index: 1, pid: 2 })]
  t.not(observationId('n/b', first), observationId('n/b', second))
  const again = slot({ index: 2, firstSeen: 7n })
  t.equal(observationId('n/b', again), observationId('n/b', first), 'adopted after a restart')
  const own = { cgroupId: 5n }
  t.equal(observationId('n/b', slot(own)), 'n/b/7.5.0', 'its cgroup identifies it')
  t.equal(observationId('n/b', slot({ ...own, pid: 9 })), 'n/b/7.5.0')
  t.end()
})
