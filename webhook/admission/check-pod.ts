import { readValues } from '../../src/api/read-value.js'
import { type Coverage, coverageOf, uncertain } from '../../src/confinement/coverage.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { ContainerDecision } from '../../src/rules/decision.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { admit } from './admit.js'
import { isObject, type JsonObject } from './json.js'
import type { PatchOperation } from './patch.js'

/** CheckResult is what `-o json` prints for one pod: a stable interface. */
export interface CheckResult {
  /** `<kind>/<name>` of the document. */
  object: string
  namespace: string
  decision: string
  reason: string
  allowed: boolean
  /** All rules that match, the one with the highest priority first. */
  matchedRules: readonly string[]
  containers: readonly ContainerDecision[]
  patch: readonly PatchOperation[]
  warnings: readonly string[]
  /** What that means for the pod's containers. */
  coverage: Coverage
  /** The same in a sentence. */
  summary: string
  /** What is not known of a running pod, and would change the decision. */
  unknown: readonly string[]
}

/** Returns a result that depends on something that is not known of the pod. */
export function withUnknown(result: CheckResult, unknown: readonly string[]): CheckResult {
  return { ...result, unknown, ...uncertain(unknown) }
}

const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template']
}

function invalid(field: string, message: string): SeccoError {
  return new SeccoError('INVALID_DOCUMENT', `${field}: ${message}`, { field })
}

/**
 * Returns the objects of a JSON text or a YAML stream, with the items of lists.
 * @param yamlBytes see `readValues`
 * @throws SeccoError INVALID_DOCUMENT, TOO_LARGE
 */
export function readObjects(text: string, file: string, yamlBytes?: number): JsonObject[] {
  return readValues(text, file, yamlBytes).flatMap((value) => {
    if (!isObject(value)) throw new SeccoError('INVALID_DOCUMENT', `${file}: must hold objects`)
    const items = value['kind'] === 'List' ? value['items'] : undefined
    return Array.isArray(items) ? (items as unknown[]).filter(isObject) : [value]
  })
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = object['metadata']
  return isObject(metadata) ? metadata : {}
}

/** Tolerations that Kubernetes gives new pods by itself: they decide which nodes could run the pod. */
const tolerationsOf = (effect: string, ...names: string[]): JsonObject[] =>
  names.map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect }))
/** By the API server (DefaultTolerationSeconds). */
const everyPod = tolerationsOf('NoExecute', 'not-ready', 'unreachable')
/** By the controller of DaemonSets (AddOrUpdateDaemonPodTolerations in pkg/controller/daemon/util). */
const daemonPod = tolerationsOf(
  'NoSchedule',
  ...['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable']
)

function withTolerations(pod: JsonObject, kind: string): JsonObject {
  const spec = pod['spec'] as JsonObject
  const own: unknown = spec['tolerations'] ?? []
  // The API server rejects anything else.
  if (!Array.isArray(own)) return pod
  const tolerations = [
    ...(own as unknown[]),
    ...everyPod,
    ...(kind === 'DaemonSet' ? daemonPod : [])
  ]
  return { ...pod, spec: { ...spec, tolerations } }
}

function kindOf(object: JsonObject): string {
  const kind = text(object['kind'])
  if (kind !== undefined) return kind
  throw invalid('kind', 'must name the kind of the document, e.g. Pod')
}

/** Returns whether a document is a pod, or of a kind that has a pod template. @throws SeccoError INVALID_DOCUMENT */
export const createsPod = (object: JsonObject): boolean =>
  Object.hasOwn(templatePaths, kindOf(object))

/** Returns the pod that a document creates, as its controller would send it; undefined for other kinds. */
function podOf(object: JsonObject, kind: string): JsonObject | undefined {
  const path = Object.hasOwn(templatePaths, kind) ? templatePaths[kind] : undefined
  if (path === undefined) return undefined
  let at: unknown = object
  for (const [i, key] of path.entries()) {
    at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
    if (!isObject(at)) throw invalid(path.slice(0, i + 1).join('.'), 'must be an object')
  }
  const pod = at as JsonObject
  const containers = isObject(pod['spec']) ? pod['spec']['containers'] : undefined
  const field = [...path, 'spec', 'containers'].join('.')
  if (!Array.isArray(containers) || containers.length === 0) {
    throw invalid(field, 'must be a list with at least one container')
  }
  const placed = withTolerations(pod, kind)
  if (path.length === 0) return placed
  const { name } = metadataOf(object)
  const owner = { apiVersion: object['apiVersion'], kind, name, controller: true }
  const metadata = { ...metadataOf(pod), ownerReferences: [owner] }
  return { ...placed, apiVersion: 'v1', kind: 'Pod', metadata }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * Returns what the webhook would do with the pod that a document is or creates; undefined for other kinds.
 * @throws SeccoError INVALID_DOCUMENT naming the field
 */
export function checkObject(
  snapshot: Snapshot,
  object: JsonObject,
  defaultNamespace: string
): CheckResult | undefined {
  const kind = kindOf(object)
  const pod = podOf(object, kind)
  if (pod === undefined) return undefined
  const metadata = metadataOf(object)
  const namespace = text(metadata['namespace']) ?? defaultNamespace
  const { decision, facts, patch } = admit(snapshot, {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'check',
      operation: 'CREATE',
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      object: pod
    }
  })
  if (facts === undefined || decision.reason === 'unreadable') {
    throw new SeccoError('INVALID_DOCUMENT', decision.warnings.join('; '))
  }
  return {
    object: `${kind}/${text(metadata['name']) ?? text(metadata['generateName']) ?? ''}`,
    namespace,
    decision: decision.decision,
    reason: decision.reason,
    allowed: decision.allowed,
    matchedRules: decision.matched,
    containers: decision.containers,
    patch,
    warnings: decision.allowed ? decision.warnings : [decision.message, ...decision.warnings],
    ...coverageOf(decision, facts),
    unknown: []
  }
}
