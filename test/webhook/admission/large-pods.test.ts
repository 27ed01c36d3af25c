import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { parseBody } from '../../../webhook/admission/parse-body.js'
import { countSteps } from '../../helpers/counted-steps.js'
import { testPod, testReview } from '../../helpers/review.js'
import { labels, snapshot } from '../../helpers/reviews.js'
import { testProfile, testRule } from '../../helpers/rules.js'
import { matchLists } from '../../helpers/match-lists.js'

const containers = (count: number, more: object = {}) => ({
  containers: Array.from({ length: count }, (_, i) => ({ name: `c${i}`, image: 'i', ...more }))
})
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, '']))
/** As the API server writes it: the objects come last. */
function reviewOf(given: Record<string, string>, spec: object, change: object = {}): Buffer {
  const { request, ...review } = testReview(testPod({ labels: given }, spec))
  const { object, ...rest } = { ...request, ...change }
  return Buffer.from(JSON.stringify({ ...review, request: { ...rest, object } }))
}
const debug = (count: number) => ({
  operation: 'UPDATE',
  subResource: 'ephemeralcontainers',
  oldObject: testPod({ labels }, { ephemeralContainers: containers(count).containers })
})

/** A rule that selects pods by their image alone. */
const ofImages = buildSnapshot({
  rules: [testRule('images', { images: ['docker.io/library/web'], profile: { name: 'web' } })],
  profiles: [testProfile('secco-system', 'web')]
})
const behind = (count: number) => ({
  initContainers: containers(count).containers,
  containers: [{ name: 'app', image: 'docker.io/library/web:1' }]
})

const table: [
  what: string,
  body: Buffer,
  reason: string,
  allowed: boolean,
  under?: ReturnType<typeof buildSnapshot>
][] = [
  ['256 containers', reviewOf(labels, containers(256)), 'ready', true],
  ['257 containers', reviewOf(labels, containers(257)), 'too-many-containers', false],
  [
    '257 containers of both kinds',
    reviewOf(labels, { ...containers(156), initContainers: containers(101).containers }),
    'too-many-containers',
    false
  ],
  ['75,000 containers', reviewOf(labels, containers(75_000)), 'too-many-containers', false],
  // Go writes them before the containers: the image that a rule selects is not read.
  [
    '257 init containers before an image that a rule selects',
    reviewOf({}, behind(257)),
    'too-many-containers',
    false,
    ofImages
  ],
  ['75,000 containers that no rule selects', reviewOf({}, containers(75_000)), 'no-rule', true],
  ['1,024 labels', reviewOf({ ...many(1022), ...labels }, {}), 'ready', true],
  ['1,025 labels', reviewOf({ ...many(1024), ...labels }, {}), 'too-many-labels', false],
  ['300,000 labels', reviewOf({ ...many(300_000), ...labels }, {}), 'too-many-labels', false],
  [
    'a million equal labels',
    Buffer.from(
      JSON.stringify(testReview(testPod({ labels }))).replace(
        '"labels":{',
        `"labels":{${'"a":"",'.repeat(1_000_000)}`
      )
    ),
    'too-many-labels',
    false
  ],
  [
    '300,000 labels in kube-system',
    reviewOf(many(300_000), {}, { namespace: 'kube-system' }),
    'excluded-namespace',
    true
  ],
  [
    '257 ephemeral containers',
    reviewOf(labels, { ephemeralContainers: containers(257).containers }, debug(256)),
    'too-many-containers',
    false
  ]
]

test('a pod that no honest author makes is denied', (t) => {
  for (const [what, body, reason, allowed, under = snapshot] of table) {
    const { decision } = admit(under, parseBody(body))
    t.match(decision, { reason, allowed }, what)
    if (!allowed) t.strictSame(decision.containers, [], `${what}: no container is changed`)
  }
  const observing = buildSnapshot({
    rules: [testRule('web', { podSelector: { matchLabels: labels }, profile: { name: 'web' } })],
    profiles: [testProfile('secco-system', 'web')],
    options: { mode: 'observe' }
  })
  const { decision } = admit(observing, parseBody(reviewOf(labels, containers(257))))
  matchLists(
    t,
    decision,
    { allowed: true, reason: 'too-many-containers', containers: [] },
    'nothing is denied while observing'
  )
  t.end()
})

test('a review is read no further than to what denies it', async (t) => {
  const reading = (body: Buffer) => countSteps(() => admit(snapshot, parseBody(body)))
  const ofContainers = (count: number) =>
    reviewOf(labels, containers(count, { securityContext: {} }))
  const ofLabels = (count: number) => reviewOf({ ...many(count), ...labels }, {})
  for (const [what, least, most] of [
    ['containers', ofContainers(257), ofContainers(75_000)],
    ['labels', ofLabels(1024), ofLabels(300_000)]
  ] as const) {
    // The first one makes what is kept.
    await reading(least)
    const [few, all] = [await reading(least), await reading(most)]
    t.ok(all.steps <= few.steps * 1.05, `${what}: ${all.steps} steps, ${few.steps} of the fewest`)
    t.equal(all.json, few.json, `${what}: characters of JSON`)
  }
})
