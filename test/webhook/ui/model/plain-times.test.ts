import { test } from 'tap'
import { plainTimes } from '../../../../webhook/ui/model/plain-times.js'

test('times in a sentence of a page', (t) => {
  // [what, text, expected]
  const table: [string, string, string][] = [
    ['a time', 'since 2026-01-01T08:00:05Z, by ann', 'since 2026-01-01 08:00:05 UTC, by ann'],
    ['milliseconds', 'at 2026-01-01T08:00:05.123Z.', 'at 2026-01-01 08:00:05 UTC.'],
    ['none', 'web@1 of 2026-01-01', 'web@1 of 2026-01-01'],
    [
      'of a command',
      'secco x --since 2026-01-01T08:00:05Z',
      'secco x --since 2026-01-01T08:00:05Z'
    ],
    ['of a command', 'secco x --at=2026-01-01T08:00:05Z', 'secco x --at=2026-01-01T08:00:05Z']
  ]
  for (const [what, text, expected] of table) t.equal(plainTimes(text), expected, what)
  t.end()
})
