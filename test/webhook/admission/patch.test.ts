import fc from 'fast-check'
import fjp from 'fast-json-patch'
import { test } from 'tap'
import { buildSnapshot, type Snapshot } from '../../../src/rules/snapshot.js'
import { pointerSegment } from '../../../webhook/admission/patch.js'
import { runs } from '../../helpers/fuzz.js'
import { testPod, testReview, type TestPod } from '../../helpers/review.js'
import { testRule } from '../../helpers/rules.js'
import { path, patchOf, profiles, web, labels, snapshot } from '../../helpers/reviews.js'

/** The pod as the API server makes it from our answer; every operation is validated. */
function patched(used: Snapshot, pod: TestPod, request: Record<string, unknown> = {}): TestPod {
  const operations = patchOf(used, testReview(pod, request))
  return fjp.applyPatch(structuredClone(pod), operations, true).newDocument
}

const legacy = {
  pod: 'seccomp.security.alpha.kubernetes.io/pod',
  container: 'container.seccomp.security.alpha.kubernetes.io/'
}

test('a labelled pod: fields per container, init containers too, and annotations', (t) => {
  const pod = testPod(
    { labels },
    { initContainers: [{ name: 'init', securityContext: { runAsUser: 1 } }] }
  )
  const after = patched(snapshot, pod)
  const localhost = { type: 'Localhost', localhostProfile: path }
  t.strictSame(after.spec['securityContext'], { seccompProfile: { type: 'RuntimeDefault' } })
  t.strictSame(after.spec.containers[0]?.['securityContext'], { seccompProfile: localhost })
  t.strictSame(after.spec.initContainers?.[0]?.['securityContext'], {
    runAsUser: 1,
    seccompProfile: localhost
  })
  const assigned = {
    rule: 'secco-system/web',
    profile: 'shop/checkout.app',
    mode: 'enforce',
    revision: `sha256:${'a'.repeat(64)}`,
    outcome: 'assigned',
    reason: 'ready'
  }
  t.strictSame(after.metadata.annotations, {
    [legacy.pod]: 'runtime/default',
    [`${legacy.container}init`]: `localhost/${path}`,
    [`${legacy.container}app`]: `localhost/${path}`,
    'secco.dev/assigned': JSON.stringify({ init: assigned, app: assigned })
  })
  t.end()
})

test('annotations can be switched off, and other annotations stay', (t) => {
  const off = buildSnapshot({
    rules: [testRule('web', web)],
    profiles,
    options: { legacyAnnotations: false }
  })
  const after = patched(off, testPod({ labels, annotations: { 'a/b~c': 'mine' } }))
  t.strictSame(Object.keys(after.metadata.annotations ?? {}), ['a/b~c', 'secco.dev/assigned'])
  t.equal(pointerSegment('a/b~c'), 'a~1b~0c')
  t.end()
})

