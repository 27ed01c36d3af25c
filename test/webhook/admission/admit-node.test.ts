import { test } from 'tap'
import { admitNode } from '../../../webhook/admission/admit-node.js'

const taint = { key: 'secco.dev/not-ready', effect: 'NoSchedule' }
const other = { key: 'node.cloudprovider.kubernetes.io/uninitialized', effect: 'NoSchedule' }

function review(object: unknown, change: Record<string, unknown> = {}): Buffer {
  const request = {
    ...{ uid: 'u1', operation: 'CREATE', object },
    resource: { group: '', version: 'v1', resource: 'nodes' },
    ...change
  }
  const [apiVersion, kind] = ['admission.k8s.io/v1', 'AdmissionReview']
  return Buffer.from(JSON.stringify({ apiVersion, kind, request }))
}

const node = (spec: unknown, labels: Record<string, string> = {}): unknown => ({
  metadata: { name: 'n1', labels },
  spec
})

function patchOf(body: Buffer, isServed = true): unknown {
  const { uid, allowed, patch } = admitNode(body, isServed).response
  if (uid !== 'u1' || !allowed) throw new Error(`${uid} ${allowed}`)
  return patch === undefined ? undefined : JSON.parse(Buffer.from(patch, 'base64').toString())
}

const first = [{ op: 'add', path: '/spec/taints', value: [taint] }]
const further = [{ op: 'add', path: '/spec/taints/-', value: taint }]
const update = { operation: 'UPDATE' }
const status = { subResource: 'status' }
const pods = { resource: { group: '', version: 'v1', resource: 'pods' } }

const cases: Record<string, [body: Buffer, patch: unknown]> = {
  'a node without taints': [review(node({})), first],
  'a node whose taints are null': [review(node({ taints: null })), first],
  'a node with the taint of a cloud': [review(node({ taints: [other] })), further],
  'a node whose kubelet set the taint': [review(node({ taints: [other, taint] })), undefined],
  'a Windows node': [review(node({}, { 'kubernetes.io/os': 'windows' })), undefined],
  'a Linux node': [review(node({}, { 'kubernetes.io/os': 'linux' })), first],
  'a node without a spec': [review(node(undefined)), undefined],
  'a node that exists': [review(node({}), update), undefined],
  'the status of a node': [review(node({}), status), undefined],
  'another resource': [review(node({}), pods), undefined],
  'a review without an object': [review(undefined), undefined],
  'a node with __proto__': [
    Buffer.from(
      review(node({ a: 1 }))
        .toString()
        .replace('"a":1', '"__proto__":{"taints":[1]}')
    ),
    first
  ]
}

for (const [name, [body, patch]] of Object.entries(cases)) {
  test(name, (t) => {
    t.strictSame(patchOf(body), patch)
    t.equal(patchOf(body, false), undefined, 'nobody would remove the taint')
    t.end()
  })
}

test('what is no review of a node is an error that names the field', (t) => {
  const fails = (body: Buffer, code: string, message: string): void => {
    t.throws(() => admitNode(body, true), { code, message })
  }
  fails(Buffer.alloc(0), 'INVALID_REVIEW', 'the body: not JSON')
  fails(Buffer.alloc(2 ** 20 + 1, ' '), 'TOO_LARGE', 'the body: must have at most 1048576 bytes')
  fails(review(node({ taints: 'x' })), 'INVALID_REVIEW', 'spec.taints: must be a list')
  t.end()
})
