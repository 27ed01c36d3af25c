import fjp from 'fast-json-patch'
import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { createPodCounter, createPodCounters } from '../../../webhook/admission/pod-counter.js'
import { annotations } from '../../../src/api/names.js'
import { testPod, testReview, type TestPod } from '../../helpers/review.js'
import { labels, web } from '../../helpers/reviews.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const before = { mode: 'enforce' as const, revision: testRevision('shop', 'checkout.app', 'c') }
const withCanary = buildSnapshot({
  rules: [testRule('web', web, 'shop')],
  profiles: [
    testProfile('shop', 'checkout.app', {
      ladder: { mode: 'enforce', canary: { percent: 25, from: before } }
    })
  ]
})

const hash = '7c9d8f6b5'
const ownerReferences = [{ kind: 'ReplicaSet', name: `web-${hash}`, controller: true }]
const template = (change: object = {}, containers: object[] = [{ name: 'app' }]): TestPod => {
  const own = { ...labels, 'pod-template-hash': hash }
  const metadata = { labels: own, ownerReferences, generateName: `web-${hash}-` }
  const made = testPod({ ...metadata, ...change }, { containers })
  delete made.metadata.name
  return made
}

/** Calls the webhook about a pod. Returns whether it is a canary, and the pod as it is then. */
function call(turns: Parameters<typeof admit>[2], pod: TestPod, request: object = {}) {
  const { decision, patch } = admit(withCanary, testReview(pod, { ...request }), turns)
  const after = fjp.applyPatch(structuredClone(pod), structuredClone(patch) as fjp.Operation[])
  return { isCanary: decision.containers[0]?.canary === true, after: after.newDocument, patch }
}

test('each pod of a workload takes the next place in its canary; a dry run takes none', (t) => {
  const turns = createPodCounters()('')
  const create = (owner: string, dryRun = false): boolean => {
    const owners = [{ kind: 'ReplicaSet', name: `${owner}-7c9d8f6b5`, controller: true }]
    const own = { ...labels, 'pod-template-hash': '7c9d8f6b5' }
    const metadata = { labels: own, ownerReferences: owners }
    const made = testPod({ ...metadata, generateName: `${owner}-7c9d8f6b5-` })
    delete made.metadata.name
    const { decision } = admit(withCanary, testReview(made, { dryRun }), turns)
    return decision.containers[0]?.canary === true
  }
  const pods = Array.from({ length: 8 }, () => create('web'))
  t.same(pods, [true, false, false, false, true, false, false, false])
  for (let nth = 0; nth < 3; nth += 1) create('web', true)
  t.same([create('web'), create('web')], [true, false], 'three dry runs made no difference')
  t.equal(create('api'), true, 'another workload begins by itself')
  const debugged = template({}, [{ name: 'app' }])
  const debug = { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: debugged }
  for (let nth = 0; nth < 3; nth += 1) call(turns, debugged, debug)
  t.same(
    [create('web'), create('web'), create('web')],
    [false, false, true],
    'nor does kubectl debug'
  )
  t.end()
})

const every4th = [true, false, false, false, true, false, false, false]

test('nobody writes the side of a canary into a template', (t) => {
  const others = createPodCounters()('')
  const [, stored] = [0, 1].map(() => call(others, template()).after)
  const copied = { [annotations.assigned]: stored?.metadata.annotations?.[annotations.assigned] }
  const securityContext = {
    seccompProfile: { type: 'Localhost', localhostProfile: before.revision.path }
  }
  const byHand = [{ name: 'app', securityContext }]
  const templates: [what: string, pod: TestPod][] = [
    ['the path of the revision before, by hand', template({}, byHand)],
    ['… with the annotation of another pod', template({ annotations: copied }, byHand)],
    ['the annotation alone', template({ annotations: copied })]
  ]
  for (const [what, pod] of templates) {
    const turns = createPodCounters()('')
    const pods = Array.from({ length: 8 }, () => call(turns, pod).isCanary)
    t.same(pods, every4th, what)
  }
  t.end()
})

test('no name of a pod without a controller chooses its side of a canary', (t) => {
  const names: [what: string, name: (nth: number) => string][] = [
    ['an ordinal that is a canary', () => 'web-0'],
    ['an ordinal that is none', () => 'web-1'],
    ['one after the other', (nth) => `web-${String(nth)}`],
    ['another name each time', (nth) => `web-${'x'.repeat(nth + 1)}`]
  ]
  for (const [what, name] of names) {
    const turns = createPodCounters()('')
    const sides = Array.from(
      { length: 8 },
      (_, nth) => call(turns, testPod({ labels, name: name(nth) })).isCanary
    )
    t.same(sides, every4th, what)
  }
  const turns = createPodCounters()('')
  const bare = (name: string, annotations = {}) => testPod({ labels, name, annotations })
  const [first, , , , fifth] = [0, 1, 2, 3, 4].map((nth) => call(turns, bare(`web-${nth}`)))
  const { annotations: own } = first?.after.metadata ?? {}
  t.equal(call(turns, bare('web-x', own)).isCanary, false, 'the annotation of another pod')
  for (const one of [first, fifth]) {
    if (one !== undefined) t.equal(call(turns, one.after).isCanary, true, 'a second review')
  }
  t.end()
})

