import { test } from 'tap'
import { historyLines } from '../../../src/history/history-lines.js'
import { mergeHistories } from '../../../src/history/merge-history.js'
import { gapEvent } from '../../../src/history/recording-gap.js'
import { withUnseenEnds } from '../../../src/history/unseen-ends.js'
import {
  emptyHistory,
  type HistoryEvent,
  type HistoryStart,
  type WorkloadHistory
} from '../../../src/history/workload-history.js'

const at = (clock: string): string => `2026-11-28T${clock}Z`
/** A whole id: the history is searched for it. */
const id = 'c1'.repeat(32)
const key = { namespace: 'default', kind: 'Container', name: 'web', container: '' }
const start = (more: Partial<HistoryStart> = {}): HistoryStart => ({
  ...{ run: 'n1/boot/1.2', node: 'n1', at: at('12:00:00'), complete: true, container: id },
  ...more
})
const historyOf = (...starts: HistoryStart[]): WorkloadHistory => ({
  ...emptyHistory(key, at('11:00:00')),
  starts,
  calls: [{ run: 'n1/boot/1.2', at: at('12:00:30'), abi: 'x86_64', names: ['read'] }]
})
const secco = (id: string, clock: string) => ({
  id,
  at: at(clock),
  what: 'secco' as const,
  text: ''
})

test('an end that nobody saw says between which times it was', (t) => {
  const gap = gapEvent('n1', { from: at('12:01:03'), to: at('12:01:40') })
  const second = gapEvent('n1', { from: at('12:03:00'), to: at('12:03:20') })
  const elsewhere = gapEvent('n2', { from: at('12:04:00'), to: at('12:04:20') })
  const begun = [secco('satellite n1 a', '11:59:00'), gap, secco('satellite n1 b', '12:01:39')]
  const installationOf = (...more: HistoryEvent[]) => ({
    ...emptyHistory(key, at('11:00:00')),
    events: [...begun, ...more]
  })
  const installation = installationOf()
  const now = (boot: string | undefined, running: boolean, clock = '12:05:00') => ({
    ...{ at: Date.parse(at(clock)), bootOf: () => boot, isRunning: () => running }
  })
  // [what, start, boot of the node now, whether it runs, when the history is read, the line]
  const table: [string, HistoryStart, string | undefined, boolean, string, string | undefined][] = [
    ['it runs', start(), 'boot', true, '12:05:00', undefined],
    ['its node is away', start(), undefined, false, '12:05:00', undefined],
    ['its node just came back', start(), 'boot', false, '12:01:45', undefined],
    ['in a gap', start(), 'boot', false, '12:05:00', 'between 12:01:03 and 12:01:40 UTC'],
    [
      'the node was booted',
      start(),
      'next',
      false,
      '12:05:00',
      'between 12:00:30 and 12:01:39 UTC'
    ],
    ['it began after the gap', start({ at: at('12:02:00') }), 'boot', false, '12:05:00', undefined]
  ]
  for (const [what, one, boot, running, clock, line] of table) {
    const ended = withUnseenEnds(historyOf(one), installation, now(boot, running, clock))
    const stops = historyLines(ended).filter((each) => each.what === 'ended')
    const expected = line === undefined ? [] : [`${id} ended ${line}: nobody saw it`]
    t.strictSame(
      stops.map(({ text }) => text),
      expected,
      what
    )
  }
  // [what, later events, boot of the node now, the line]
  const later: [string, HistoryEvent[], string, string][] = [
    ['in one of two gaps', [second, elsewhere], 'boot', 'between 12:01:03 and 12:03:20 UTC'],
    [
      'the satellite was restarted, then the node was booted',
      [secco('satellite n1 c', '12:03:20'), secco('satellite n2 d', '12:04:00')],
      'next',
      'between 12:00:30 and 12:03:20 UTC'
    ]
  ]
  for (const [what, more, boot, line] of later) {
    const ended = withUnseenEnds(historyOf(start()), installationOf(...more), now(boot, false))
    const stop = historyLines(ended).find((each) => each.what === 'ended')
    t.equal(stop?.text, `${id} ended ${line}: nobody saw it`, what)
  }
  const seen = historyOf(start({ ended: at('12:00:40') }))
  t.strictSame(withUnseenEnds(seen, installation, now('boot', false)), seen, 'one that was seen')
  t.end()
})

test('how an instance ended is in its line, in the words of the evidence', (t) => {
  const table: [
    ending: string | undefined,
    after: string | undefined,
    what: string,
    text: RegExp
  ][] = [
    ['stop', undefined, 'stop', /^(c1){32} ended$/],
    ['killed', undefined, 'killed', /^(c1){32} ended, killed \(SIGKILL\)$/],
    ['killed SIGSEGV', undefined, 'killed', /^(c1){32} ended, killed \(SIGSEGV\)$/],
    [
      'killed',
      '12:00:30',
      'killed',
      /^(c1){32} ended, killed \(SIGKILL\) between .*: nobody saw it$/
    ],
    [undefined, undefined, 'ended', /^(c1){32} ended$/]
  ]
  for (const [ending, after, what, text] of table) {
    const one = start({
      ended: at('12:00:40'),
      ...(ending === undefined ? {} : { ending }),
      ...(after === undefined ? {} : { endedAfter: at(after) })
    })
    const merged = mergeHistories(historyOf(one), historyOf(start()))
    const line = historyLines(merged).find((each) => each.text.startsWith('c1c1'))
    t.equal(line?.what, what, text.source)
    t.match(line?.text ?? '', text)
  }
  t.end()
})

test('reports of one end: what was seen is more precise', (t) => {
  const unseen = (after: string, before: string) =>
    start({ ended: at(before), endedAfter: at(after) })
  const seen = start({ ended: at('12:00:50') })
  // [one report, another, what is kept]
  const table: [HistoryStart, HistoryStart, object][] = [
    [start(), seen, { ended: at('12:00:50') }],
    [unseen('12:00:30', '12:02:00'), seen, { ended: at('12:00:50'), endedAfter: undefined }],
    [
      unseen('12:00:30', '12:02:00'),
      unseen('12:00:20', '12:01:00'),
      { ended: at('12:01:00'), endedAfter: at('12:00:30') }
    ],
    [start(), unseen('12:00:30', '12:02:00'), { ended: at('12:02:00'), endedAfter: at('12:00:30') }]
  ]
  for (const [one, other, kept] of table) {
    for (const [first, second] of [
      [one, other],
      [other, one]
    ] as const) {
      t.match(mergeHistories(historyOf(first), historyOf(second)).starts, [kept])
    }
  }
  t.end()
})
