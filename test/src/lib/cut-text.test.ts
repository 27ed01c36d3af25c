import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { cutText } from '../../../src/lib/cut-text.js'

test('a text that was cut keeps nothing of the rest', (t) => {
  t.equal(cutText('short', 5), 'short')
  t.equal(cutText('longer than that', 6), 'longer')
  t.equal(cutText('ü€😀', 2), 'ü€')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const before = process.memoryUsage().heapUsed
  const kept = Array.from({ length: 100 }, (_, i) => cutText(`${i}${'x'.repeat(1_000_000)}`, 20))
  collect()
  const grown = process.memoryUsage().heapUsed - before
  t.ok(grown < 20_000_000, `${kept.length} texts of 20 characters take ${grown} bytes`)
  t.end()
})
