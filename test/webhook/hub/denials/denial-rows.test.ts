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
  t.same(rows.ofContainer({ node: 'n1', id: 'web', startedAt: '2026-01-01T00:00:00.000Z' }), {
    denials: 3,
    expected: 0
  })
  t.same(rows.ofContainer({ node: 'n1', id: 'web', startedAt: '2026-01-01T00:01:00.000Z' }), {
    denials: 0,
    expected: 0
  })
  rows.grow(denial('n1/1', '2026-01-01T00:01:00.1Z'), 2, '2026-01-01T00:01:01Z')
  t.same(
    rows.ofContainer({ node: 'n1', id: 'web', startedAt: '2026-01-01T00:01:00.000Z' }),
    { denials: 0, expected: 0 },
    'nor what it did to its very end'
  )
  rows.grow(denial('n1/2', '2026-01-01T00:01:02.5Z'), 1, '2026-01-01T00:01:03Z')
  t.same(rows.ofContainer({ node: 'n1', id: 'web', startedAt: '2026-01-01T00:01:00.000Z' }), {
    denials: 1,
    expected: 0
  })
  const listed = (since: string) =>
    rows
      .listOf({ node: 'n1', id: 'web', startedAt: since })
      .map(({ instance, count }) => [instance, count])
  t.same(listed('2026-01-01T00:01:00.000Z'), [['n1/2', 1]], 'the list is of what is counted')
  t.same(listed('2026-01-01T00:00:00.000Z'), [
    ['n1/1', 5],
    ['n1/2', 1]
  ])
  t.same(rows.listOf({ node: 'n2', id: 'web', startedAt: '2026-01-01T00:00:00.000Z' }), [])
  t.end()
})

