import { test } from 'tap'
import { createLogger } from '../../../../src/lib/log.js'
import type { DenialDetail, DeniedValue } from '../../../../src/api/gen/hub.js'
import { type Denial, denialsOf } from '../../../../webhook/hub/denials/denial.js'
import { createDenials } from '../../../../webhook/hub/denials/denials.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { quiet } from '../../../helpers/quiet.js'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString()

const valueOf = (text: string, count: number, second: number): DeniedValue => ({
  ...{ arguments: text, count, errno: 1, pid: second, comm: 'app' },
  ...{ at: at(second), firstAt: at(second) }
})

/** A report of a node: the sum of all calls, and the calls by their values, the newest last. */
function reported(count: number, values: DeniedValue[] | undefined, newest = ''): Denial {
  const detail: DenialDetail = {
    ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: 'app', at: at(1), expected: false },
    ...{ succeeded: 0, arguments: values?.at(-1)?.arguments ?? newest },
    ...(values === undefined ? {} : { values: { values } })
  }
  const target = {
    ref: { namespace: 'shop', name: 'web' },
    workload: { kind: 'Deployment', name: 'web' }
  }
  const [denial] = denialsOf(
    {
      ...{ id: 'n1/1', revision: '', container: undefined },
      denied: [{ name: 'socket', count, action: 'SCMP_ACT_ERRNO', detail }]
    },
    { target, node: 'n1', lastSeen: at(1) }
  )
  return denial as Denial
}

function hub(before = new DenialRows()) {
  const rows = new DenialRows(before.saved())
  const denials = createDenials(
    createLogger('test', quiet),
    (one, added) => rows.grow(one, added, one.lastSeen),
    rows.list()
  )
  const listed = () => rows.list().map((row) => `${row.arguments} ${row.count}`)
  return { rows, denials, listed }
}

const [netlink, packet, vsock] = ['0x10', '0x11', '0x28']

test('each value of a denied call has its own row, whichever report brings it', (t) => {
  const { denials, listed, rows } = hub()
  const reports: [string, Denial, string[]][] = [
    [
      'two in one report',
      reported(5, [valueOf(netlink, 2, 1), valueOf(packet, 3, 2)]),
      ['0x10 2', '0x11 3']
    ],
    [
      'the same again',
      reported(5, [valueOf(netlink, 2, 1), valueOf(packet, 3, 2)]),
      ['0x10 2', '0x11 3']
    ],
    [
      'more of the first, and a third',
      reported(9, [valueOf(packet, 3, 2), valueOf(vsock, 1, 3), valueOf(netlink, 5, 4)]),
      ['0x11 3', '0x28 1', '0x10 5']
    ],
    [
      'more in total than of its values: the newest arguments',
      reported(10, [valueOf(vsock, 1, 3), valueOf(netlink, 5, 4)]),
      ['0x11 3', '0x28 1', '0x10 6']
    ],
    [
      'and not more than in total, whatever a node reports',
      reported(11, [valueOf(packet, 1000, 6)]),
      ['0x28 1', '0x10 6', '0x11 4']
    ],
    ['an earlier satellite', reported(12, undefined, vsock), ['0x10 6', '0x11 4', '0x28 2']]
  ]
  for (const [what, denial, expected] of reports) {
    denials.note([denial])
    t.same(listed(), expected, what)
  }
  const next = hub(rows)
  next.denials.note([reported(12, [valueOf(packet, 4, 6), valueOf(netlink, 6, 7)])])
  t.same(next.listed(), listed(), 'the next hub on the same folder counts nothing twice')
  next.denials.note([reported(14, [valueOf(packet, 5, 8), valueOf(netlink, 7, 9)])])
  t.same(next.listed(), ['0x28 2', '0x11 5', '0x10 7'])
  t.end()
})

test('a container that tries very many values has few rows, and each call counts', (t) => {
  const { denials, listed, rows } = hub()
  let total = 0
  for (let first = 0; first < 10_000; first += 100) {
    total += 100
    // A node reports the newest ones.
    const values = Array.from({ length: 16 }, (_, each) => {
      const one = first + 84 + each
      return valueOf(`0x${(one + 1).toString(16)}`, 1, one)
    })
    denials.note([reported(total, values)])
  }
  t.equal(listed().length, 9)
  t.equal(
    rows.list().reduce((sum, { count }) => sum + count, 0),
    10_000
  )
  t.equal(rows.list().filter((row) => row.arguments === '?').length, 1, 'one row for all others')
  t.end()
})

test('a value is numbers, whatever a node or a process sends', (t) => {
  const table: [string, Partial<DeniedValue>, boolean][] = [
    ['a number', {}, true],
    ['none of the first', { arguments: '? 0x5' }, true],
    ['a text', { arguments: 'AF_ALG; rm -rf /' }, false],
    ['a control character', { arguments: '0x10\u001B[2J' }, false],
    ['no argument', { arguments: '' }, false],
    ['a long one', { arguments: '0x1 '.repeat(100) }, false],
    ['no call', { count: 0 }, false]
  ]
  for (const [what, more, isKept] of table) {
    const denial = reported(1, [{ ...valueOf(netlink, 1, 1), ...more }])
    t.equal(denial.values !== undefined, isKept, what)
  }
  const long = reported(1, [{ ...valueOf(netlink, 1, 1), comm: 'x'.repeat(99), errno: 5000 }])
  t.match(long.values, [{ comm: 'x'.repeat(15), errno: 0 }])
  t.equal(reported(99, Array(99).fill(valueOf(netlink, 1, 1))).values?.length, 16)
  t.end()
})
