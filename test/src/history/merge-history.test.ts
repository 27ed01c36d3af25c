import { runOf } from '../../../src/api/instance-id.js'
import fc from 'fast-check'
import { test } from 'tap'
import { historyLines } from '../../../src/history/history-lines.js'
import { boundHistory, documentBytes, mostBytes } from '../../../src/history/bound-history.js'
import { mergeHistories } from '../../../src/history/merge-history.js'
import {
  emptyHistory,
  historyEvents,
  historyName,
  parseHistory,
  type WorkloadHistory
} from '../../../src/history/workload-history.js'
import { runs } from '../../helpers/fuzz.js'

const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' }
const since = '2026-11-01T00:00:00.000Z'
const time = fc
  .integer({ min: 0, max: 5000 })
  .map((seconds) => new Date(Date.parse(since) + seconds * 1000).toISOString())
const name = fc.constantFrom('read', 'write', 'openat', 'mmap', 'getsid', 'clone3')
const abi = fc.constantFrom('x86_64', 'i386')
const run = fc.constantFrom('n1/b/1.2', 'n1/b/3.4', 'n2/b/1.2')
const text = fc.string({ maxLength: 12 })
const often = { maxLength: 6 }

const start = fc.record(
  { run, node: fc.constant('n'), at: time, complete: fc.boolean(), image: text, ended: time },
  { requiredKeys: ['run', 'node', 'at', 'complete'] }
)
const calls = fc.record({
  run,
  at: time,
  abi,
  names: fc.array(name, { minLength: 1, maxLength: 3 })
})
const denial = fc
  .record(
    {
      ...{ instance: run, abi, syscall: name, count: fc.nat(1000) },
      action: fc.constantFrom('SCMP_ACT_ERRNO', 'SCMP_ACT_LOG'),
      answer: fc.constantFrom('?', 'EPERM', 'logged'),
      ...{ first: time, last: time, processes: fc.array(text, { maxLength: 3 }), arguments: text },
      expected: fc.constant(true)
    },
    {
      requiredKeys: [
        ...(['instance', 'abi', 'syscall', 'count', 'action', 'answer'] as const),
        ...(['first', 'last', 'processes'] as const)
      ]
    }
  )
  .map((one) => (one.first <= one.last ? one : { ...one, first: one.last, last: one.first }))
const event = fc.record(
  {
    id: fc.constantFrom('a', 'b', 'c'),
    ...{ at: time, what: fc.constantFrom(...historyEvents), text, by: text, until: time }
  },
  { requiredKeys: ['id', 'at', 'what', 'text'] }
)
const history: fc.Arbitrary<WorkloadHistory> = fc
  .record({
    since: time,
    profiles: fc.array(fc.constantFrom('shop/web.app', 'shop/other'), { maxLength: 2 }),
    starts: fc.array(start, often),
    calls: fc.array(calls, often),
    denials: fc.array(denial, often),
    events: fc.array(event, often)
  })
  .map((members) => ({ ...emptyHistory(workload, since), ...members }))

/** The generated records may come twice and in any order. */
const normal = (one: WorkloadHistory): WorkloadHistory =>
  mergeHistories(emptyHistory(workload, one.since), one)

test('the same events in any order, any number of times, are the same history', (t) => {
  fc.assert(
    fc.property(history, history, history, (a, b, c) => {
      const all = mergeHistories(mergeHistories(a, b), c)
      t.strictSame(normal(mergeHistories(c, mergeHistories(b, a))), normal(all))
      const settled = normal(all)
      return [a, b, c, all, settled].every((one) => mergeHistories(settled, one) === settled)
    }),
    { numRuns: runs(300) }
  )
  t.end()
})

const sumOf = ({ denials, earlier }: WorkloadHistory): number =>
  [
    ...denials,
    ...(earlier?.sums ?? []).filter(({ what }) => /^(denial|expected) /.test(what))
  ].reduce((sum, { count }) => sum + count, 0)

test('a merge loses no count, and no time is before its first', (t) => {
  fc.assert(
    fc.property(history, history, (a, b) => {
      const all = mergeHistories(a, b)
      const isOrdered = all.denials.every(({ first, last }) => first <= last)
      return isOrdered && sumOf(all) >= Math.max(sumOf(normal(a)), sumOf(normal(b)))
    }),
    { numRuns: runs(300) }
  )
  t.end()
})

