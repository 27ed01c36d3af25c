import { test } from 'tap'
import { isFailed, lastNewMs } from '../../../../src/seccomp/review/counted-instances.js'
import { evidenceOf, isStartUnseen } from '../../../../src/seccomp/review/evidence.js'
import type { Instance } from '../../../../src/seccomp/review/evidence-item.js'
import { hour, instance, profileOf, start } from '../../../helpers/instances.js'

const crash = { denied: 2, events: ['start', 'stop'] }

test('a run that failed under its profile', (t) => {
  // [what, the instance, did it fail]
  const table: [string, Partial<Instance>, boolean][] = [
    ['denied, and it ended before it served', crash, true],
    ['it runs still', { ...crash, ended: false, events: ['start'] }, false],
    ['nothing was denied', { events: ['start', 'stop'] }, false],
    ['denied, and it served and stopped', { denied: 1, events: ['start', 'serve', 'stop'] }, false],
    [
      'killed by the filter while it served',
      { denied: 1, events: ['serve', 'killed SIGSYS'] },
      true
    ],
    ['the runtime killed it while it served', { denied: 1, events: ['serve', 'killed'] }, false],
    ['killed before it served', { denied: 1, events: ['start', 'killed'] }, true],
    ['an object of an earlier release', {}, false]
  ]
  for (const [what, change, expected] of table)
    t.equal(isFailed(instance(0, ['read'], change)), expected, what)
  t.end()
})

test('runs that fail under their profile raise no evidence', (t) => {
  const late = instance(0, ['read'], { complete: false, ended: false, events: [] })
  const failed = [1, 2, 3, 4, 5, 6].map((n) => instance(n, ['read'], crash))
  const before = profileOf({}, { instances: [late], observed: { x86_64: ['read'] } })
  const after = { ...before, status: { ...before.status, instances: [late, ...failed] } }
  const items = (profile: typeof before) =>
    evidenceOf(profile, start + hour, [], []).map(({ item, ok }) => `${item} ${ok}`)
  t.same(items(after), items(before))
  t.ok(isStartUnseen(after), 'its start is still unseen')
  t.equal(lastNewMs(after), lastNewMs(before), 'nor do they move the quiet time')
  t.match(evidenceOf(after, start + hour)[0], {
    detail: '1 instance seen; 6 runs that failed under the profile are not counted'
  })
  const begins = instance(7, ['read'], { denied: 1, ended: false, events: ['start'] })
  t.ok(isStartUnseen(profileOf({}, { instances: [late, begins] })), 'nobody knows how it ends')
  const serves = { ...begins, events: ['start', 'serve'] }
  t.notOk(isStartUnseen(profileOf({}, { instances: [late, serves] })), 'it serves')
  t.ok(isStartUnseen(profileOf({}, { instances: failed })), 'only failed runs')
  t.end()
})