test('the times of a denial are those of its calls, as far as they are known', (t) => {
  const at = (second: number) => `2026-01-01T00:00:0${second}Z`
  const denial = (comm: string, times: Partial<Denial>) =>
    ({
      ...{ node: 'n1', container: 'web', instance: 'n1/1', lastSeen: at(8), syscall: 'getsid' },
      ...{ action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', abi: 'x86_64', comm, pid: 7 },
      ...{ arguments: '', expected: false, at: '', ...times }
    }) as Denial
  const rows = new DenialRows()
  const timesOf = (comm: string) => {
    const row = rows.list().find((one) => one.comm === comm)
    return [row?.firstSeen, row?.at, row?.lastSeen]
  }
  rows.grow(denial('app', { firstAt: at(1), at: at(3) }), 2, at(8))
  t.same(timesOf('app'), [at(1), at(3), at(8)])
  rows.grow(denial('app', { firstAt: at(1), at: at(5) }), 1, at(9))
  t.same(timesOf('app'), [at(1), at(5), at(9)], 'the first stays the first')
  rows.grow(denial('other', { firstAt: at(1), at: at(6) }), 1, at(9))
  t.same(timesOf('other'), [at(6), at(6), at(9)], 'the first call was of another process')
  const unknown = new DenialRows()
  unknown.grow(denial('app', {}), 1, at(8))
  unknown.grow(denial('late', { at: at(9) }), 1, at(8))
  t.same(
    unknown.list().map(({ firstSeen, at }) => [firstSeen, at]),
    [
      [at(8), at(8)],
      [at(8), at(8)]
    ],
    'not known, or by a clock that is ahead: when the hub heard of it'
  )
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
  const ofAll = () => rows.ofContainer({ node: 'n1', id: 'web', startedAt: '2026-01-01T00:00:00Z' })
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

test('what an earlier version hid is open where no C library does without the call', (t) => {
  const earlier = new DenialRows()
  for (const syscall of ['clone3', 'memfd_create']) {
    earlier.grow(
      {
        ...{ node: 'n1', container: 'web', instance: `n1/${syscall}`, action: 'SCMP_ACT_ERRNO' },
        ...{ namespace: 'shop', errno: 38, signal: '', syscall, at: '', expected: true },
        lastSeen: '2026-01-01T00:00:00Z'
      } as Denial,
      3,
      '2026-01-01T00:00:00Z'
    )
  }
  const saved = earlier.saved()
  const recorded = new DenialRows()
  for (const row of saved.rows) recorded.learn(row, 3)
  for (const [what, rows] of Object.entries({ 'a file': new DenialRows(saved), recorded })) {
    const found = rows.list().map(({ syscall, expected }) => [syscall, expected])
    const wanted = [
      ['clone3', true],
      ['memfd_create', false]
    ]
    t.same(found, wanted, what)
    const run = { node: 'n1', id: 'web', startedAt: '2026-01-01T00:00:00Z' }
    t.same(rows.ofContainer(run), { denials: 3, expected: 3 }, `${what}: counted`)
  }
  t.end()
})

test('a full table forgets the oldest rows and moves the time since which denials are known', (t) => {
  const rows = new DenialRows({ since: '2026-01-01T00:00:00.000Z', rows: [], runs: {} })
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 1, 0, second)).toISOString()
  const add = (nr: number) =>
    rows.grow(
      {
        ...{ node: 'n1', container: 'web', instance: `n1/${nr}`, action: 'SCMP_ACT_ERRNO' },
        ...{ namespace: 'shop', errno: 1, signal: '', syscall: 'getsid', at: '', lastSeen: at(nr) }
      } as Denial,
      1,
      at(nr)
    )
  for (let nr = 0; nr < 5000; nr += 1) add(nr)
  t.equal(rows.knownSince(), '2026-01-01T00:00:00.000Z')
  add(5000)
  t.equal(rows.knownSince(), at(0), 'since the newest call of the row that was left out')
  t.equal(rows.knownSince('shop'), at(0))
  t.equal(rows.knownSince('ops'), '2026-01-01T00:00:00.000Z', 'not of another namespace')
  t.equal(rows.list().length, 5000)
  t.end()
})

test('one container does not take the rows of others, whatever its programs are called', (t) => {
  const rows = new DenialRows()
  const at = '2026-01-01T00:00:00Z'
  const denied = (namespace: string, container: string, syscall: string, comm: string) =>
    rows.grow(
      {
        ...{ node: 'n1', namespace, container, instance: `n1/${container}`, syscall, comm, pid: 5 },
        ...{ abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', arguments: comm },
        ...{ at, lastSeen: at }
      } as Denial,
      1,
      at
    )
  const of = (namespace: string) => rows.list().filter((row) => row.namespace === namespace)
  denied('bank', 'app', 'mount', 'app')
  for (let nr = 0; nr < 6000; nr += 1) denied('evil', 'one', `s${nr % 3}`, `comm${nr}`)
  t.equal(of('evil').length, 203, 'further callers join a row without a name, one for each call')
  t.equal(
    of('evil').reduce((sum, { count }) => sum + count, 0),
    6000,
    'every call is counted'
  )
  t.match(of('evil').at(-1), { comm: '', pid: 0, arguments: '?' })
  t.equal(of('bank').length, 1)
  for (let nr = 0; nr < 6000; nr += 1) denied('evil', `many${nr}`, 'mount', 'app')
  t.equal(rows.list().length, 5000)
  t.equal(of('bank').length, 1, 'nor do many containers of a namespace')
  t.end()
})

test('denials of a deleted profile are kept, and a later one of its name does not get them', (t) => {
  const rows = new DenialRows({ since: '2026-01-01T00:00:00.000Z', rows: [], runs: {} })
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`
  const denial = (instance: string, syscall: string, more: Partial<Denial> = {}) =>
    ({
      ...{ node: 'n1', namespace: 'shop', profile: 'web', container: instance, instance, syscall },
      ...{ action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', abi: 'x86_64', comm: 'app', pid: 7 },
      ...{ arguments: '', expected: false, at: '', lastSeen: at(1), revision: 'r1', ...more }
    }) as Denial
  const deletedOf = (one: DenialRows) =>
    one.list().map((row) => [row.instance, row.syscall, row.count, row.deleted, row.revision])
  rows.grow(denial('n1/1', 'getsid'), 2, at(1))
  rows.grow(denial('n1/2', 'getsid', { profile: 'api' }), 1, at(1))
  rows.profileDeleted('shop', 'web', at(3))
  rows.profileDeleted('shop', 'web', at(4))
  t.same(deletedOf(rows), [
    ['n1/1', 'getsid', 2, at(3), 'r1'],
    ['n1/2', 'getsid', 1, undefined, 'r1']
  ])
  // Its node no longer holds the revision; the container runs on.
  rows.grow(denial('n1/1', 'getsid', { revision: '' }), 1, at(5))
  rows.grow(denial('n1/1', 'mkdir'), 1, at(5))
  rows.grow(denial('n1/3', 'getsid', { revision: 'r2' }), 1, at(6))
  const known = [
    ['n1/2', 'getsid', 1, undefined, 'r1'],
    ['n1/1', 'getsid', 3, at(3), 'r1'],
    ['n1/1', 'mkdir', 1, at(3), 'r1'],
    ['n1/3', 'getsid', 1, undefined, 'r2']
  ]
  t.same(deletedOf(rows), known)
  t.same(deletedOf(new DenialRows(rows.saved())), known, 'also after a restart')
  t.end()
})

test('of a profile that was made again while nobody watched, only what was denied before is of the former one', (t) => {
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`
  const rows = new DenialRows({ since: at(0), rows: [], runs: {} })
  for (const [nth, first] of [1, 3, 5].entries()) {
    const instance = `n1/${nth}`
    const one = {
      ...{ node: 'n1', namespace: 'shop', profile: 'web', container: instance, instance },
      ...{ action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', abi: 'x86_64', comm: 'app', pid: 7 },
      ...{ syscall: 'getsid', arguments: '', expected: false, at: '', revision: '' },
      lastSeen: at(first)
    }
    rows.grow(one as Denial, 1, at(first))
  }
  // Found at second 6; the one of now was created at second 3.
  rows.profileDeleted('shop', 'web', at(6), '2026-01-01T00:00:03Z')
  t.same(
    rows.list().map(({ instance, deleted }) => [instance, deleted]),
    [
      ['n1/0', '2026-01-01T00:00:03Z'],
      ['n1/1', undefined],
      ['n1/2', undefined]
    ]
  )
  t.end()
})
