import { startupTaint } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { isObject, type JsonObject, listAt, objectAt } from './json.js'
import type { PatchOperation } from './patch.js'
import type { ReviewResponse } from './respond.js'
import { readReview, type ReviewRequest } from './review.js'

/** A node has about 50 KiB: the kubelet reports at most 50 images. A longer one is left as it is. */
const longestBody = 2 ** 20

function parse(body: Buffer): unknown {
  if (body.length > longestBody) {
    throw new SeccoError('TOO_LARGE', `the body: must have at most ${longestBody} bytes`)
  }
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    throw new SeccoError('INVALID_REVIEW', 'the body: not JSON')
  }
}

/** Returns the patch that adds the start-up taint to a new node; empty when the node has it or gets no satellite. */
function taintPatch(node: JsonObject): PatchOperation[] {
  const labels = objectAt(objectAt(node, 'metadata', 'metadata') ?? {}, 'labels', 'labels') ?? {}
  const spec = objectAt(node, 'spec', 'spec')
  if (spec === undefined || labels['kubernetes.io/os'] === 'windows') return []
  const value = { key: startupTaint, effect: 'NoSchedule' }
  const taints = listAt(spec, 'taints', 'spec.taints')
  if (taints.length === 0) return [{ op: 'add', path: '/spec/taints', value: [value] }]
  if (taints.some((one) => isObject(one) && one['key'] === startupTaint)) return []
  return [{ op: 'add', path: '/spec/taints/-', value }]
}

const isNewNode = ({ group, resource, subresource, operation }: ReviewRequest): boolean =>
  group === '' && resource === 'nodes' && subresource === '' && operation === 'CREATE'

/**
 * Returns the answer to the review of a new node: it gets the start-up taint, so that no pod comes before its files.
 * Every node is allowed.
 * @param isServed whether an active hub is known, which removes the taint later
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE: the API server then creates the node as it is
 */
export function admitNode(body: Buffer, isServed: boolean): ReviewResponse {
  const request = readReview(parse(body))
  const { uid, object } = request
  const patch = isServed && object !== undefined && isNewNode(request) ? taintPatch(object) : []
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      ...{ uid, allowed: true },
      ...(patch.length > 0 && {
        patchType: 'JSONPatch' as const,
        patch: Buffer.from(JSON.stringify(patch)).toString('base64')
      })
    }
  }
}