test('a change of an answer counts for one later review, by the same sender, for half a minute', (t) => {
  let now = 0
  const turns = createPodCounters(() => now)('')
  const sides = (pod: TestPod, count: number, request?: object) =>
    Array.from({ length: count }, () => call(turns, pod, request).isCanary)
  call(turns, template())
  const { after } = call(turns, template())
  const another = { userInfo: { username: 'eve' } }
  t.same(sides(after, 1, another), [false], 'of another sender it is the third')
  t.same(sides(after, 4), [false, false, true, false], 'the second, then the fourth and so on')
  const [late] = [0, 1].map(() => call(turns, template()).after)
  now = 30_001
  t.same(sides(late ?? after, 1), [true], 'too late, it is the ninth')
  t.end()
})

test('a second call for a new pod repeats the first, and takes no place in the canary', (t) => {
  const inject = (pod: TestPod): TestPod => {
    const containers = [...pod.spec.containers, { name: 'mesh', image: 'mesh:1' }]
    return { ...pod, spec: { ...pod.spec, containers } }
  }
  for (const [what, between] of [
    ['as the first left it', (pod: TestPod) => pod],
    ['with a container more', inject]
  ] as const) {
    const turns = createPodCounters()('')
    const both = Array.from({ length: 8 }, () => {
      const first = call(turns, template())
      const second = call(turns, between(first.after))
      t.equal(second.isCanary, first.isCanary, what)
      t.equal(second.patch.length > 0, between === inject, `${what}: nothing else changes`)
      return first.isCanary
    })
    t.same(both, every4th, what)
  }
  t.end()
})

test('pods of several workloads at once: each second call repeats its own first', (t) => {
  const turns = createPodCounters()('')
  const firsts = Array.from({ length: 8 }, () => call(turns, template()))
  const seconds = firsts.map(({ after }) => call(turns, after).isCanary)
  t.same(
    seconds,
    firsts.map(({ isCanary }) => isCanary)
  )
  t.end()
})

test('the counter forgets the workloads that had no pod for longest', (t) => {
  const turnOf = createPodCounter()
  for (const expected of [0, 1, 2]) t.equal(turnOf('shop/web'), expected)
  for (let nth = 0; nth < 9_999; nth += 1) turnOf(`shop/${nth}`)
  t.equal(turnOf('shop/web'), 3, 'among 10,000 it is still known')
  for (let nth = 0; nth < 10_000; nth += 1) turnOf(`bank/${nth}`)
  t.equal(turnOf('shop/web'), 0)
  t.end()
})

test('a mirror pod is one that the node it names sends', (t) => {
  const snapshot = buildSnapshot({
    rules: [testRule('web', web, 'shop')],
    profiles: [testProfile('shop', 'checkout.app')]
  })
  const node = 'system:node:node-a'
  const longest = 'n'.repeat(253)
  const senders: [what: string, nodeName: unknown, user: object | null, expected: string][] = [
    ['its node', 'node-a', { username: node, groups: ['system:nodes'] }, 'mirror'],
    [
      'a node with the longest name',
      longest,
      { username: `system:node:${longest}`, groups: ['system:nodes'] },
      'mirror'
    ],
    ['another node', 'node-b', { username: node, groups: ['system:nodes'] }, 'patched'],
    ['a person', 'node-a', { username: 'eve', groups: ['system:authenticated'] }, 'patched'],
    ['nobody', 'node-a', null, 'patched'],
    ['the name without the group', 'node-a', { username: node }, 'patched'],
    ['… with a group that only looks alike', 'node-a', { username: node, groups: [[]] }, 'patched'],
    [
      'the group without the name',
      'node-a',
      { username: 'eve', groups: ['system:nodes'] },
      'patched'
    ],
    ['a pod without a node', undefined, { username: node, groups: ['system:nodes'] }, 'patched'],
    [
      'a node that is called undefined',
      undefined,
      { username: 'system:node:undefined', groups: ['system:nodes'] },
      'patched'
    ]
  ]
  for (const [what, nodeName, userInfo, expected] of senders) {
    const pod = testPod(
      { labels, annotations: { 'kubernetes.io/config.mirror': 'x' } },
      { nodeName }
    )
    const { decision } = admit(snapshot, testReview(pod, { userInfo }))
    t.equal(decision.reason === 'mirror' ? 'mirror' : decision.decision, expected, what)
    const warned = decision.warnings.some((text) => text.includes('does not count'))
    t.equal(warned, expected !== 'mirror', `${what}: its author is told`)
  }
  t.end()
})
