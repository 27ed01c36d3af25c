import { test } from 'tap'
import {
  isHarmless,
  radiusFigure,
  type RadiusSummary,
  radiusWords,
  whenWords
} from '../../../../webhook/confinement/what-if/radius-words.js'

test('a simulation says that nothing is denied only of what is known', (t) => {
  const since = '2026-01-01T10:00:00Z'
  const table: [string, Partial<RadiusSummary>, boolean, RegExp][] = [
    ['all is known', {}, true, /^Nothing would have been denied to 2 running containers\.$/],
    [
      'the recorder began later than a container',
      { knownSince: since },
      false,
      /^Nothing of what is known would .*\. Calls before 2026-01-01T10:00:00Z are not known/
    ],
    [
      'a node has not reported',
      { missingNodes: 1 },
      false,
      /^Nothing of what is known would have .*\. 1 node has not reported what runs there\.$/
    ],
    [
      'no node has reported',
      { considered: 0, missingNodes: 2 },
      false,
      /^No known container is affected\. 2 nodes have not reported what runs there\.$/
    ],
    ['one is not recorded', { without: 1 }, false, /of 1 more running container are not known\.$/],
    ['none is recorded', { considered: 0, without: 2 }, false, /^The syscalls of 2 running cont/],
    ['none runs', { considered: 0 }, false, /^No running container is affected\.$/],
    [
      'something is denied already',
      { denied: ['keyctl', 'mount'] },
      true,
      /^Nothing else would .* What is denied already is not simulated: keyctl, mount\.$/
    ],
    [
      'something is denied already, and a part of it would be still',
      { denied: ['keyctl', 'mount', 'socket:0=0x26'], still: ['socket:0=0x26'] },
      true,
      /^Nothing else would .* Denied now, and allowed then: keyctl, mount\. Denied now, and denied still: socket:0=0x26\.$/
    ],
    [
      'all of it still',
      { denied: ['mount'], still: ['mount'] },
      true,
      /\. Denied now, and denied still: m/
    ],
    [
      'a profile is simulated, and a call stays denied',
      { denied: ['keyctl', 'mount'], still: ['mount'], affected: 1 },
      false,
      /^Denied now, and denied still: mount\. Nothing else would .* Denied now, and allowed then: keyctl\.$/
    ],
    [
      'a profile is simulated, and nothing stays denied',
      { denied: ['mount'], still: [], affected: 0 },
      true,
      /^Nothing else would .* Denied now, and allowed then: mount\.$/
    ],
    [
      'what was denied has ended',
      { considered: 0, denied: ['mount'], still: [] },
      false,
      /^No running container is affected\. Denied now, and allowed then: mount\.$/
    ],
    [
      'an earlier run used it',
      { considered: 0, earlier: 1 },
      false,
      /^No running container is affected\. 1 workload is listed because of earlier runs\.$/
    ],
    [
      'an earlier run used it, and others run',
      { earlier: 2 },
      false,
      /^Nothing would .* 2 workloads are listed because of earlier runs\.$/
    ],
    [
      'histories were not read',
      { unread: 3 },
      false,
      /^Nothing .* 3 histories of workloads were not read\.$/
    ],
    [
      'labels of earlier runs are not known',
      { unplaced: 1 },
      false,
      /^Nothing .* 1 workload that does not run used it, or may have: whether it is meant is not known\.$/
    ],
    ['a denial', { hit: 1 }, false, /^1 of 2 running containers would have had denials\.$/]
  ]
  for (const [what, part, harmless, words] of table) {
    const radius = { considered: 2, without: 0, hit: 0, knownSince: '', denied: [], ...part }
    t.equal(isHarmless(radius), harmless, what)
    t.match(radiusWords(radius).join(' '), words, what)
  }
  t.end()
})

test('the figure of a simulation is never that of nothing while a call stays denied', (t) => {
  const since = '2026-01-01T10:00:00Z'
  // [what, radius, figure, tone]
  const table: [string, Partial<RadiusSummary>, string, string][] = [
    ['nothing', {}, '0', 'ok'],
    ['nothing of what is known', { knownSince: since }, 'not known', 'warn'],
    ['a denial', { hit: 2, affected: 2 }, '2', 'bad'],
    ['a call stays denied', { denied: ['mount'], still: ['mount'], affected: 1 }, '1', 'bad'],
    ['both', { hit: 1, denied: ['mount'], still: ['mount'], affected: 2 }, '2', 'bad'],
    [
      'it stays denied, and who was denied it has ended',
      { denied: ['mount'], still: ['mount'], affected: 0 },
      ...(['1 call', 'bad'] as const)
    ],
    ['it is allowed', { denied: ['mount'], still: [], affected: 0 }, '0', 'ok'],
    ['single calls are simulated', { denied: ['mount'], still: ['mount'] }, '0', 'ok']
  ]
  for (const [what, part, text, tone] of table) {
    const radius = { considered: 2, without: 0, hit: 0, knownSince: '', ...part }
    t.same(radiusFigure(radius), { text, tone }, what)
  }
  t.end()
})

test('a workload is listed with whether it runs, and when it used the call', (t) => {
  const at = '2026-01-01T10:00:00Z'
  const [runs, gone] = [
    { running: true, containers: 0 },
    { running: false, containers: 0 }
  ]
  const table: [Parameters<typeof whenWords>[0], string][] = [
    [{ running: true, containers: 2 }, 'runs now'],
    [{ ...runs, lastUsed: at }, `runs now; used it last in a run that was seen until ${at}`],
    [{ ...gone, lastUsed: at }, `not running now; used it last in a run that was seen until ${at}`],
    [{ ...gone, firstUsed: at }, `not running now; used it first at ${at}`],
    [gone, 'not running now; used it in an earlier run'],
    [{ ...gone, certain: false }, 'not running now; may have used it in an earlier run'],
    [{ ...gone, missingNodes: 1 }, 'not known to run now; used it in an earlier run']
  ]
  for (const [use, words] of table) t.equal(whenWords(use), words, words)
  t.end()
})
