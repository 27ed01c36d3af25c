import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { parseBody } from '../../../webhook/admission/parse-body.js'
import { testPod, testReview, type TestPod } from '../../helpers/review.js'
import { profiles, web } from '../../helpers/reviews.js'
import { testRule } from '../../helpers/rules.js'

const snapshot = buildSnapshot({
  rules: [
    testRule('web', web),
    testRule('pictures', { ...web, podSelector: {}, images: ['nginx'] })
  ],
  profiles,
  options: { allowIgnore: true }
})
const labels = { app: 'web' }
const debug = (profile: object) => ({
  ephemeralContainers: [
    { name: 'debug', image: 'busybox', securityContext: { seccompProfile: profile } }
  ]
})
const unconfined = debug({ type: 'Unconfined' })
const ownFile = debug({ type: 'Localhost', localhostProfile: 'mine.json' })
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `c${i}`, image: 'i' }))
const manyLabels = Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`l${i}`, 'x']))
const selected = testPod({ labels })
const ofImage = testPod({ labels: {} }, { containers: [{ name: 'app', image: 'nginx:1' }] })

/** The stored pod, and what a request of `pods/ephemeralcontainers` says of it. The API server would restore all but the list. */
const bodies: [what: string, stored: TestPod, sent: TestPod, decision: 'patched' | 'denied'][] = [
  ['a debug container without a filter', selected, testPod({ labels }, unconfined), 'patched'],
  ['… and the labels removed', selected, testPod({ labels: {} }, unconfined), 'patched'],
  ['… with a file of its own, and the labels removed', selected, testPod({}, ownFile), 'patched'],
  [
    '… and a pod that becomes one for Windows',
    selected,
    testPod({ labels }, { ...unconfined, os: { name: 'windows' } }),
    'patched'
  ],
  [
    '… and a node selector of Windows',
    selected,
    testPod({ labels }, { ...unconfined, nodeSelector: { 'kubernetes.io/os': 'windows' } }),
    'patched'
  ],
  [
    '… and the label that opts out',
    selected,
    testPod({ labels: { ...labels, 'secco.dev/ignore': 'true' } }, unconfined),
    'patched'
  ],
  [
    '… and another image of the container that a rule selects',
    ofImage,
    testPod({ labels: {} }, { ...unconfined, containers: [{ name: 'app', image: 'busybox' }] }),
    'patched'
  ],
  ['… and 1,100 labels', selected, testPod({ labels: manyLabels }, unconfined), 'denied'],
  [
    '… and 257 containers that the pod does not have',
    selected,
    testPod({}, { ...unconfined, containers: many(257) }),
    'denied'
  ],
  ['257 debug containers', selected, testPod({}, { ephemeralContainers: many(257) }), 'denied']
]

test('an update of ephemeral containers is decided by the stored pod', (t) => {
  for (const [what, stored, sent, expected] of bodies) {
    const request = { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: stored }
    const { request: sentRequest, ...review } = testReview(sent, request)
    // The API server writes the two pods last.
    const { object, oldObject, ...before } = sentRequest
    const ordered = { ...review, request: { ...before, object, oldObject } }
    const body = Buffer.from(JSON.stringify(ordered))
    const { decision, patch } = admit(snapshot, parseBody(body))
    t.equal(decision.decision, expected, what)
    const value = { type: 'RuntimeDefault' }
    const path = '/spec/ephemeralContainers/0/securityContext/seccompProfile'
    t.same(patch, expected === 'denied' ? [] : [{ op: 'add', path, value }], `${what}: the patch`)
  }
  t.end()
})

test('what is stored of a pod that no rule selects does not change by a label of the request', (t) => {
  const request = { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: testPod() }
  const { decision, patch } = admit(snapshot, testReview(testPod({ labels }, unconfined), request))
  t.equal(decision.decision, 'unmatched')
  t.same(patch, [])
  t.end()
})
