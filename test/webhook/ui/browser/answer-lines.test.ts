import { test } from 'tap'
import { answerLines } from '../../../../webhook/ui/browser/answer-lines.js'

test('the answer of a dry run is read in words, without what is for programs', (t) => {
  const place = { namespace: 'shop', workload: 'Pod/web', name: 'app', node: 'n1' }
  const answer = {
    what: 'getpgid',
    users: {
      ...{ considered: 2, without: 0, hit: 1, knownSince: '2026-01-01T00:00:00Z', ms: 0.1 },
      ...{ earlier: 1, unread: 0, unplaced: 2 },
      syscalls: [{ name: 'getpgid', containers: 1, calls: 3 }],
      workloads: [
        { namespace: 'shop', workload: 'Pod/web', syscalls: ['getpgid'], when: 'runs now' },
        {
          ...{ namespace: 'shop', workload: 'CronJob/report', syscalls: ['getpgid'] },
          when: 'not running now; used it in an earlier run'
        }
      ]
    },
    profiles: [],
    restart: [{ ...place, key: 'k', pod: 'web-1', command: 'kubectl delete pod web-1' }],
    unreached: [{ ...place, command: 'kubectl delete pod web-1', why: 'is unconfined' }],
    startedAt: 'now',
    dryRun: true
  }
  t.same(answerLines(answer), [
    'blocks: getpgid',
    'by the recorded syscalls:',
    '  1 of 2 running containers would have had denials.',
    '  Calls before 2026-01-01T00:00:00Z are not known of every container.',
    '  1 workload is listed because of earlier runs.',
    '  2 workloads that do not run used it, or may have: whether they are meant is not known.',
    '  shop/Pod/web · getpgid · runs now',
    '  shop/CronJob/report · getpgid · not running now; used it in an earlier run',
    '  syscalls:',
    '    name: getpgid',
    '    containers: 1',
    '    calls: 3',
    'profiles that change:',
    '  none',
    'containers that can make it until they restart:',
    '  shop/Pod/web · app on n1: kubectl delete pod web-1',
    'containers that can make it, also after a restart:',
    '  shop/Pod/web · app on n1: is unconfined',
    'started at: now'
  ])
  const { users } = answer
  const [, idle] = users.workloads
  t.same(
    answerLines({
      ...users,
      unplaced: 0,
      considered: 0,
      hit: 0,
      knownSince: '',
      workloads: [idle]
    }),
    [
      'No running container is affected.',
      '1 workload is listed because of earlier runs.',
      'shop/CronJob/report · getpgid · not running now; used it in an earlier run'
    ],
    'also where nothing runs'
  )
  t.end()
})
