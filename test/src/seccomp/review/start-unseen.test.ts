import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import {
  evidenceOf,
  isStartUnseen,
  startUnseenNext,
  startUnseenText
} from '../../../../src/seccomp/review/evidence.js'
import type { Instance } from '../../../../src/seccomp/review/evidence-item.js'
import { reviewOf } from '../../../../src/seccomp/review/review.js'
import { hour, instance, profileOf, start } from '../../../helpers/instances.js'
import { runs } from '../../../helpers/fuzz.js'
import { seededRandom } from '../../../helpers/random.js'

const late = { complete: false, events: [] }
const means =
  'what the program calls while it starts is not in the profile. A restart under it can fail'

function recorded(...changes: Partial<Instance>[]): SeccompProfile {
  const instances = changes.map((change, n) => ({ ...instance(n, ['read']), ...change }))
  return profileOf({}, { instances, observed: { x86_64: ['read'] } })
}

test('a start that was not recorded', (t) => {
  // [what, instances in the order in which they appeared, the words; '': a start was recorded]
  const table: [string, Partial<Instance>[], string][] = [
    ['nothing was recorded', [], ''],
    ['it ran already', [late], `No start was recorded: ${means}`],
    ['several ran already', [late, late], `No start was recorded: ${means}`],
    ['one started', [late, {}], ''],
    ['the first one started', [{}, late], ''],
    [
      'only a probe and a session were seen from their start',
      [late, { part: 'probe' }, { part: 'session' }],
      `No start was recorded: ${means}`
    ],
    ['only a probe was recorded', [{ part: 'probe' }], `No start was recorded: ${means}`],
    [
      'another image runs since, and its start was missed',
      [{}, { ...late, image: 'web:2' }],
      `No start of the image web:2 was recorded: ${means}`
    ],
    ['another image started', [{}, { ...late, image: 'web:2' }, { image: 'web:2' }], ''],
    ['back to the image whose start is known', [{}, { ...late, image: 'web:2' }, {}], ''],
    ['nobody knows the image of the start', [{ image: '' }, late], ''],
    ['nobody knows any image', [{ image: '' }, { ...late, image: '' }], ''],
    [
      'seen again by a later recorder: its start was recorded',
      [{ id: 'n/b/1.2.3' }, { ...late, id: 'n/b+1/1.2.3' }],
      ''
    ]
  ]
  for (const [what, changes, words] of table) {
    const profile = recorded(...changes)
    t.equal(startUnseenText(profile), words, what)
    t.equal(isStartUnseen(profile), words !== '', what)
    const item = evidenceOf(profile, start + hour).find((one) => one.item === 'start')
    if (words === '') t.not(item?.bad, true, what)
    else {
      const expected = { item: 'start', ok: false, bad: true, detail: words, next: startUnseenNext }
      t.strictSame(item, expected, `${what}: the evidence`)
      const { next } = reviewOf(profile, start + hour, () => undefined)
      t.ok(next.startsWith(startUnseenNext), `${what}: it is the next step`)
    }
  }
  t.end()
})

test('the order in which instances are listed decides nothing; a recorded start of the newest image ends it', (t) => {
  const next = seededRandom(4)
  for (let run = 0; run < runs(200); run++) {
    const changes = Array.from({ length: 1 + Math.floor(next() * 5) }, () => ({
      ...(next() < 0.6 ? late : {}),
      image: next() < 0.5 ? 'web:1' : 'web:2'
    }))
    const profile = recorded(...changes)
    const instances = profile.status?.instances ?? []
    const turned = {
      ...profile,
      status: { ...profile.status, instances: [...instances].reverse() }
    }
    const isUnseen = isStartUnseen(profile)
    t.equal(isStartUnseen(turned), isUnseen, JSON.stringify(changes))
    const started = recorded(...changes, { image: changes.at(-1)?.image ?? '' })
    t.notOk(isStartUnseen(started), `started: ${JSON.stringify(changes)}`)
    t.equal(
      isUnseen,
      !changes.some((one) => !('complete' in one) && one.image === changes.at(-1)?.image),
      JSON.stringify(changes)
    )
  }
  t.end()
})
