import { test } from 'tap'
import { historyLines } from '../../../src/history/history-lines.js'
import { gapEvent, gapOfEvent, gapsWithin, gapText } from '../../../src/history/recording-gap.js'
import { knownGaps, mostGaps, type RecordingGap } from '../../../src/history/recording-gap.js'
import { emptyHistory, type HistoryStart } from '../../../src/history/workload-history.js'

const at = (clock: string): string => `2026-11-28T${clock}Z`
const gap: RecordingGap = { from: at('12:01:03.250'), to: at('12:01:40.001') }
const now = Date.parse(at('12:02:00'))

test('a gap of recording as people read it', (t) => {
  t.equal(gapText(gap), 'calls between 12:01:03 and 12:01:40 UTC were not recorded')
  t.equal(
    gapText({ from: at('23:59:59'), to: '2026-11-29T00:00:05Z' }),
    'calls between 2026-11-28 23:59:59 and 2026-11-29 00:00:05 UTC were not recorded'
  )
  const wrong = [
    { from: 'yesterday', to: gap.to },
    { from: gap.to, to: gap.from }
  ]
  t.strictSame(knownGaps([gap, ...wrong], now), [gap], 'a node may report anything')
  const many = Array.from({ length: 40 }, (_, nth) => ({
    from: at(`12:00:${String(nth + 10)}`),
    to: at('12:01:00')
  }))
  t.strictSame(knownGaps(many, now), many.slice(-mostGaps), 'the newest ones')
  t.strictSame(gapOfEvent(gapEvent('n1', gap)), { node: 'n1', ...gap })
  t.equal(gapOfEvent({ id: 'hub now', at: gap.from, what: 'secco', text: '' }), undefined)
  t.end()
})

test('a gap concerns what ran in it, on its node', (t) => {
  // [what, when it began, when it ended, on which node, whether its history says so]
  const table: [string, string, string | undefined, string, boolean][] = [
    ['runs on', '12:00:00', undefined, 'n1', true],
    ['ended in it', '12:00:00', '12:01:20', 'n1', true],
    ['began in it', '12:01:20', undefined, 'n1', true],
    ['ended before', '12:00:00', '12:01:00', 'n1', false],
    ['began after it', '12:02:00', undefined, 'n1', false],
    ['elsewhere', '12:00:00', undefined, 'n2', false]
  ]
  const key = { namespace: 'default', kind: 'Container', name: 'web', container: '' }
  const installation = {
    ...emptyHistory({ ...key, kind: 'Secco' }, at('11:00:00')),
    events: [gapEvent('n1', gap)]
  }
  for (const [what, began, ended, node, isSaid] of table) {
    const life = [at(began), ...(ended === undefined ? [] : [at(ended)])] as [string, string?]
    if (node === 'n1') t.equal(gapsWithin([gap], ...life).length, isSaid ? 1 : 0, what)
    const start: HistoryStart = {
      ...{ run: `${node}/boot/1.2`, node, at: at(began), complete: true },
      ...(ended === undefined ? {} : { ended: at(ended) })
    }
    const history = { ...emptyHistory(key, at('12:00:00')), starts: [start] }
    const lines = historyLines(history, installation).filter((one) => one.what === 'secco')
    const expected = { at: gap.from, what: 'secco', node: 'n1', by: '', text: gapText(gap) }
    t.strictSame(lines, isSaid ? [expected] : [], `history: ${what}`)
  }
  const late = { run: 'n1/boot/1.2', node: 'n1', at: at('12:01:41'), complete: false }
  const found = { ...emptyHistory(key, at('12:01:41')), starts: [late] }
  const [line] = historyLines(found, installation)
  t.equal(line?.text, gapText(gap), 'what ran already when recording began again')
  t.end()
})
