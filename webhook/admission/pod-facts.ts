import type {
  ContainerFacts,
  ContainerKind,
  ExistingProfile,
  PodFacts
} from '../../src/rules/facts.js'
import { mirrorAnnotation } from '../../src/api/names.js'
import { SeccoError } from '../../src/lib/errors.js'
import { topmostOwner } from '../../src/rules/topmost-owner.js'
import {
  booleanAt,
  isObject,
  type JsonObject,
  listAt,
  objectAt,
  requiredString,
  stringAt,
  stringsAt
} from './json.js'

/** The lists of a pod that hold containers, and their names in a decision. */
export const containerLists: readonly (readonly [string, ContainerKind])[] = [
  ['initContainers', 'init'],
  ['containers', 'container'],
  ['ephemeralContainers', 'ephemeral']
]

function seccompOf(context: JsonObject | undefined, field: string): ExistingProfile | undefined {
  if (context === undefined) return undefined
  const profile = objectAt(context, 'seccompProfile', `${field}.seccompProfile`)
  if (profile === undefined) return undefined
  const localhostProfile = stringAt(
    profile,
    'localhostProfile',
    `${field}.seccompProfile.localhostProfile`
  )
  return {
    type: stringAt(profile, 'type', `${field}.seccompProfile.type`) ?? '',
    ...(localhostProfile === undefined ? {} : { localhostProfile })
  }
}

function containerFacts(
  value: unknown,
  kind: ContainerKind,
  index: number,
  field: string,
  earlier: ReadonlySet<string>
): ContainerFacts {
  if (!isObject(value)) {
    throw new SeccoError('INVALID_REVIEW', `${field}: must be an object`, { field })
  }
  const name = requiredString(value, 'name', `${field}.name`)
  const context = objectAt(value, 'securityContext', `${field}.securityContext`)
  return {
    name,
    image: stringAt(value, 'image', `${field}.image`) ?? '',
    kind,
    index,
    hasSecurityContext: context !== undefined,
    seccomp: seccompOf(context, `${field}.securityContext`),
    privileged:
      context !== undefined &&
      booleanAt(context, 'privileged', `${field}.securityContext.privileged`) === true,
    existed: kind === 'ephemeral' && earlier.has(name)
  }
}

/** Returns the names of the ephemeral containers that a pod already has. */
function ephemeralNames(pod: JsonObject | undefined): ReadonlySet<string> {
  const names = new Set<string>()
  if (pod === undefined) return names
  const spec = objectAt(pod, 'spec', 'oldObject.spec')
  if (spec === undefined) return names
  for (const entry of listAt(spec, 'ephemeralContainers', 'oldObject.spec.ephemeralContainers')) {
    if (isObject(entry) && typeof entry['name'] === 'string') names.add(entry['name'])
  }
  return names
}

/** Returns the topmost owner that a pod's metadata shows, as `<kind>/<name>`. */
function ownerOf(
  metadata: JsonObject | undefined,
  labels: Readonly<Record<string, string>>
): string {
  if (metadata === undefined) return ''
  for (const entry of listAt(metadata, 'ownerReferences', 'metadata.ownerReferences')) {
    if (!isObject(entry) || entry['controller'] !== true) continue
    const { kind, name } = entry
    if (typeof kind !== 'string' || typeof name !== 'string') continue
    const owner = topmostOwner({ kind, name }, labels)
    return `${owner.kind}/${owner.name}`
  }
  return ''
}

function isWindows(spec: JsonObject): boolean {
  const os = objectAt(spec, 'os', 'spec.os')
  if (os !== undefined && os['name'] === 'windows') return true
  const selector = objectAt(spec, 'nodeSelector', 'spec.nodeSelector')
  return selector !== undefined && selector['kubernetes.io/os'] === 'windows'
}

export interface PodRequest {
  operation: 'CREATE' | 'UPDATE'
  subresource: string
  /** The namespace of the request: a pod from a controller has none of its own yet. */
  namespace: string
  oldObject?: JsonObject | undefined
  /** Who sends the request, as the API server authenticated them. */
  user: string
  groups: readonly string[]
}

/**
 * Returns whether the sender is the node that the pod names. The API server lets a node create mirrors of its own static
 * pods alone (NodeRestriction), while whoever may create pods may write their annotations.
 */
const isOwnNode = (spec: JsonObject, { user, groups }: PodRequest): boolean =>
  typeof spec['nodeName'] === 'string' &&
  groups.includes('system:nodes') &&
  user === `system:node:${spec['nodeName']}`

/**
 * Returns the facts of a pod (core/v1) that a decision depends on. It reads fixed paths only, and never recurses into,
 * clones or prints the pod, so depth and size do no harm.
 *
 * An update of `pods/ephemeralcontainers` changes nothing but that list: the API server restores all other fields of the
 * pod, after the webhooks (podEphemeralContainersStrategy in pkg/registry/core/pod/strategy.go). Until then they are what
 * the sender wrote, so they are read from the stored pod.
 * @throws SeccoError INVALID_REVIEW with the path of the field that has the wrong type.
 */
export function podFacts(pod: JsonObject, request: PodRequest): PodFacts {
  const isDebug = request.subresource !== ''
  const stored = isDebug ? (request.oldObject ?? pod) : pod
  const metadata = objectAt(stored, 'metadata', 'metadata')
  const spec = objectAt(stored, 'spec', 'spec') ?? {}
  const sent = objectAt(pod, 'spec', 'spec') ?? {}
  const labels = (metadata && stringsAt(metadata, 'labels', 'metadata.labels')) ?? {}
  const annotations = metadata && stringsAt(metadata, 'annotations', 'metadata.annotations')
  const context = objectAt(spec, 'securityContext', 'spec.securityContext')
  const earlier = ephemeralNames(request.oldObject)
  const containers: ContainerFacts[] = []
  for (const [list, kind] of containerLists) {
    const entries = listAt(kind === 'ephemeral' ? sent : spec, list, `spec.${list}`)
    for (let i = 0; i < entries.length; i++) {
      containers.push(containerFacts(entries[i], kind, i, `spec.${list}[${i}]`, earlier))
    }
  }
  const name = metadata && stringAt(metadata, 'name', 'metadata.name')
  const generated = metadata && stringAt(metadata, 'generateName', 'metadata.generateName')
  const hasMark = annotations !== undefined && Object.hasOwn(annotations, mirrorAnnotation)
  const fromNode = isOwnNode(spec, request)
  return {
    operation: request.operation,
    subresource: request.subresource,
    namespace: request.namespace,
    name: name ?? generated ?? '',
    owner: ownerOf(metadata, labels),
    labels,
    hasMetadata: metadata !== undefined,
    annotations,
    hasPodSecurityContext: context !== undefined,
    podSeccomp: seccompOf(context, 'spec.securityContext'),
    containers,
    placement: {
      nodeName: spec['nodeName'],
      nodeSelector: spec['nodeSelector'],
      affinity: spec['affinity'],
      tolerations: spec['tolerations']
    },
    windows: isWindows(spec),
    mirror: hasMark && fromNode,
    ...(hasMark && !fromNode ? { claimsMirror: true } : {}),
    ...(isDebug && request.oldObject === undefined ? { isStoredUnknown: true } : {})
  }
}
