import { test } from 'tap'
import { dropOldest } from '../../../src/lib/drop-oldest.js'

test('what has been there for longest goes first', (t) => {
  for (const [most, left] of [
    [4, 'abc'],
    [3, 'abc'],
    [2, 'bc'],
    [0, '']
  ] as const) {
    const set = new Set(['a', 'b', 'c'])
    const map = new Map([...set].map((key) => [key, 1]))
    dropOldest(map, most)
    dropOldest(set, most)
    t.same([[...map.keys()].join(''), [...set].join('')], [left, left], `at most ${most}`)
  }
  t.end()
})
