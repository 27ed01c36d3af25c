import fc from 'fast-check'
import { test } from 'tap'
import { boundHistory, documentBytes, mostBytes } from '../../../src/history/bound-history.js'
import { historyLines } from '../../../src/history/history-lines.js'
import { mergeHistories } from '../../../src/history/merge-history.js'
import {
  emptyHistory,
  type HistoryDenial,
  parseHistory,
  type WorkloadHistory
} from '../../../src/history/workload-history.js'
import { runs } from '../../helpers/fuzz.js'

const workload = { namespace: 'shop', kind: 'DaemonSet', name: 'web', container: 'app' }
const since = '2026-11-01T00:00:00.000Z'
const later = (seconds: number): string =>
  new Date(Date.parse(since) + seconds * 1000).toISOString()

/** Calls with what becomes of them, which is the same in every report. */
const calls = [
  { syscall: 'getsid', answer: 'EPERM', action: 'SCMP_ACT_ERRNO' },
  { syscall: 'mount', answer: 'logged', action: 'SCMP_ACT_LOG' },
  { syscall: 'clone3', answer: 'ENOSYS', action: 'SCMP_ACT_ERRNO', expected: true }
] as const

function reportOf(container: number, denials: readonly Partial<HistoryDenial>[]): WorkloadHistory {
  const run = `n${container}/b/1.${container}`
  return {
    ...emptyHistory(workload, since),
    starts: [{ run, node: `n${container}`, at: later(container), complete: true }],
    denials: denials.map((one) => ({
      ...{ instance: `${run}.1`, abi: 'x86_64', ...calls[0], count: 1 },
      ...{ first: later(container), last: later(container), processes: ['app'] },
      ...one
    }))
  }
}

const report = fc
  .record({
    container: fc.nat(60),
    call: fc.constantFrom(...calls),
    count: fc.integer({ min: 1, max: 100_000 }),
    after: fc.nat(5000)
  })
  .map(({ container, call, count, after }) =>
    reportOf(container, [{ ...call, count, last: later(container + after) }])
  )

/** Returns the calls of each kind, whether they are in records or in sums. */
function totals({ denials, earlier }: WorkloadHistory): Record<string, number> {
  const all = new Map<string, number>()
  const add = (what: string, count: number) => all.set(what, (all.get(what) ?? 0) + count)
  for (const { syscall, answer, expected, count } of denials)
    add(`${expected === true ? 'expected' : 'denial'} x86_64 ${syscall} ${answer}`, count)
  for (const { what, count } of earlier?.sums ?? []) if (what !== 'start') add(what, count)
  return Object.fromEntries([...all].sort())
}

const startsOf = ({ starts, earlier }: WorkloadHistory): number =>
  starts.length + (earlier?.sums.find(({ what }) => what === 'start')?.count ?? 0)

