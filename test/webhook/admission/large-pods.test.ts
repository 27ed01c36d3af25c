import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { parseBody } from '../../../webhook/admission/parse-body.js'
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

/** The fewest milliseconds of some runs of each, in turns: what disturbs one disturbs the other. */
function quickest(...all: (() => void)[]): number[] {
  const fewest = all.map(() => Infinity)
  for (let round = 0; round < 9; round += 1)
    for (const [at, run] of all.entries()) {
      const began = performance.now()
      run()
      fewest[at] = Math.min(fewest[at] ?? Infinity, performance.now() - began)
    }
  return fewest
}

test('too many containers or labels cost less than an ordinary review', (t) => {
  const ordinary = reviewOf(labels, { ...containers(1), hostname: 'x'.repeat(3_000_000) })
  const reading = (body: Buffer) => () => admit(snapshot, parseBody(body))
  for (const [what, body] of [
    ['containers', reviewOf(labels, containers(75_000, { securityContext: {} }))],
    ['labels', reviewOf({ ...many(300_000), ...labels }, {})]
  ] as const) {
    const [own = NaN, other = NaN] = quickest(reading(body), reading(ordinary))
    const ratio = own / other
    t.ok(ratio < 1, `${what}: ${ratio.toFixed(2)} of an ordinary review of 3 MB`)
  }
  t.end()
})
