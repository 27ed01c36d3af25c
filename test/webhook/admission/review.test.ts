import { test } from 'tap'
import { admit } from '../../../webhook/admission/admit.js'
import { parseBody } from '../../../webhook/admission/parse-body.js'
import { testPod, testReview } from '../../helpers/review.js'
import { labels, snapshot } from '../../helpers/reviews.js'

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
