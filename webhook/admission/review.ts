import { SeccoError } from '../../src/lib/errors.js'
import {
  booleanAt,
  isObject,
  type JsonObject,
  listAt,
  objectAt,
  requiredObject,
  requiredString,
  stringAt
} from './json.js'

const reviewVersion = 'admission.k8s.io/v1'

/** ReviewRequest is the part of an AdmissionReview's request (admission.k8s.io/v1) that Secco reads. */
export interface ReviewRequest {
  uid: string
  /** `CREATE`, `UPDATE`, … */
  operation: string
  group: string
  resource: string
  /** Empty for the resource itself. */
  subresource: string
  namespace: string
  dryRun: boolean
  user: string
  groups: readonly string[]
  object: JsonObject | undefined
  oldObject: JsonObject | undefined
}

/** The longest uid that is accepted: uids are echoed and logged, and a UUID has 36 characters. */
const maxUid = 128
/** A node's name has 253 characters, and `system:node:` before it. */
const maxUser = 320

/**
 * Reads the envelope of a review.
 * @throws SeccoError INVALID_REVIEW naming the field; the message never holds a value of the review.
 */
export function readReview(body: unknown): ReviewRequest {
  if (!isObject(body)) {
    throw new SeccoError('INVALID_REVIEW', 'the body: must be an AdmissionReview object')
  }
  if (body['apiVersion'] !== reviewVersion || body['kind'] !== 'AdmissionReview') {
    const message = `apiVersion, kind: must be ${reviewVersion}, AdmissionReview`
    throw new SeccoError('INVALID_REVIEW', message, { field: 'apiVersion' })
  }
  const request = requiredObject(body, 'request', 'request')
  const uid = requiredString(request, 'uid', 'request.uid')
  if (uid.length > maxUid) {
    const message = `request.uid: must have at most ${maxUid} characters`
    throw new SeccoError('INVALID_REVIEW', message, { field: 'request.uid' })
  }
  const resource = requiredObject(request, 'resource', 'request.resource')
  const userInfo = objectAt(request, 'userInfo', 'request.userInfo')
  const user = userInfo && stringAt(userInfo, 'username', 'request.userInfo.username')
  return {
    uid,
    operation: requiredString(request, 'operation', 'request.operation'),
    group: stringAt(resource, 'group', 'request.resource.group') ?? '',
    resource: requiredString(resource, 'resource', 'request.resource.resource'),
    subresource: stringAt(request, 'subResource', 'request.subResource') ?? '',
    namespace: stringAt(request, 'namespace', 'request.namespace') ?? '',
    dryRun: booleanAt(request, 'dryRun', 'request.dryRun') ?? false,
    user: (user ?? '').slice(0, maxUser),
    groups: userInfo === undefined ? [] : groupsOf(userInfo),
    object: objectAt(request, 'object', 'request.object'),
    oldObject: objectAt(request, 'oldObject', 'request.oldObject')
  }
}

const groupsOf = (userInfo: JsonObject): string[] =>
  listAt(userInfo, 'groups', 'request.userInfo.groups').filter((one) => typeof one === 'string')

/** Returns whether the review is about something that Secco changes: a new pod, or new ephemeral containers. */
export function isAboutPod(request: ReviewRequest): boolean {
  if (request.group !== '' || request.resource !== 'pods') return false
  if (request.subresource === '') return request.operation === 'CREATE'
  return request.subresource === 'ephemeralcontainers' && request.operation === 'UPDATE'
}