/** What a busy workload brings in one report. */
function report(nth: number): WorkloadHistory {
  const at = new Date(Date.parse(since) + nth * 60_000).toISOString()
  const instance = `node-${nth % 50}/1b4e28ba-2fa1-11d2-883f-0016d3cca427/40265${nth}.${nth}.1`
  const image = `registry.example/shop/web:${nth}`
  return {
    ...emptyHistory(workload, at),
    profiles: ['shop/web.app'],
    starts: [
      { run: runOf(instance), node: `node-${nth % 50}`, at, complete: true, image, ended: at }
    ],
    calls: [{ run: runOf(instance), at, abi: 'x86_64', names: [`call_${nth % 400}`] }],
    denials: ['getsid', 'mount', `call_${nth % 300}`].map((syscall) => ({
      ...{ instance, abi: 'x86_64', syscall, action: 'SCMP_ACT_ERRNO', answer: 'EPERM' },
      ...{ count: nth + 1, first: at, last: at, processes: ['app'] }
    })),
    events: [{ id: `approval ${nth}`, at, what: 'approval', text: 'approved', by: 'ann' }]
  }
}

test('a history stays below its limit, keeps every count, and counts nothing twice', (t) => {
  const reports = Array.from({ length: 2000 }, (_, nth) => report(nth))
  let kept = emptyHistory(workload, since)
  let denied = 0
  for (const [nth, one] of reports.entries()) {
    kept = boundHistory(mergeHistories(kept, one))
    denied += 3 * (nth + 1)
    if (nth % 97 === 0) {
      const recent = reports.slice(Math.max(0, nth - 200), nth + 1)
      const again = boundHistory(recent.reduce(mergeHistories, kept))
      t.equal(sumOf(again), denied, 'reports that come again after a crash')
      t.ok(documentBytes(again) <= mostBytes)
      t.ok(parseHistory(JSON.stringify(again)), 'what is written can be read')
    }
  }
  t.ok(documentBytes(kept) <= mostBytes, String(documentBytes(kept)))
  t.equal(sumOf(kept), denied)
  const { sums = [] } = kept.earlier ?? {}
  const starts = sums.find(({ what }) => what === 'start')
  t.equal((starts?.count ?? 0) + kept.starts.length, 2000)
  t.equal(starts?.first, since)
  t.ok(sums.every(({ first, last }) => first <= last))
  t.equal(kept.calls.flatMap(({ names }) => names).length, 400, 'every syscall is named')
  t.ok(kept.starts.length >= 20, 'the newest are kept one by one')
  t.end()
})

test('whatever a node invents, a history has a limit', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 300 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 1500 }),
      (words, count) => {
        const names = Array.from(
          { length: count },
          (_, at) => `${words[at % words.length] ?? ''}${at}`
        )
        const bounded = boundHistory({
          ...emptyHistory(workload, since),
          calls: names.map((one) => ({ run: 'n/b/1', at: since, abi: one, names: [one] })),
          denials: names.map((one, at) => ({
            ...{ instance: `n/b/${at}`, abi: one, syscall: one, action: 'A', answer: '?' },
            ...{ count: 1, first: since, last: since, processes: [one] }
          }))
        })
        return documentBytes(bounded) <= mostBytes
      }
    ),
    { numRuns: runs(20) }
  )
  t.end()
})

test('the name of the object that keeps a history', (t) => {
  t.not(historyName(workload), historyName({ ...workload, container: 'side' }))
  t.match(historyName(workload), /^secco-history-[0-9a-f]{40}$/)
  t.end()
})

test('a text that is no history is not read', (t) => {
  const valid = JSON.stringify(report(1))
  t.ok(parseHistory(valid))
  for (const wrong of [
    '',
    'null',
    '[]',
    '{}',
    valid.slice(1),
    valid.replace('"count":2', '"count":-2')
  ]) {
    t.equal(parseHistory(wrong), undefined, wrong.slice(0, 20))
  }
  t.end()
})

test('a history that is nothing but a long name has an end', (t) => {
  const workload = {
    namespace: 'shop',
    kind: 'Deployment',
    name: 'x'.repeat(70_000),
    container: ''
  }
  const history = emptyHistory(workload, '2026-11-24T10:00:00.000Z')
  t.same(boundHistory(history), history)
  t.end()
})

test('calls of joined groups were first made between two times, on no named node', (t) => {
  const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' }
  const group = (at: number) => ({
    run: `n${at}/boot/7.1`,
    at: `2026-11-${String(at + 1).padStart(2, '0')}T10:00:00.000Z`,
    ...{ abi: 'x86_64', names: [`call${String(at).padStart(2, '0')}`] }
  })
  const calls = Array.from({ length: 26 }, (_, at) => group(at))
  const whole = { ...emptyHistory(workload, '2026-11-01T00:00:00.000Z'), calls }
  const bounded = boundHistory(whole)
  const [joined, next] = historyLines(bounded)
  t.match(joined, {
    node: '',
    text: '3 syscalls for the first time between 2026-11-01 10:00:00 and 2026-11-03 10:00:00 UTC (x86_64): call00, call01, call02'
  })
  t.match(next, { node: 'n3', text: '1 syscall for the first time (x86_64): call03' })
  t.same(mergeHistories(bounded, whole).calls, mergeHistories(whole, bounded).calls)
  t.end()
})