test('any order, any repetition and any bound: each start and each denied call counts once', (t) => {
  const again = fc.array(fc.nat(1000), { maxLength: 60 })
  const reports = fc.array(report, { minLength: 1, maxLength: 120 })
  const bounds = fc.array(fc.integer({ min: 3000, max: 20_000 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(reports, again, bounds, (first, repeated, most) => {
      const more = repeated.flatMap((at) => first[at % first.length] ?? [])
      const all = [...first, ...more]
      const whole = all.reduce(mergeHistories, emptyHistory(workload, since))
      let kept = emptyHistory(workload, since)
      for (const [nth, one] of all.entries())
        kept = boundHistory(mergeHistories(kept, one), most[nth % most.length])
      t.strictSame(totals(kept), totals(whole))
      t.equal(startsOf(kept), startsOf(whole))
      t.ok(
        all.every((one) => mergeHistories(kept, one) === kept),
        'nothing is news'
      )
    }),
    { numRuns: runs(200) }
  )
  t.end()
})

test('whole reports and parts of them may be merged first', (t) => {
  fc.assert(
    fc.property(fc.array(report, { minLength: 2, maxLength: 60 }), fc.nat(60), (all, at) => {
      const empty = emptyHistory(workload, since)
      const whole = all.reduce(mergeHistories, empty)
      const before = boundHistory(all.slice(0, at).reduce(mergeHistories, empty), 3000)
      const ofOneHub = all.slice(at).reduce(mergeHistories, before)
      const ofOther = boundHistory(ofOneHub, 3000)
      t.strictSame(totals(mergeHistories(before, ofOther)), totals(whole))
      t.strictSame(totals(mergeHistories(ofOneHub, ofOther)), totals(whole))
      t.strictSame(totals(mergeHistories(ofOther, ofOneHub)), totals(whole))
    }),
    { numRuns: runs(200) }
  )
  t.end()
})

/** Every container of a DaemonSet reports so often, with one more call each time. */
function daemonSet(containers: number, rounds: number): WorkloadHistory {
  let kept = emptyHistory(workload, since)
  for (let round = 1; round <= rounds; round += 1)
    for (let one = 0; one < containers; one += 1) {
      const denial = { count: round, last: later(containers * round + one) }
      kept = mergeHistories(kept, reportOf(one, [denial]))
      if (one % 50 === 0) kept = boundHistory(kept)
    }
  return boundHistory(kept)
}

test('of 700 containers that run and go on, each start and each call is counted once', (t) => {
  const kept = daemonSet(700, 4)
  t.strictSame(totals(kept), { 'denial x86_64 getsid EPERM': 2800 })
  t.equal(startsOf(kept), 700)
  t.notOk(
    kept.earlier?.sums.some(({ atLeast }) => atLeast),
    'exactly'
  )
  t.ok(documentBytes(kept) <= mostBytes)
  t.end()
})

test('of more containers than can be told apart no call counts twice, and the sum says so', (t) => {
  const kept = daemonSet(2500, 3)
  const total = totals(kept)['denial x86_64 getsid EPERM'] ?? 0
  t.ok(total >= 2500 && total <= 7500, String(total))
  t.equal(startsOf(kept), 2500)
  const sum = kept.earlier?.sums.find(({ what }) => what.startsWith('denial'))
  t.match(sum, { atLeast: true })
  t.ok((sum?.last ?? '') >= later(2500 * 3), 'and knows when the last call was')
  t.ok(historyLines(kept).some(({ text }) => text.includes('denied at least ')))
  t.ok(documentBytes(kept) <= mostBytes)
  t.ok(parseHistory(JSON.stringify(kept)), 'what is written can be read')
  t.end()
})

test('sums say what the calls were', (t) => {
  const records = Array.from({ length: 300 }, (_, at) => {
    const { answer, action, ...rest } = calls[at % 3] ?? calls[0]
    return { ...rest, answer, action, syscall: `call_${at}` }
  })
  const history = [...calls, ...records]
    .map((one, at) => reportOf(at, [{ ...one, count: at < 3 ? 100 - at : 1 }]))
    .reduce(mergeHistories, emptyHistory(workload, since))
  const texts = historyLines(boundHistory(history, 8192)).flatMap(({ what, text }) =>
    what === 'denial' && text.includes(', from ') ? text.replace(/, from .*/, '') : []
  )
  t.ok(texts.includes('getsid (x86_64, EPERM) denied 100 times in 1 container'))
  t.ok(texts.includes('mount (x86_64) would be denied 99 times in 1 container'))
  t.ok(texts.includes('clone3 (x86_64, ENOSYS) denied on purpose 98 times in 1 container'))
  const rest = texts.filter((text) => text.startsWith('other')).map((text) => text.split(/ \d/)[0])
  t.strictSame(rest.sort(), [
    'other syscalls denied',
    'other syscalls denied on purpose',
    'other syscalls would be denied'
  ])
  t.end()
})
