import { test } from 'tap'
import type { Assigned } from '../../../../src/confinement/assigned.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { admit } from '../../../../webhook/admission/admit.js'
import {
  type AnsweredContainer,
  createAdmissionAnswers
} from '../../../../webhook/confinement/containers/admission-answers.js'
import { testPod, testReview } from '../../../helpers/review.js'
import { profiles, web } from '../../../helpers/reviews.js'
import { testRule } from '../../../helpers/rules.js'

const snapshot = buildSnapshot({ rules: [testRule('web', web)], profiles })
const labels = { app: 'web' }
const digest = `sha256:${'a'.repeat(64)}`
const noted: Assigned = {
  ...{ rule: 'secco-system/web', profile: 'shop/checkout.app', mode: 'enforce' },
  ...{ revision: digest, outcome: 'assigned', reason: '', author: '' }
}
const at = '2026-01-02T11:00:00.000Z'
const privileged = [{ name: 'app', securityContext: { privileged: true } }]

interface Reviewed {
  name?: string
  prefix?: string
  proven?: boolean
  containers?: object[]
}

/** Returns what is known of shop/web-7d9f-x2x4z after one review. */
function found(reviewed: Reviewed, stored: Partial<AnsweredContainer>) {
  const { name, prefix, proven = false, containers = [{ name: 'app', image: 'i' }] } = reviewed
  const pod = testPod(
    { labels, ...(prefix === undefined ? {} : { generateName: prefix }) },
    { containers }
  )
  if (name === undefined) delete pod.metadata.name
  else pod.metadata.name = name
  const answers = createAdmissionAnswers()
  answers.note(admit(snapshot, testReview(pod)), at, proven)
  return answers.find({
    ...{ namespace: 'shop', pod: 'web-7d9f-x2x4z', container: 'app', noted },
    ...{ createdAt: '2026-01-02T11:00:01Z', startedAt: '2026-01-02T11:00:05Z' },
    ...stored
  })
}

const own: Reviewed = { name: 'web-7d9f-x2x4z' }
const generated: Reviewed = { prefix: 'web-7d9f-' }
const unpatched = { containers: privileged, ...own }
const table: [
  what: string,
  reviewed: Reviewed,
  stored: Partial<AnsweredContainer>,
  isTold: boolean
][] = [
  ['the review of the pod', own, {}, true],
  ['the review of a pod with a generated name', generated, {}, true],
  ['of another pod', { name: 'web-1' }, {}, false],
  [
    'of a pod of the same ReplicaSet that is two hours younger',
    generated,
    { createdAt: '2026-01-02T09:00:00Z' },
    false
  ],
  ['of an earlier pod of the same name', own, { createdAt: '2026-01-02T12:30:00Z' }, false],
  [
    'an invented review of a pod whose annotation has another revision',
    own,
    { noted: { ...noted, revision: '' } },
    false
  ],
  ['… another rule', own, { noted: { ...noted, rule: 'secco-system/other' } }, false],
  ['… another outcome', own, { noted: { ...noted, outcome: 'learn' } }, false],
  ['… no annotation', own, { noted: undefined }, false],
  ['an invented review that writes nothing', unpatched, { noted: undefined }, false],
  ['a proven one that writes nothing', { ...unpatched, proven: true }, { noted: undefined }, true],
  [
    'a proven one that wrote, of a pod without it',
    { ...own, proven: true },
    { noted: undefined },
    false
  ],
  ['where pods are not watched', own, { createdAt: undefined }, true],
  [
    '… after the container started',
    own,
    { createdAt: undefined, startedAt: '2026-01-02T10:00:00Z' },
    false
  ]
]

test('an answer is shown for a pod that carries it', (t) => {
  for (const [what, reviewed, stored, isTold] of table) {
    t.equal(found(reviewed, stored)?.at, isTold ? at : undefined, what)
  }
  t.end()
})
