import { test } from 'tap'
import { atLeast } from '../../../../src/seccomp/review/times-seen.js'

test('a count of observations is a lower bound, in words', (t) => {
  const table: [string, string][] = [
    [atLeast(1), 'at least 1 time'],
    [atLeast(83), 'at least 83 times'],
    [atLeast(1200, 'call', '1.2 k'), 'at least 1.2 k calls']
  ]
  for (const [text, expected] of table) t.equal(text, expected)
  t.end()
})
