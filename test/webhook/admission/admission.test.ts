import fc from 'fast-check'
import fjp from 'fast-json-patch'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { runCheck } from '../../../src/cli/check.js'
import { createLogger } from '../../../src/log.js'
import { buildSnapshot, type Snapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { decisionLine } from '../../../webhook/admission/decision-log.js'
import { parseBody } from '../../../webhook/admission/parse-body.js'
import { pointerSegment } from '../../../webhook/admission/patch.js'
import { limitWarnings } from '../../../webhook/admission/respond.js'
import { finalStatePolicy } from '../../../webhook/admission/final-state-policy.js'
import { mutatingWebhookConfiguration } from '../../../webhook/admission/webhook-configuration.js'
import { realisticReview, testPod, testReview, type TestPod } from '../../helpers/review.js'
import { testProfile, testRule } from '../../helpers/rules.js'

const web = { podSelector: { matchLabels: { app: 'web' } }, profile: { name: 'checkout.app' } }
const path = `secco/shop/checkout.app/${'a'.repeat(64)}.json`
const profiles = [testProfile('shop', 'checkout.app')]
const snapshot = buildSnapshot({ rules: [testRule('web', web)], profiles })
const labels = { app: 'web' }

function patchOf(used: Snapshot, review: unknown): fjp.Operation[] {
  const { response } = admit(used, review).response
  if (response.patch === undefined) return []
  return JSON.parse(Buffer.from(response.patch, 'base64').toString()) as fjp.Operation[]
}

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

test('annotations can be switched off, and those of others stay', (t) => {
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

test('parents are made where they are missing or null', (t) => {
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
    t.match(after.spec, { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } })
    t.match(after.metadata.annotations, { [`${legacy.container}app`]: `localhost/${path}` })
  }
  t.end()
})

test('untouched: unmatched, opted out, excluded; a copied assignment is taken off', (t) => {
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
      testReview(testPod({ labels: {} }, { ephemeralContainers: [{ name: 'x' }] }), request)
    ),
    []
  )
  t.end()
})

test('the answer', (t) => {
  const { response } = admit(snapshot, testReview(testPod({ labels }))).response
  t.equal(response.uid, '0df28fbd-5f5f-11e8-bc74-36e6bb280816')
  t.equal(response.patchType, 'JSONPatch')
  t.match(response.auditAnnotations, {
    decision: 'patched',
    rule: 'secco-system/web',
    profile: 'shop/checkout.app'
  })
  t.ok(
    Object.keys(response.auditAnnotations ?? {}).every((key) => !key.includes('/')),
    'no prefix'
  )
  const none = admit(snapshot, testReview(testPod())).response.response
  t.notOk('patchType' in none || 'patch' in none, 'neither without the other')
  t.strictSame(
    patchOf(snapshot, testReview(testPod({ labels }), { dryRun: true })),
    patchOf(snapshot, testReview(testPod({ labels }))),
    'a dry run gets the same'
  )
  const deny = buildSnapshot({ rules: [testRule('web', { ...web, whenNotReady: 'Deny' })] })
  const denied = admit(deny, testReview(testPod({ labels }))).response.response
  t.match(denied, { allowed: false, status: { code: 403, message: /whenNotReady: Deny/ } })
  t.notOk('patch' in denied)
  t.end()
})

