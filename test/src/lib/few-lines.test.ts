import { test } from 'tap'
import { FewLines } from '../../../src/lib/few-lines.js'

test('a flood is a few lines, and how many there were', (t) => {
  let now = 0
  const lines = new FewLines(() => now)
  const flood = (count: number) => Array.from({ length: count }, () => lines.next())
  const first = flood(1000).filter((one) => one !== undefined)
  t.same(first, Array(50).fill({}))
  now += 1000
  const later = flood(1000).filter((one) => one !== undefined)
  t.same(later, [{ unlogged: 950 }, {}])
  now += 100_000
  t.same(lines.next(), { unlogged: 998 })
  t.same(lines.next(), {})
  t.end()
})
