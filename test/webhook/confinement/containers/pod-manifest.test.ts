import fjp from 'fast-json-patch'
import { test } from 'tap'
import { buildSnapshot, type Snapshot } from '../../../../src/rules/snapshot.js'
import { checkObject } from '../../../../webhook/admission/check-pod.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import {
  checkRunningPod,
  podManifest
} from '../../../../webhook/confinement/containers/pod-manifest.js'
import { type TestPod, testReview } from '../../../helpers/review.js'
import { patchOf } from '../../../helpers/reviews.js'
import { testProfile, testRevision, testRule } from '../../../helpers/rules.js'

const node = (name: string, labels = {}) =>
  [name, { name, labels, taints: [], unschedulable: false }] as const
const nodes = new Map([node('a1', { pool: 'a' }), node('b1', { pool: 'b' })])
const enforce = { ...testRevision('shop', 'web', 'a'), withinDefault: true, lacking: ['b1'] }
const profiles = [testProfile('shop', 'web', { enforce, container: 'app' })]
const given = {
  profile: { namespace: 'shop', name: 'web' },
  whenNotReady: 'RuntimeDefault' as const
}
const ofApp = { podSelector: { matchLabels: { app: 'web' } }, containers: ['app'] }
const snapshotOf = (...rules: Parameters<typeof testRule>[]): Snapshot =>
  buildSnapshot({ nodes, profiles, rules: rules.map((one) => testRule(...one)) })

const none = snapshotOf()
const byRoot = snapshotOf(['root', { ...ofApp, ...given, mode: 'enforce' }])
const byTenant = snapshotOf(['own', { ...ofApp, ...given, mode: 'enforce' }, 'shop'])
const learns = snapshotOf(['learn', { ...ofApp, mode: 'learn' }, 'shop'])
const everyOne = snapshotOf(['all', { podSelector: {}, profile: { name: 'web' } }, 'shop'])
const ofImages = snapshotOf(['image', { podSelector: {}, ...given, images: ['web:1'] }])
const snapshots = { none, byRoot, byTenant, learns, everyOne, ofImages }

const context = (type: string, more = {}) => ({
  securityContext: { seccompProfile: { type, ...more } }
})
const file = context('Localhost', { localhostProfile: 'own/mine.json' })
const poolA = { nodeSelector: { pool: 'a' } }
const labels = { app: 'web' }
const ofDeployment = {
  labels: { ...labels, 'pod-template-hash': '5d4f' },
  ownerReferences: [
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d4f', controller: true }
  ]
}
const podOf = (metadata: object, spec: object, app: object = {}): TestPod =>
  ({
    metadata: { name: 'web-1', namespace: 'shop', uid: 'u', ...metadata },
    spec: {
      initContainers: [{ name: 'setup', image: 'setup:1' }],
      containers: [
        { name: 'app', image: 'web:1', ...app },
        { name: 'side', image: 'side:1' }
      ],
      ...spec
    }
  }) as unknown as TestPod

const pods: readonly [what: string, pod: TestPod][] = [
  ['no labels', podOf({}, {})],
  ['labelled', podOf({ labels }, {})],
  ['of a Deployment', podOf(ofDeployment, {})],
  ['for a pool', podOf(ofDeployment, poolA)],
  ['RuntimeDefault', podOf({ labels }, poolA, context('RuntimeDefault'))],
  ['RuntimeDefault for the pod', podOf({ labels }, { ...poolA, ...context('RuntimeDefault') })],
  ['Unconfined', podOf({ labels }, poolA, context('Unconfined'))],
  ['a file of its own', podOf({ labels }, poolA, file)],
  ['privileged', podOf({ labels }, poolA, { securityContext: { privileged: true } })],
  ['by its label', podOf({ labels: { 'secco.dev/profile': 'web' } }, poolA)],
  ['opted out', podOf({ labels: { ...labels, 'secco.dev/ignore': 'true' } }, poolA)]
]

