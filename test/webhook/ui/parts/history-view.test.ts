import { test } from 'tap'
import { historyLines } from '../../../../src/history/history-lines.js'
import { emptyHistory } from '../../../../src/history/workload-history.js'
import { HistoryLines } from '../../../../webhook/ui/parts/history-view.js'
import { renderMarkup } from '../../../../webhook/ui/parts/render.js'

const since = '2026-11-24T10:00:00.000Z'
const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' }
const digest = `sha256:${'a'.repeat(64)}`
const later = '2026-11-24T11:00:00.000Z'

const history = {
  ...emptyHistory(workload, since),
  starts: [
    {
      ...{ run: 'n1/b/1.2', node: 'n1', at: since, complete: true, image: 'web:1', digest },
      ...{ pod: 'web-1', ending: 'stop', ended: later }
    },
    { run: 'n2/b/1.2', node: 'n2', at: since, complete: false }
  ],
  calls: [{ run: 'n1/b/1.2', at: since, abi: 'x86_64', names: ['read', 'write'] }],
  denials: [
    {
      ...{ instance: 'n1/b/1.2.3', abi: 'x86_64', syscall: 'getsid', action: 'SCMP_ACT_ERRNO' },
      ...{ answer: 'EPERM', count: 3, first: since, last: later, processes: ['<app>'] }
    },
    {
      ...{ instance: 'n1/b/1.2.3', abi: 'i386', syscall: 'mount', action: 'SCMP_ACT_LOG' },
      ...{ answer: 'logged', count: 1, first: since, last: since, processes: [] }
    }
  ],
  earlier: {
    sums: [
      { what: 'start', count: 7, records: 7, first: since, last: later },
      { what: 'denial x86_64 ptrace EPERM', count: 9, records: 2, first: since, last: later }
    ],
    counted: ''
  }
}

test('what the lines of a history are about', (t) => {
  const lines = historyLines(history).map(({ what, node, by, text }) =>
    [what, node, by, text].join(' | ')
  )
  t.strictSame(lines.sort(), [
    `denial |  |  | ptrace (x86_64, EPERM) denied 9 times in 2 containers, from ${since} to ${later}`,
    `denial | n1 |  | mount (i386) would be denied 1 time`,
    `denial | n1 | process "<app>" | getsid denied with EPERM 3 times since ${since}`,
    'found | n2 |  | first seen, not recorded as a whole',
    'new | n1 |  | 2 syscalls for the first time (x86_64): read, write',
    `start |  |  | 7 earlier, from ${since} to ${later}`,
    `start | n1 |  | started, pod web-1, image web:1, ${digest.slice(0, 19)}`,
    'stop | n1 |  | web-1 ended'
  ])
  t.end()
})

test('the page shows the newest lines, and says where the others are', (t) => {
  const now = Date.parse(later)
  const lines = historyLines(history)
  const shown = (list: typeof lines) =>
    renderMarkup(HistoryLines({ lines: list, profileKey: 'shop/web.app', now }))
  const page = shown(lines)
  for (const { text, what } of lines) {
    t.ok(page.includes(text.replace('<', '&lt;')), `${what}: ${text}`)
  }
  t.ok(page.includes('&lt;app') && !page.includes('<app>'), 'names of processes are text')
  const many = Array.from({ length: 50 }, () => lines).flat()
  t.match(shown(many), new RegExp(`${many.length - 40} earlier lines: secco history shop/web.app`))
  t.match(shown([]), /Nothing is recorded yet/)
  t.end()
})
