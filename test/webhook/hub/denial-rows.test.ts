import { test } from 'tap'
import type { Denial } from '../../../webhook/hub/denial.js'
import { createDenialRows } from '../../../webhook/hub/denial-rows.js'

test('refused calls of an earlier run with the same id are not those of the next', (t) => {
  const rows = createDenialRows()
  const denial = (instance: string, lastSeen: string) =>
    ({
      ...{ node: 'n1', container: 'web', instance, lastSeen, action: 'SCMP_ACT_ERRNO', errno: 1 },
      ...{ signal: '', syscall: 'getsid', at: '', expected: false }
    }) as Denial
  rows.grow(denial('n1/1', '2026-01-01T00:00:05Z'), 3, '2026-01-01T00:00:05Z')
  t.same(rows.ofContainer('n1', 'web', '2026-01-01T00:00:00.000Z'), { denials: 3, expected: 0 })
  t.same(rows.ofContainer('n1', 'web', '2026-01-01T00:01:00.000Z'), { denials: 0, expected: 0 })
  rows.grow(denial('n1/1', '2026-01-01T00:01:00.1Z'), 2, '2026-01-01T00:01:01Z')
  t.same(
    rows.ofContainer('n1', 'web', '2026-01-01T00:01:00.000Z'),
    { denials: 0, expected: 0 },
    'nor what it did to its very end'
  )
  rows.grow(denial('n1/2', '2026-01-01T00:01:02.5Z'), 1, '2026-01-01T00:01:03Z')
  t.same(rows.ofContainer('n1', 'web', '2026-01-01T00:01:00.000Z'), { denials: 1, expected: 0 })
  const listed = (since: string) =>
    rows.listOf('n1', 'web', since).map(({ instance, count }) => [instance, count])
  t.same(listed('2026-01-01T00:01:00.000Z'), [['n1/2', 1]], 'the list is of what is counted')
  t.same(listed('2026-01-01T00:00:00.000Z'), [
    ['n1/1', 5],
    ['n1/2', 1]
  ])
  t.same(rows.listOf('n2', 'web', '2026-01-01T00:00:00.000Z'), [])
  t.end()
})
