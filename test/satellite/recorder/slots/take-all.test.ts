import { test } from 'tap'
import type { Slot } from '../../../../native/types.js'
import { changesAtOnce, takeAll } from '../../../../satellite/recorder/slots/take-all.js'

test('all changes are taken, and none is waited for', (t) => {
  // [slots, how often there are more, rounds]
  const table: [slots: number, more: number, rounds: number][] = [
    [0, 0, 1],
    [1, 0, 1],
    [changesAtOnce, 1, 2],
    [changesAtOnce + 1, 1, 2],
    [3 * changesAtOnce, 2, 3],
    [3 * changesAtOnce, Infinity, 4],
    [3 * changesAtOnce + 1, Infinity, 5],
    [1, Infinity, 2],
    [0, Infinity, 1]
  ]
  for (const [slots, more, expected] of table) {
    let rounds = 0
    takeAll({ slots: () => Array.from({ length: slots }, () => ({}) as Slot) }, () => {
      rounds += 1
      return rounds <= more
    })
    t.equal(rounds, expected, `${slots} slots, ${more} times more`)
  }
  t.end()
})