test('missing or null parents are created', (t) => {
  const pods = [
    testPod({ labels, annotations: undefined } as object),
    testPod({ labels, annotations: null } as object, { securityContext: null }),
    testPod(
      { labels, annotations: {} },
      { securityContext: {}, containers: [{ name: 'app', securityContext: null }] }
    )
  ]
  for (const pod of pods) {
    const after = patched(snapshot, JSON.parse(JSON.stringify(pod)) as TestPod)
    t.strictSame(after.spec['securityContext'], { seccompProfile: { type: 'RuntimeDefault' } })
    t.matchOnly(after.metadata.annotations, {
      [legacy.pod]: 'runtime/default',
      [`${legacy.container}app`]: `localhost/${path}`,
      'secco.dev/assigned': /^\{"app":/
    })
  }
  t.end()
})

test('untouched: unmatched, opted out, excluded; a copied assignment is removed', (t) => {
  const copied = { 'secco.dev/assigned': '{}', other: 'x' }
  t.strictSame(patchOf(snapshot, testReview(testPod({ labels: { app: 'db' } }))), [])
  const ignoring = { ...snapshot, options: { ...snapshot.options, allowIgnore: true } }
  t.strictSame(
    patchOf(ignoring, testReview(testPod({ labels: { ...labels, 'secco.dev/ignore': 'true' } }))),
    []
  )
  t.strictSame(patchOf(snapshot, testReview(testPod({ labels }), { namespace: 'kube-system' })), [])
  t.strictSame(patched(snapshot, testPod({ annotations: copied })).metadata.annotations, {
    other: 'x'
  })
  t.end()
})

test('ephemeral containers: only the new one, only its field', (t) => {
  const old = testPod({ labels }, { ephemeralContainers: [{ name: 'first' }] })
  const pod = testPod(
    { labels },
    {
      ephemeralContainers: [
        { name: 'first' },
        { name: 'second', securityContext: { runAsUser: 1 } }
      ]
    }
  )
  const request = { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: old }
  t.strictSame(patchOf(snapshot, testReview(pod, request)), [
    {
      op: 'add',
      path: '/spec/ephemeralContainers/1/securityContext/seccompProfile',
      value: { type: 'RuntimeDefault' }
    }
  ])
  const after = patched(snapshot, pod, request)
  t.strictSame(patchOf(snapshot, testReview(after, request)), [], 'nothing the second time')
  t.strictSame(
    patchOf(
      snapshot,
      testReview(testPod({ labels: {} }, { ephemeralContainers: [{ name: 'x' }] }), {
        ...request,
        oldObject: testPod({ labels: {} })
      })
    ),
    []
  )
  t.end()
})

test('any pod: a valid patch at allowed paths, nothing the second time, never Unconfined', (t) => {
  const profile = fc.constantFrom(
    undefined,
    null,
    { type: 'RuntimeDefault' },
    { type: 'Unconfined' },
    { type: 'Localhost', localhostProfile: 'own.json' },
    { type: 'Localhost', localhostProfile: 'secco/shop/old/0.json' }
  )
  const context = fc.oneof(
    fc.constant(undefined),
    fc.constant(null),
    fc.record({
      seccompProfile: profile,
      privileged: fc.constantFrom(undefined, true, false),
      runAsUser: fc.constant(5)
    })
  )
  const container = fc.record({
    name: fc.constantFrom('app', 'side', 'a-b'),
    image: fc.constant('i'),
    securityContext: context
  })
  const podArbitrary = fc.record({
    labels: fc.constantFrom(
      { app: 'web' },
      { app: 'db' },
      {},
      { 'secco.dev/learn': 'true' },
      { 'secco.dev/profile': 'checkout.app' },
      { 'secco.dev/profile': 'nobody' },
      undefined
    ),
    annotations: fc.constantFrom(
      undefined,
      null,
      {},
      { [legacy.pod]: 'unconfined', 'secco.dev/assigned': 'x', 'a/b': 'c' }
    ),
    context: fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.record({ seccompProfile: profile, fsGroup: fc.constant(1) })
    ),
    containers: fc.uniqueArray(container, { minLength: 1, maxLength: 3, selector: (c) => c.name }),
    init: fc.option(
      fc.array(
        container.map((c) => ({ ...c, name: `init-${c.name}` })),
        { maxLength: 2 }
      ),
      { nil: undefined }
    ),
    mode: fc.constantFrom('learn' as const, 'audit' as const, 'enforce' as const),
    only: fc.constantFrom<string[] | undefined>(undefined, ['app'], ['init-*']),
    ready: fc.boolean()
  })
  const allowed = [
    /^\/metadata\/annotations$/,
    new RegExp(
      [
        String.raw`^/metadata/annotations/(seccomp\.security\.alpha\.kubernetes\.io~1pod`,
        String.raw`container\.seccomp\.security\.alpha\.kubernetes\.io~1[a-z-]+`,
        String.raw`secco\.dev~1assigned)$`
      ].join('|')
    ),
    /^\/spec\/securityContext(\/seccompProfile)?$/,
    /^\/spec\/(containers|initContainers)\/\d+\/securityContext(\/seccompProfile)?$/
  ]
  fc.assert(
    fc.property(podArbitrary, (a) => {
      const rule = testRule('web', {
        ...web,
        mode: a.mode,
        ...(a.only === undefined ? {} : { containers: a.only })
      })
      const used = buildSnapshot({ rules: [rule], profiles: a.ready ? profiles : [] })
      const change = JSON.parse(
        JSON.stringify({ labels: a.labels, annotations: a.annotations })
      ) as object
      const spec = JSON.parse(
        JSON.stringify({
          securityContext: a.context,
          containers: a.containers,
          initContainers: a.init
        })
      ) as object
      const pod = testPod(change, spec)
      const operations = patchOf(used, testReview(pod))
      for (const operation of operations) {
        t.ok(
          allowed.some((pattern) => pattern.test(operation.path)),
          operation.path,
          { diagnostic: false }
        )
        const value = 'value' in operation ? JSON.stringify(operation.value) : ''
        t.notMatch(value, /Unconfined|unconfined|"localhostProfile":""/)
        t.notMatch(operation, { value: { type: 'Localhost', localhostProfile: undefined } })
      }
      const after = fjp.applyPatch(structuredClone(pod), operations, true).newDocument
      t.strictSame(patchOf(used, testReview(after)), [])
      const strip = (p: TestPod) =>
        JSON.stringify({
          ...p,
          metadata: { ...p.metadata, annotations: 0 },
          spec: {
            ...p.spec,
            securityContext: 0,
            containers: p.spec.containers.map((c) => ({ ...c, securityContext: 0 })),
            initContainers: p.spec.initContainers?.map((c) => ({ ...c, securityContext: 0 }))
          }
        })
      t.equal(strip(after), strip(pod), 'nothing else changed')
    }),
    { numRuns: runs(200) }
  )
  t.end()
})
