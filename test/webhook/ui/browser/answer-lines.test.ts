import { test } from 'tap'
import { answerLines } from '../../../../webhook/ui/browser/answer-lines.js'

test('the answer of a dry run is read in words, without what is for programs', (t) => {
  const answer = {
    what: 'getpgid',
    users: { considered: 2, without: 0, hit: 1, ms: 0.1, containers: [{ key: 'k', name: 'web' }] },
    profiles: [],
    startedAt: 'now',
    dryRun: true
  }
  t.same(answerLines(answer), [
    'blocks: getpgid',
    'by the recorded syscalls:',
    '  running containers with known syscalls: 2',
    '  running containers whose syscalls are not known: 0',
    '  containers that would have had denials: 1',
    '  containers:',
    '    name: web',
    'profiles that change:',
    '  none',
    'started at: now'
  ])
  t.end()
})
