import { test } from 'tap'
import { plural } from '../../../src/lib/plural.js'
import { durationMs, durationText } from '../../../src/lib/duration.js'

test('words', (t) => {
  t.same(
    [0, 1, 2].map((n) => plural(n, 'instance')),
    ['0 instances', '1 instance', '2 instances']
  )
  t.equal(plural(2, 'entry', 'entries'), '2 entries')
  const spans = [
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000]
  ] as const
  for (const [text, ms] of spans) t.equal(durationMs(text), ms)
  t.equal(durationMs('soon'), undefined)
  t.same([-5, 90_000, 7_200_000, 200_000_000].map(durationText), ['0s', '90s', '2h', '2d'])
  t.end()
})