test('warnings are short and printable', (t) => {
  const limited = limitWarnings(Array.from({ length: 100 }, (_, i) => `${i} é\n${'x'.repeat(300)}`))
  t.ok(limited.every((warning) => warning.length <= 256 && /^[\x20-\x7e]*$/.test(warning)))
  t.ok(limited.join('').length <= 4096)
  t.match(limited.at(-1), /more; see the webhook's log/)
  t.end()
})

test('what is not a review, and a pod that is none', (t) => {
  const good = testReview(testPod({ labels }))
  const refused: [string, unknown, RegExp][] = [
    ['null', null, /AdmissionReview/],
    ['a list', [], /AdmissionReview/],
    ['a string', 'x', /AdmissionReview/],
    ['empty', {}, /apiVersion/],
    ['v1beta1', { ...good, apiVersion: 'admission.k8s.io/v1beta1' }, /apiVersion/],
    ['no request', { ...good, request: undefined }, /^request/],
    ['no uid', testReview({}, { uid: '' }), /request\.uid/],
    ['uid of a wrong type', testReview({}, { uid: 5 }), /request\.uid/],
    ['endless uid', testReview({}, { uid: 'x'.repeat(1000) }), /request\.uid/],
    ['object of a wrong type', testReview('pod'), /request\.object/],
    ['no resource', testReview({}, { resource: null }), /request\.resource/]
  ]
  for (const [name, review, message] of refused) {
    t.throws(() => admit(snapshot, review), { code: 'INVALID_REVIEW', message }, name)
  }
  const passed: [string, unknown, RegExp][] = [
    [
      'labels of numbers',
      testReview(testPod({ labels: { a: 1 } } as object)),
      /metadata\.labels\["a"\]: must be a string/
    ],
    [
      'containers is an object',
      testReview(testPod({ labels }, { containers: {} })),
      /spec\.containers: must be a list/
    ],
    [
      'a container is a string',
      testReview(testPod({ labels }, { containers: ['x'] })),
      /spec\.containers\[0\]: must be an object/
    ],
    [
      'a container without a name',
      testReview(testPod({ labels }, { containers: [{}] })),
      /spec\.containers\[0\]\.name/
    ],
    [
      'privileged is a string',
      testReview(
        testPod({ labels }, { containers: [{ name: 'a', securityContext: { privileged: 'no' } }] })
      ),
      /privileged: must be true or false/
    ],
    [
      'another resource',
      testReview({}, { resource: { group: 'apps', resource: 'deployments' } }),
      /only reviews of new pods/
    ],
    ['a deletion', testReview(null, { operation: 'DELETE' }), /only reviews of new pods/]
  ]
  for (const [name, review, warning] of passed) {
    const { response } = admit(snapshot, review).response
    t.ok(response.allowed && response.patch === undefined, name)
    t.match(response.warnings?.[0], warning, name)
  }
  t.end()
})

test('bodies', (t) => {
  const deep = (open: string, close: string, n: number) =>
    Buffer.from(
      `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","resource":{"resource":"pods"},"object":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","x":${open.repeat(n)}1${close.repeat(n)}}]}}}}`
    )
  for (const body of [deep('{"a":', '}', 170_000), deep('[', ']', 170_000)]) {
    t.equal(admit(snapshot, parseBody(body)).response.response.allowed, true)
  }
  t.throws(() => parseBody(deep('[', ']', 1_000_000)), { code: 'TOO_LARGE' })
  t.throws(() => parseBody(Buffer.from(`[${'{},'.repeat(2_000_000)}{}]`)), { code: 'TOO_LARGE' })
  const poison = [
    '{"__proto__": {"x": 1}}',
    '{"a": [{"\\u005f_proto__": 1}]}',
    '{"a": {"constructor": {"prototype": 1}}}',
    '{"a": {"\\u0063onstructor": {"prototype": 1}}}',
    '{"metadata":{"managedFields":[{"__proto__":1}]}}'
  ]
  for (const text of poison) {
    t.throws(() => parseBody(Buffer.from(text)), { code: 'INVALID_REVIEW' }, text)
  }
  t.strictSame(parseBody(Buffer.from('{"constructor": "x", "v": "__proto__"}')), {
    constructor: 'x',
    v: '__proto__'
  })
  for (const text of ['', '{', '{"a":}', 'secret-token', '{"password": "hunter2"']) {
    try {
      parseBody(Buffer.from(text))
      t.fail(text)
    } catch (error) {
      t.notMatch(String(error), /hunter2|secret-token/, 'the message holds nothing of the body')
    }
  }
  t.end()
})

test('the audit line', (t) => {
  const review = realisticReview()
  const lines: string[] = []
  const logger = createLogger('webhook', { write: (line) => lines.push(line) })
  logger.info(decisionLine(admit(snapshot, review), 1.23456), 'admission decision')
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  t.strictSame(Object.keys(line).sort(), [
    'component',
    'containers',
    'decision',
    'dryRun',
    'durationMs',
    'level',
    'mode',
    'msg',
    'namespace',
    'owner',
    'pod',
    'profile',
    'reason',
    'revision',
    'rule',
    'time',
    'uid',
    'user'
  ])
  t.match(line, {
    level: 'info',
    component: 'webhook',
    owner: 'Deployment/checkout',
    pod: 'web-1',
    decision: 'patched',
    rule: 'secco-system/web',
    profile: 'shop/checkout.app',
    mode: 'enforce',
    durationMs: 1.235
  })
  t.notMatch(lines[0], /SETTING_|value-of-setting/, 'no environment')
  t.end()
})

test('any pod: valid patch at allowed places, nothing the second time, never Unconfined from us', (t) => {
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
    /^\/metadata\/annotations\/(seccomp\.security\.alpha\.kubernetes\.io~1pod|container\.seccomp\.security\.alpha\.kubernetes\.io~1[a-z-]+|secco\.dev~1assigned)$/,
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
    { numRuns: 400 }
  )
  t.end()
})