/** Returns a pod as the API server stores and a node runs it. */
function storedBy(snapshot: Snapshot, pod: TestPod) {
  const patched = fjp.applyPatch(structuredClone(pod), patchOf(snapshot, testReview(pod)))
  return readPod(patched.newDocument as never)
}

test('a running pod is decided about as a new one of its workload, or what is not known is named', (t) => {
  let certain = 0
  let uncertain = 0
  for (const [what, pod] of pods)
    for (const [before, admitted] of Object.entries(snapshots))
      for (const [now, snapshot] of Object.entries(snapshots)) {
        const expected = checkObject(snapshot, { ...pod, kind: 'Pod' }, 'shop')
        const result = checkRunningPod(snapshot, storedBy(admitted, pod))
        const name = `${what}; admitted under ${before}, now ${now}`
        if (result.unknown.length > 0) {
          uncertain += 1
          t.not(before, now, `${name}: the decision of its admission is known`)
          t.equal(result.coverage, 'unknown', name)
          t.match(result.unknown, [/^what the author of \S+ stated/], name)
          continue
        }
        certain += 1
        const essence = (one: typeof expected) => [
          ...[one?.decision, one?.reason, one?.matchedRules, one?.coverage],
          one?.containers.map((each) => ({ ...each, overrides: '' }))
        ]
        t.strictSame(essence(result), essence(expected), name)
      }
  t.equal(certain + uncertain, pods.length * 36)
  t.ok(uncertain > 0 && uncertain * 6 < certain, `${uncertain} of ${certain} are not certain`)
  t.end()
})

test('what decides elsewhere is not known of a running pod', (t) => {
  const ladder = { mode: 'enforce', canary: { percent: 10, from: { mode: 'audit' } } } as const
  const canary = buildSnapshot({
    nodes,
    profiles: [testProfile('shop', 'web', { enforce, container: 'app', ladder })],
    rules: [testRule('own', { ...ofApp, ...given, mode: 'enforce' }, 'shop')]
  })
  const stateful = {
    labels,
    ownerReferences: [{ kind: 'StatefulSet', name: 'web', controller: true }]
  }
  const onNode = podOf({ labels }, { nodeName: 'a1' })
  const mirror = podOf({ labels, annotations: { 'kubernetes.io/config.mirror': 'x' } }, {})
  const table: [string, Snapshot, TestPod, RegExp | undefined][] = [
    ['a canary', canary, podOf(ofDeployment, poolA), /a canary gives 10 % of new pods another/],
    ['a StatefulSet has ordinals', canary, podOf(stateful, poolA), undefined],
    [
      'a node without the file',
      byTenant,
      onNode,
      /whether its author or the scheduler chose node a1/
    ],
    ['no rule', none, onNode, undefined],
    ['a mirror pod', byTenant, mirror, /decides nothing about mirror pods/]
  ]
  for (const [what, snapshot, pod, unknown] of table) {
    const result = checkRunningPod(snapshot, readPod(pod as never))
    t.match(result, unknown === undefined ? { unknown: [] } : { unknown: [unknown] }, what)
    t.equal(result.coverage === 'unknown', unknown !== undefined, what)
  }
  t.end()
})

test('the manifest of a running pod has all that decides, and nothing that Secco wrote', (t) => {
  const stored = storedBy(byRoot, podOf(ofDeployment, poolA, context('RuntimeDefault')))
  t.strictSame(podManifest(stored), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name: 'web-1', namespace: 'shop', labels: ofDeployment.labels },
      ownerReferences: [{ kind: 'Deployment', name: 'web', controller: true }]
    },
    spec: {
      ...poolA,
      initContainers: [{ name: 'setup', image: 'setup:1' }],
      containers: [
        { name: 'app', image: 'web:1', ...context('RuntimeDefault') },
        { name: 'side', image: 'side:1' }
      ]
    }
  })
  t.end()
})
