import { test } from 'tap'
import { createLogger } from '../../../../src/lib/log.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { createDenials } from '../../../../webhook/hub/denials/denials.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('denials of an earlier run with the same id do not count for the next run', (t) => {
  const rows = new DenialRows()
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

test('a row gets the caller of a denial that was counted before', (t) => {
  const rows = new DenialRows()
  const denials = createDenials(createLogger('test', { write: () => undefined }), (one, added) =>
    rows.grow(one, added, one.lastSeen)
  )
  const denial = (count: number, more: Partial<Denial> = {}) =>
    ({
      ...{
        node: 'n1',
        container: 'web',
        instance: 'n1/1',
        lastSeen: `2026-01-01T00:00:0${count}Z`
      },
      ...{ action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', syscall: 'getsid', at: '' },
      ...{ expected: false, abi: 'x86_64', comm: '', pid: 0, arguments: '', count, ...more }
    }) as Denial
  const named = { comm: 'app', pid: 7 }
  const listed = () => rows.list().map(({ comm, count }) => `${comm || '-'} ${count}`)
  const told: string[] = []
  rows.onNews(({ comm, added }) => told.push(`${comm || '-'} +${added}`))
  for (const [what, one, wanted] of [
    ['counted', denial(1), ['- 1']],
    ['the same again', denial(1), ['- 1']],
    ['who it was', denial(1, named), ['app 1']],
    ['once more', denial(1, named), ['app 1']],
    ['more of them', denial(3, named), ['app 3']],
    ['more, of nobody', denial(4), ['app 3', '- 1']],
    ['that was the same one', denial(4, named), ['app 4']],
    ['another call', denial(1, { syscall: 'getpgid' }), ['app 4', '- 1']],
    ['an older word', denial(2, named), ['app 4', '- 1']],
    ['one without a name', denial(1, { syscall: 'getpgid', pid: 8 }), ['app 4', '- 1']]
  ] as const) {
    denials.note([one])
    t.same(listed(), wanted, what)
  }
  t.same(told, ['- +1', 'app +0', 'app +2', '- +1', 'app +0', '- +1', '- +0'])
  const ofAll = () => rows.ofContainer('n1', 'web', '2026-01-01T00:00:00Z')
  t.same(ofAll(), { denials: 5, expected: 0 })

  // What a filter answers tells whether it does so on purpose.
  const probed = { ...named, errno: 38, expected: true }
  denials.note([denial(3, { syscall: 'clone3', errno: 0 })])
  t.same(ofAll(), { denials: 8, expected: 0 })
  denials.note([denial(3, { syscall: 'clone3', lastSeen: '2026-01-01T00:09:00Z', ...probed })])
  t.same(ofAll(), { denials: 5, expected: 3 })
  t.match(rows.list().at(-1), { expected: true, count: 3, lastSeen: '2026-01-01T00:00:03Z' })
  t.notOk(
    rows.totals().some(({ count }) => count === 0),
    'no counter of nothing'
  )
  t.end()
})

test('a row that replaces one without a caller keeps its first time', (t) => {
  const rows = new DenialRows()
  const at = (second: number) => `2026-01-01T00:00:0${second}Z`
  const denial = (count: number, comm: string) =>
    ({
      ...{ node: 'n1', container: 'web', instance: 'n1/1', lastSeen: at(count), count, comm },
      ...{ action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', syscall: 'getsid', at: '' },
      ...{ expected: false, abi: 'x86_64', pid: comm === '' ? 0 : 7, arguments: '' }
    }) as Denial
  for (const [one, added] of [
    [denial(1, ''), 1],
    [denial(2, 'app'), 1],
    [denial(3, ''), 1],
    [denial(3, 'app'), 0]
  ] as const) {
    rows.grow(one, added, one.lastSeen)
  }
  matchLists(t, rows.list(), [{ comm: 'app', count: 3, firstSeen: at(1), lastSeen: at(3) }])
  t.equal(rows.list().length, 1)
  t.end()
})

test('a denial that grows among very many is not counted twice', (t) => {
  const grown: string[] = []
  const denials = createDenials(createLogger('test', { write: () => undefined }), (one, added) =>
    grown.push(`${one.instance} +${added}`)
  )
  const denial = (at: number, count: number) =>
    ({
      ...{ node: 'n1', instance: `i${at}`, lastSeen: '2026-01-01T00:00:00Z', at: '', count },
      ...{ action: 'SCMP_ACT_ERRNO', errno: 38, signal: '', syscall: 'clone3', expected: true },
      ...{ abi: 'x86_64', comm: 'app', pid: 7, arguments: '', container: 'web' }
    }) as Denial
  const many = Array.from({ length: 3000 }, (_, at) => denial(at, 5))
  denials.note(many)
  t.equal(grown.length, 3000)
  t.equal(denials.list().length, 1000, 'the newest')
  grown.length = 0
  denials.note([denial(3, 6), denial(4, 5)])
  t.same(grown, ['i3 +1'])
  t.equal(denials.list().at(-1)?.instance, 'i3')
  t.end()
})

test('a full table forgets the oldest rows and moves the time since which denials are known', (t) => {
  const rows = new DenialRows({ since: '2026-01-01T00:00:00.000Z', rows: [], runs: {} })
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 1, 0, second)).toISOString()
  const add = (nr: number) =>
    rows.grow(
      {
        ...{ node: 'n1', container: 'web', instance: `n1/${nr}`, action: 'SCMP_ACT_ERRNO' },
        ...{ errno: 1, signal: '', syscall: 'getsid', at: '', lastSeen: at(nr) }
      } as Denial,
      1,
      at(nr)
    )
  for (let nr = 0; nr < 5000; nr += 1) add(nr)
  t.equal(rows.knownSince(), '2026-01-01T00:00:00.000Z')
  add(5000)
  t.equal(rows.knownSince(), at(0), 'since the newest call of the row that was left out')
  t.equal(rows.list().length, 5000)
  t.end()
})