test('the webhook configuration and the policy', (t) => {
  const configuration = mutatingWebhookConfiguration({
    target: { url: 'https://127.0.0.1:8443/mutate' },
    caBundle: 'Q0E='
  })
  const webhook = configuration.webhooks[0]
  t.match(webhook, {
    sideEffects: 'None',
    reinvocationPolicy: 'IfNeeded',
    failurePolicy: 'Ignore',
    matchPolicy: 'Equivalent',
    timeoutSeconds: 2,
    clientConfig: { url: 'https://127.0.0.1:8443/mutate', caBundle: 'Q0E=' }
  })
  t.strictSame(webhook?.namespaceSelector.matchExpressions[0]?.values, [
    'kube-node-lease',
    'kube-system',
    'secco-system'
  ])
  const service = mutatingWebhookConfiguration({
    target: { service: { name: 'w', namespace: 'own' } },
    caBundle: '',
    ownNamespace: 'own'
  })
  t.match(service.webhooks[0]?.clientConfig, {
    service: { name: 'w', namespace: 'own', path: '/mutate', port: 443 }
  })
  const { policy, bindings } = finalStatePolicy({
    bindings: [{ name: 'web', podSelector: { matchLabels: labels } }]
  })
  t.equal(bindings.length, 3)
  t.ok(bindings.every((b) => b.spec.policyName === policy.metadata.name))
  t.end()
})

test('secco check', async (t) => {
  const dir = t.testdir()
  const check = async (text: string, output: 'table' | 'json' | 'yaml' = 'json') => {
    const file = join(dir, 'pod.yaml')
    await writeFile(file, text)
    const out: string[] = []
    const err: string[] = []
    const deps = {
      snapshot,
      readFile: (name: string) => readFile(name, 'utf8'),
      stdout: (s: string) => void out.push(s),
      stderr: (s: string) => void err.push(s)
    }
    const code = await runCheck({ file, output }, deps)
    return { code, out: out.join(''), err: err.join('') }
  }
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: app}]}\n'
  const result = JSON.parse((await check(pod)).out) as Record<string, unknown>
  t.match(result, {
    object: 'Pod/web',
    namespace: 'shop',
    decision: 'patched',
    matchedRules: ['secco-system/web'],
    warnings: [/enforce/]
  })
  t.match(result['patch'], [{ op: 'add', path: '/spec/securityContext' }])
  t.match(
    (await check(pod, 'table')).out,
    /Pod\/web in namespace shop: patched \(ready\)[\s\S]*app +assigned/
  )
  t.match((await check(pod, 'yaml')).out, /decision: patched/)
  const template = '{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}'
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'Job']) {
    const text = `apiVersion: x/v1\nkind: ${kind}\nmetadata: {name: web, namespace: shop}\nspec: {template: ${template}}\n`
    t.match(
      JSON.parse((await check(text)).out),
      { object: `${kind}/web`, decision: 'patched' },
      kind
    )
  }
  const cron = `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web, namespace: shop}\nspec: {jobTemplate: {spec: {template: ${template}}}}\n`
  const both = await check(`${pod}---\n${cron}---\nkind: Service\n`)
  t.equal((JSON.parse(both.out) as unknown[]).length, 2)
  t.match(both.err, /Service: makes no pod/)
  t.equal((await check('kind: Service\n')).code, 1)
  for (const [text, field] of [
    ['kind: Pod\nspec: {containers: 5}\n', 'spec.containers'],
    ['kind: Deployment\nspec: {}\n', 'spec.template'],
    ['metadata: {}\n', 'kind'],
    ['kind: Pod\nspec: {containers: [{}]}\n', 'spec.containers[0].name']
  ] as const) {
    await t.rejects(check(text), {
      code: 'INVALID_DOCUMENT',
      message: new RegExp(field.replaceAll(/[[\].]/g, '\\$&'))
    })
  }
  await t.rejects(check('a: [\n'), { code: 'INVALID_DOCUMENT' })
})
