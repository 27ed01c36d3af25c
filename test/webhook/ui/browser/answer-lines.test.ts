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
    unreached: [
      { ...place, command: 'kubectl delete pod web-1', certain: false, why: 'is foreign' }
    ],
    ...{ total: 3, done: 33, missingNodes: 0, notReporting: [] },
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
    '  getpgid: 3 calls of 1 container',
    'profiles that change:',
    '  none',
    'containers that can make it until they restart:',
    '  shop/Pod/web · app on n1: kubectl delete pod web-1',
    'containers that can make it, also after a restart:',
    '  shop/Pod/web · app on n1: is foreign (it is not known what its filter allows)',
    'started at: now',
    'now: 2 of 3 running containers can still make it; 1 of them also after a restart; ' +
      '1 of them because it is not known what its filter allows'
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

test('a list that is cut says how many more there are, and which command has all', (t) => {
  const names = (count: number) => Array.from({ length: count }, (_, at) => `n${at}`)
  const place = { namespace: 'shop', workload: 'Pod/web', name: 'app' }
  const answer = {
    what: 'clone:0&0x10',
    users: {
      ...{ considered: 70, without: 0, hit: 60, knownSince: '' },
      workloads: names(60).map((workload) => ({
        ...{ namespace: 'shop', workload },
        syscalls: names(14)
      })),
      syscalls: names(9).map((name) => ({ name, containers: 2, calls: 1 }))
    },
    profiles: names(20),
    restart: names(11).map((node) => ({ ...place, node })),
    unreached: [],
    total: 70
  }
  const lines = answerLines(answer)
  const has = (line: string) => t.ok(lines.includes(line), `${line} in ${lines.join('\n')}`)
  const whole = "`secco block 'clone:0&0x10' --dry-run -o json` has all"
  has(`  and 10 more: ${whole}`)
  has(`  and 1 more: ${whole}`)
  has(`  ${names(12).join(', ')}, and 8 more: ${whole}`)
  has(`  and 3 more: ${whole}`)
  has(`  shop/n0 · ${names(12).join(', ')}, and 2 more · runs now`)
  t.same(answerLines({ profiles: names(13) }), [
    'profiles that change:',
    `  ${names(12).join(', ')}, and 1 more`
  ])
  t.same(answerLines(['a', 'b']), ['a, b'])
  t.end()
})

test('what is denied already is said with what would be denied still', (t) => {
  const radius = { considered: 2, without: 0, hit: 0, knownSince: '', denied: ['bpf', 'keyctl'] }
  t.same(answerLines({ ...radius, still: ['bpf'] }), [
    'Nothing else would have been denied to 2 running containers.',
    'Denied now, and allowed then: keyctl.',
    'Denied now, and denied still: bpf.'
  ])
  t.end()
})

test('what is not known is said by name', (t) => {
  const one = { key: 'k', node: 'n1', namespace: 'shop', workload: 'Pod/web', name: 'app' }
  const radius = {
    ...{ considered: 2, without: 1, hit: 0, knownSince: '', missingNodes: 1 },
    unrecorded: [{ ...one, why: 'n1 records nothing (--record off)' }],
    notReporting: [{ name: 'n2', lastSeen: '', listed: false, why: 'not reported yet' }]
  }
  t.same(answerLines(radius), [
    'Nothing of what is known would have been denied to 2 running containers.',
    '1 node has not reported what runs there: n2 (not reported yet).',
    'The syscalls of 1 more running container are not known: ' +
      'shop/Pod/web app (n1 records nothing (--record off)).'
  ])
  t.end()
})
