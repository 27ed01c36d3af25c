import fc from 'fast-check'
import { test } from 'tap'
import { compilePlacement, isChoosy } from '../../../src/rules/placement.js'
import { type Admission, admit } from '../../../webhook/admission/admit.js'
import { parseBody } from '../../../webhook/admission/parse-body.js'
import { runs } from '../../helpers/fuzz.js'
import { testPod, testReview } from '../../helpers/review.js'
import { labels, snapshot } from '../../helpers/reviews.js'

test('bodies that are no review, and reviews without a valid pod', (t) => {
  const good = testReview(testPod({ labels }))
  const rejected: [string, unknown, RegExp][] = [
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
  for (const [name, review, message] of rejected) {
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

const inContainer = (json: string) =>
  JSON.stringify(testReview(testPod({ labels }))).replace('"image":"web:1"', () => json)

test('bodies', (t) => {
  const deep = (open: string, close: string, n: number) => `${open.repeat(n)}1${close.repeat(n)}`
  const accepted = [
    `"x":${deep('{"a":', '}', 1_000_000)}`,
    `"x":${deep('[', ']', 1_000_000)}`,
    `"x":[${'{},'.repeat(2_000_000)}{}]`,
    `"image":"${'{'.repeat(1_000_000)}"`,
    `"image":${deep('[', ']', 1_000_000)}`,
    `"image":[${'{},'.repeat(2_000_000)}{}]`
  ]
  const plain = admit(snapshot, parseBody(Buffer.from(inContainer('"x":1'))))
  t.ok(plain.patch.length > 0)
  for (const json of accepted) {
    const body = Buffer.from(inContainer(json))
    t.strictSame(admit(snapshot, parseBody(body)).patch, plain.patch, json.slice(0, 20))
  }
  const tooMuch = [
    deep('[', ']', 1_000_000),
    `{"request":{"userInfo":{"username":{${'"a":"",'.repeat(1_000_000)}"a":""}}}}`,
    `{"request":{"uid":[${'{},'.repeat(1_000_000)}{}]}}`
  ]
  for (const text of tooMuch) {
    t.throws(() => parseBody(Buffer.from(text)), { code: 'TOO_LARGE' }, text.slice(0, 80))
  }
  for (const text of [
    '',
    '{',
    '{"a":}',
    '{"a"}',
    'secret-token',
    '{"password": "hunter2"',
    '{}}'
  ]) {
    try {
      parseBody(Buffer.from(text))
      t.fail(text)
    } catch (error) {
      t.match(error, { code: 'INVALID_REVIEW' }, text)
      t.notMatch(String(error), /hunter2|secret-token/, 'the message holds nothing of the body')
    }
  }
  t.end()
})

test('forbidden keys are left out, and nothing else', (t) => {
  const of = (labels: string) =>
    parseBody(Buffer.from(`{"request":{"object":{"metadata":{"labels":${labels}}}}}`))
  const table: [string, object][] = [
    ['{"__proto__":"x","a":"b"}', { a: 'b' }],
    ['{"a":"b","__proto__":{"x":1}}', { a: 'b' }],
    ['{"\\u005f_proto__":1,"a":"b"}', { a: 'b' }],
    ['{"__pr\\u006Fto__":1,"a":"b"}', { a: 'b' }],
    ['{"a":{"__proto__":1,"b":{"__proto__":2,"c":[{"__proto__":3}]}}}', { a: { b: { c: [{}] } } }],
    ['{"__proto__":{"__proto__":{"__proto__":1}}}', {}],
    ['{"constructor":{"prototype":1},"a":"b"}', { a: 'b' }],
    ['{"\\u0063onstructor":{"prototype":1},"a":"b"}', { a: 'b' }],
    ['{"constructor":{"protot\\u0079pe":1},"a":"b"}', { a: 'b' }],
    ['{"constructor":{"a":{"constructor":{"prototype":1}}}}', { constructor: { a: {} } }],
    ['{"constructor":"x","v":"__proto__"}', { constructor: 'x', v: '__proto__' }],
    ['{"a":"\\u003c","b":"\\"__proto__\\":"}', { a: '<', b: '"__proto__":' }]
  ]
  for (const [json, expected] of table) {
    // Compared as text: an own member of this name would be taken for a prototype.
    t.equal(
      JSON.stringify(of(json)),
      JSON.stringify({ request: { object: { metadata: { labels: expected } } } }),
      json
    )
  }
  const many: [string, string][] = [
    ['one in each of many', `{"a":[${'{"__proto__":1},'.repeat(190_000)}{}]}`],
    ['each in the one before', `${'{"__proto__":'.repeat(390_000)}1${'}'.repeat(390_000)}`],
    [
      'one under many',
      `{"__proto__":1,${Array.from({ length: 390_000 }, (_, i) => `"k${i}":""`).join()}}`
    ],
    [
      'a constructor in each of many',
      `{"a":[${'{"constructor":{"prototype":1}},'.repeat(130_000)}{}]}`
    ],
    ['what begins like one', `{"a":"${'\\"__proto__\\" '.repeat(1_000_000)}","__proto__":1}`]
  ]
  for (const [what, json] of many) {
    const began = performance.now()
    t.notMatch(Object.keys(of(json) as object), ['__proto__'])
    const ms = performance.now() - began
    t.ok(ms < 5000, `${what}: ${ms.toFixed()} ms`)
  }
  t.end()
})

test('a review that is cut decides as the whole one does', (t) => {
  const names = [
    'metadata',
    'spec',
    'labels',
    'annotations',
    'name',
    'env',
    'a"b',
    'é',
    '\u2028',
    '<',
    '__proto__'
  ]
  const key = fc.constantFrom(...names)
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>('web', 'a"]}', '\\', 'é{', 1, -2.5e-7, true, null),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(key, tie('json'), { maxKeys: 4, noNullPrototype: true })
    )
  }))
  const text = fc.constantFrom('web', 'x', 'é', '<', '"', '\\')
  const map = fc.dictionary(fc.constantFrom('app', 'é', 'a"b', '\\'), text)
  const context = fc.record(
    { privileged: fc.boolean(), seccompProfile: fc.record({ type: text, x: json }), x: json },
    { requiredKeys: [] }
  )
  const containers = fc.array(
    fc.record(
      { name: text, image: text, securityContext: context, env: json, x: json },
      { requiredKeys: ['name'] }
    ),
    { maxLength: 3 }
  )
  const pod = fc.record(
    {
      status: json,
      metadata: fc.record(
        { labels: map, annotations: map, name: text, managedFields: json },
        { requiredKeys: ['labels'] }
      ),
      spec: fc.record(
        {
          volumes: json,
          initContainers: containers,
          containers,
          ephemeralContainers: containers,
          securityContext: context,
          nodeName: text,
          nodeSelector: map,
          affinity: fc.record({ nodeAffinity: json, podAffinity: json }),
          tolerations: fc.array(fc.record({ key: text, x: json })),
          os: fc.record({ name: fc.constantFrom('linux', 'windows') })
        },
        { requiredKeys: ['containers'] }
      )
    },
    { requiredKeys: ['metadata', 'spec'] }
  )
  const request = fc.record({
    dryRun: fc.boolean(),
    options: json,
    subResource: fc.constantFrom('', 'ephemeralcontainers')
  })
  const space = fc.constantFrom(undefined, 1, '\t')
  fc.assert(
    fc.property(pod, fc.option(pod), request, space, (object, oldObject, change, indent) => {
      const operation = change.subResource === '' ? 'CREATE' : 'UPDATE'
      const review = { x: 1, ...testReview(object, { oldObject, operation, ...change }), y: [2] }
      const body = JSON.stringify(review, null, indent)
      const whole = admit(snapshot, JSON.parse(body))
      const cut = admit(snapshot, parseBody(Buffer.from(body)))
      const seen = ({ response, decision, facts }: Admission) =>
        JSON.stringify([
          response,
          decision,
          facts && [isChoosy(facts.placement), compilePlacement(facts.placement)]
        ])
      return seen(cut) === seen(whole)
    }),
    { numRuns: runs(500) }
  )
  t.end()
})
