import fjp from 'fast-json-patch'
import { test } from 'tap'
import { decide } from '../../../../src/rules/decide.js'
import type { NodeFacts, Taint } from '../../../../src/rules/node-facts.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { type PodRequest, podFacts } from '../../../../webhook/admission/pod-facts.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { builtView, runningUnder, viewBuilder } from '../../../helpers/built-view.js'
import { type TestPod, testReview } from '../../../helpers/review.js'
import { patchOf } from '../../../helpers/reviews.js'
import { testProfile, testRevision, testRule } from '../../../helpers/rules.js'

const master: Taint = { key: 'master', value: '', effect: 'NoSchedule' }
const node = (name: string, labels = {}, taints: Taint[] = []): [string, NodeFacts] => [
  name,
  { name, labels, taints, unschedulable: false }
]
const nodes = new Map([
  node('a1', { pool: 'a' }),
  node('b1', { pool: 'b' }),
  node('cp', {}, [master])
])

/** What an author states for the container, and for the pod. */
const authors: readonly [what: string, own: object | undefined, pod: object | undefined][] = [
  ['nothing', undefined, undefined],
  ['RuntimeDefault', { type: 'RuntimeDefault' }, undefined],
  ['RuntimeDefault for the pod', undefined, { type: 'RuntimeDefault' }],
  ['Unconfined', { type: 'Unconfined' }, undefined],
  ['a profile of its own', { type: 'Localhost', localhostProfile: 'own/mine.json' }, undefined]
]
const affinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b1'] }] }
      ]
    }
  }
}
const placements: readonly [what: string, spec: object][] = [
  ['anywhere', {}],
  ['pool a', { nodeSelector: { pool: 'a' } }],
  ['one node', { affinity }],
  ['every taint', { tolerations: [{ operator: 'Exists' }] }]
]

const context = (seccompProfile: object | undefined) =>
  seccompProfile === undefined ? {} : { securityContext: { seccompProfile } }

function podOf(own: object | undefined, ofPod: object | undefined, placed: object, labels = {}) {
  return {
    metadata: { name: 'web-1', namespace: 'shop', uid: 'u', labels: { app: 'web', ...labels } },
    spec: {
      ...{ ...context(ofPod), ...placed },
      initContainers: [{ name: 'setup', image: 'web:1' }],
      containers: [
        { name: 'app', image: 'web:1', ...context(own) },
        { name: 'side', image: 'web:1' }
      ]
    }
  } as unknown as TestPod
}

/** Profile web, whose newest revision some nodes lack. */
const snapshotWith = (lacking: string[], withinDefault: boolean, mode: 'learn' | 'enforce') => {
  const enforce = { ...testRevision('shop', 'web', 'a'), withinDefault, lacking }
  const rule = {
    podSelector: {},
    profile: { name: 'web' },
    mode,
    whenNotReady: 'Previous' as const
  }
  return buildSnapshot({
    ...{ rules: [testRule('web', rule, 'shop')], nodes },
    profiles: [testProfile('shop', 'web', { enforce, container: 'app' })]
  })
}

const request: PodRequest = {
  ...{ operation: 'CREATE' as const, subresource: '', namespace: 'shop', user: '', groups: [] }
}
const running = (name = 'app') =>
  runningUnder('', {
    declared: 'runtime-default',
    container: {
      ...runningUnder('').container,
      ...{ name, image: 'web:1', podName: 'web-1', podUid: 'u' }
    } as NonNullable<ReturnType<typeof runningUnder>['container']>
  })

test('what a new container would get is what the webhook gives to its pod', (t) => {
  let compared = 0
  for (const [author, own, ofPod] of authors)
    for (const [place, placed] of placements)
      for (const lacking of [[], ['b1'], ['cp'], ['a1', 'b1']])
        for (const isWithin of [true, false])
          for (const before of ['learn', 'enforce'] as const) {
            const pod = podOf(own, ofPod, placed)
            // The pod was admitted while its profile was learned, or is as the rules are now.
            const review = testReview(pod)
            const operations = patchOf(snapshotWith(lacking, isWithin, before), review)
            const stored = fjp.applyPatch(structuredClone(pod), operations).newDocument
            const snapshot = snapshotWith(lacking, isWithin, 'enforce')
            const given = decide(snapshot, podFacts(pod as never, request))
            const known = readPod({
              ...stored,
              spec: { ...stored.spec, nodeName: 'b1' }
            } as never)
            const builder = viewBuilder({ snapshot, pod: known })
            const wanted = given.containers.find(({ container }) => container === 'app')
            const { decision } = builder.decide(running())
            const seen = decision.containers[0]
            const what = [author, place, lacking, isWithin, before].join('; ')
            // What a decision replaces is in its words alone.
            t.strictSame({ ...seen, overrides: '' }, { ...wanted, overrides: '' }, what)
            compared += 1
          }
  t.equal(compared, 320)
  t.end()
})

test('an author states RuntimeDefault, and the profile allows more: a restart changes nothing', (t) => {
  const snapshot = snapshotWith([], false, 'enforce')
  const pod = podOf({ type: 'RuntimeDefault' }, undefined, {})
  const operations = patchOf(snapshot, testReview(pod))
  const stored = fjp.applyPatch(structuredClone(pod), operations).newDocument
  t.strictSame(patchOf(snapshot, testReview(stored)), [], 'a second call repeats it')
  const view = builtView(running(), { snapshot, pod: readPod(stored as never) })
  t.match(view, { state: 'runtime-default', unprotected: null, stale: false, wanted: '' })
  t.end()
})

test('labels that name a container of the pod have an effect, and one container is learned', (t) => {
  const labels = { 'secco.dev/profile.side': 'web' }
  const profiles = [testProfile('shop', 'web', { container: 'side' })]
  const known = readPod(podOf(undefined, undefined, {}, labels) as never)
  const labelled = viewBuilder({ snapshot: buildSnapshot({ profiles }), pod: known })
  for (const name of ['setup', 'app', 'side']) {
    const { warnings, containers } = labelled.decide(running(name)).decision
    t.notMatch(warnings.join(' '), /no effect/, name)
    t.equal(containers.length, 1)
    t.equal(containers[0]?.container, name)
  }
  const learn = { 'secco.dev/learn': 'true', 'secco.dev/profile': 'new' }
  const learning = viewBuilder({
    snapshot: buildSnapshot({}),
    pod: readPod(podOf(undefined, undefined, {}, learn) as never)
  })
  const into = ['app', 'side'].map((name) => learning.decide(running(name)).decision.containers[0])
  const pod = podOf(undefined, undefined, {}, learn)
  const { containers } = decide(buildSnapshot({}), podFacts(pod as never, request))
  t.strictSame(
    into,
    containers.filter(({ kind }) => kind === 'container')
  )
  t.not(into[0]?.profile, into[1]?.profile, 'only the first container is learned into the profile')
  t.end()
})
