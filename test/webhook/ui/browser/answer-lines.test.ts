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

test('a promotion that was tried is read in the words of the command line', (t) => {
  const assignment = {
    ...{
      mode: 'enforce',
      containers: 2,
      inForce: 0,
      others: [],
      hidden: 0,
      notGiven: [],
      labels: {},
      command: ''
    },
    givenBy: [{ source: 'shop/web', mode: 'enforce', containers: 2 }]
  }
  const answer = {
    ...{ namespace: 'shop', profile: 'web', mode: 'audit', assignment, changed: false },
    evidence: ['0 calls would have been denied since then'],
    next: { mode: 'enforce', ready: false, reasons: ['nothing runs'] },
    would: { action: 'canary', from: 'audit', to: 'enforce for 40%' }
  }
  t.same(answerLines(answer), [
    'the step would be: canary: audit → enforce for 40%',
    'after it, in force: 0 of 2 running containers (enforce)',
    'after it, given to new pods by rule shop/web (enforce): 2 of 2 containers',
    '0 calls would have been denied since then',
    'not yet: nothing runs'
  ])
  t.end()
})
