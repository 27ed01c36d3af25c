import { test } from 'tap'
import { isTime, knownTime } from '../../../src/history/times.js'
import { emptyHistory, parseHistory } from '../../../src/history/workload-history.js'

const none = '2024-99-99T99:99:99Z'
const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' }

test('a time exists, is in UTC and has a bounded length', (t) => {
  // [what, text, whether it is a time]
  const table: [string, string, boolean][] = [
    ['whole seconds', '2026-11-28T12:00:00Z', true],
    ['milliseconds', '2026-11-28T12:00:00.250Z', true],
    ['nanoseconds', '2026-11-28T12:00:00.250000001Z', true],
    ['a longer fraction', '2026-11-28T12:00:00.2500000010Z', false],
    ['a fraction without digits', '2026-11-28T12:00:00.Z', false],
    ['no month of that number', none, false],
    ['no hour of that number', '2026-11-28T25:00:00Z', false],
    ['another zone', '2026-11-28T12:00:00+01:00', false],
    ['more lines', '2026-11-28T12:00:00Z\n', false],
    ['nothing', '', false]
  ]
  for (const [what, text, expected] of table) {
    t.equal(isTime(text), expected, what)
    t.equal(knownTime(text), expected ? text : '', what)
    const stored = JSON.stringify(emptyHistory(workload, text))
    t.equal(parseHistory(stored) !== undefined, expected, `a stored history: ${what}`)
  }
  t.equal(knownTime(), '')
  t.end()
})
