import { test } from 'tap'
import type { Slot } from '../../native/types.js'
import { observationId } from '../../satellite/observation.js'
import { supersedeOlder } from '../../satellite/superseded.js'
import { track } from '../../satellite/tracked.js'

const slot = (more: Partial<Slot> = {}) =>
  ({
    ...{ index: 0, generation: 0, mntns: 7, cgroupId: 1n, nsId: 10n, pid: 1, ignored: false },
    ...{ part: 'entry', firstSeen: 1n, ...more }
  }) as Slot

test('whose namespace has another owner now is over', (t) => {
  for (const [what, known, isOver] of [
    ['an older one', slot(), true],
    ['a probe in it', slot({ part: 'probe' }), true],
    ['the same one', slot({ nsId: 20n, part: 'probe' }), false],
    ['a younger one', slot({ nsId: 30n }), false],
    ['another number', slot({ mntns: 8 }), false],
    ['a cgroup of its own tells', slot({ cgroupId: 5n }), false],
    ['it is not known which', slot({ nsId: 0n }), false]
  ] as const) {
    const one = track(known, 0, 0, { inexact: false, lostBefore: 0 })
    one.checkAt = 99
    supersedeOlder([one], slot({ index: 1, nsId: 20n }), 5)
    t.equal(one.superseded, isOver, what)
    t.equal(one.checkAt, isOver ? 5 : 99, what)
  }
  t.end()
})

test('observations of two owners of one number have two ids', (t) => {
  const [first, second] = [slot(), slot({ index: 1, firstSeen: 2n })]
  t.not(observationId('n/b', first), observationId('n/b', second))
  const own = { cgroupId: 5n }
  t.equal(observationId('n/b', slot(own)), 'n/b/7.5.0', 'its cgroup tells, also after a restart')
  t.equal(observationId('n/b', slot({ ...own, firstSeen: 9n })), 'n/b/7.5.0')
  t.end()
})
