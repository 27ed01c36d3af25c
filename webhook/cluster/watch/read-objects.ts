import { admissionRole, annotations as names, mirrorAnnotation } from '../../../src/api/names.js'
import type { WorkloadRef } from '../../../src/api/seccomp-profile.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { ContainerKind } from '../../../src/rules/facts.js'
import type { Taint } from '../../../src/rules/node-facts.js'
import type { Placement } from '../../../src/rules/placement.js'
import type { Labels } from '../../../src/rules/selector.js'
import { type OwnerReference, topmostOwner } from '../../../src/rules/topmost-owner.js'
import type { RawObject } from '../../../src/store/kubernetes-reflector.js'
import type { ClusterContainer } from '../../hub/nodes/cluster-container.js'
import type { ClusterNode, ClusterPod } from './cluster-view.js'

/** Raw is the API server's JSON. Its shape is known, but each member may be absent. */
type Raw = Record<string, unknown>

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null
const objectOf = (value: unknown): Raw => (isObject(value) ? value : {})
const listOf = (value: unknown): Raw[] =>
  Array.isArray(value) ? value.filter((one: unknown) => isObject(one)) : []
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const lists: readonly (readonly [ContainerKind, string, string])[] = [
  ['init', 'initContainers', 'initContainerStatuses'],
  ['container', 'containers', 'containerStatuses'],
  ['ephemeral', 'ephemeralContainers', 'ephemeralContainerStatuses']
]

function localhostOf(holder: Raw): { type: string; path: string } {
  const profile = objectOf(objectOf(holder['securityContext'])['seccompProfile'])
  return { type: textOf(profile['type']), path: textOf(profile['localhostProfile']) }
}

/** Returns the id in `containerd://<id>`. */
function idOf(status: Raw | undefined): string {
  return textOf(status?.['containerID']).replace(/^[a-z0-9.+-]+:\/\//, '')
}

function containersOf(spec: Raw, status: Raw): ClusterContainer[] {
  const own = localhostOf(spec)
  return lists.flatMap(([kind, list, statuses]) => {
    const states = listOf(status[statuses])
    return listOf(spec[list]).map((one): ClusterContainer => {
      const name = textOf(one['name'])
      const state = states.find((each) => each['name'] === name)
      const containerId = idOf(state)
      const restarts = Number(state?.['restartCount'])
      const stated = localhostOf(one)
      const { type, path } = stated.type === '' ? own : stated
      const beside = textOf(one['targetContainerName'])
      return {
        name,
        kind,
        ...(kind === 'ephemeral' && beside !== '' ? { beside } : {}),
        ...(containerId === '' ? {} : { containerId }),
        ...(type === 'Localhost' && path !== '' ? { localhostProfile: path } : {}),
        ...(type === '' ? {} : { seccomp: type }),
        ...(type !== '' && stated.type === '' ? { isOfPod: true as const } : {}),
        ...(textOf(one['image']) === '' ? {} : { image: textOf(one['image']) }),
        ...(objectOf(one['securityContext'])['privileged'] === true ? { privileged: true } : {}),
        ...(restarts > 0 ? { restarts } : {})
      }
    })
  })
}

function ownerOf(metadata: Raw, labels: Labels): WorkloadRef {
  const controller = listOf(metadata['ownerReferences']).find((one) => one['controller'] === true)
  const reference: OwnerReference = {
    kind: textOf(controller?.['kind']),
    name: textOf(controller?.['name'])
  }
  // The mirror of a static pod is owned by its node, which is not a workload.
  if (reference.kind === '' || reference.name === '' || reference.kind === 'Node') {
    return { kind: 'Pod', name: textOf(metadata['name']) }
  }
  return topmostOwner(reference, labels)
}

/** Returns whether seccomp cannot apply, or the kubelet made the pod from a file. */
function isExempt(metadata: Raw, spec: Raw): boolean {
  const isMirror = mirrorAnnotation in objectOf(metadata['annotations'])
  const os = textOf(objectOf(spec['os'])['name'])
  const selected = textOf(objectOf(spec['nodeSelector'])['kubernetes.io/os'])
  return isMirror || os === 'windows' || selected === 'windows'
}

/** Returns whether a pod is a replica of the webhook that is ready. Of other pods this is not kept: it changes often. */
function isReadyReplica(labels: Labels, status: Raw): boolean {
  const isReady = (one: Raw): boolean => one['type'] === 'Ready' && one['status'] === 'True'
  return labels[admissionRole] === 'true' && listOf(status['conditions']).some(isReady)
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution'
/** Characters of one placement, and placements, that are kept: whoever creates pods chooses both. */
const longestPlacement = 16_384
const mostPlacements = 10_000
const placements = new Map<string, Placement>()

/**
 * Returns what a pod demands of its nodes, as the webhook reads it. The name of the node is left out: the scheduler wrote
 * it, and a new pod does not have it.
 */
function placementOf(spec: Raw): Placement | undefined {
  const { nodeSelector, tolerations } = spec
  const nodeAffinity = objectOf(spec['affinity'])['nodeAffinity']
  const affinity =
    nodeAffinity === undefined
      ? undefined
      : { nodeAffinity: { [required]: objectOf(nodeAffinity)[required] } }
  const text = JSON.stringify({ nodeSelector, affinity, tolerations })
  if (text === '{}' || text.length > longestPlacement) return undefined
  const known = placements.get(text) ?? { nodeName: undefined, nodeSelector, affinity, tolerations }
  placements.set(text, known)
  dropOldest(placements, mostPlacements)
  return known
}

/** Returns what Secco keeps of a pod (core/v1). */
export function readPod(raw: RawObject): ClusterPod {
  const metadata = raw.metadata as unknown as Raw
  const spec = objectOf(raw['spec'])
  const status = objectOf(raw['status'])
  const labels = objectOf(metadata['labels']) as Labels
  const placement = placementOf(spec)
  return {
    uid: textOf(metadata['uid']),
    namespace: textOf(metadata['namespace']),
    name: textOf(metadata['name']),
    node: textOf(spec['nodeName']),
    labels,
    owner: ownerOf(metadata, labels),
    containers: containersOf(spec, status),
    ...(placement === undefined ? {} : { placement }),
    phase: textOf(status['phase']),
    assigned: textOf(objectOf(metadata['annotations'])[names.assigned]),
    createdAt: textOf(metadata['creationTimestamp']),
    ...(textOf(metadata['deletionTimestamp']) === '' ? {} : { isDeleted: true }),
    ...(isReadyReplica(labels, status) ? { isReplicaReady: true } : {}),
    ...(isExempt(metadata, spec) ? { exempt: true } : {})
  }
}

/** Returns the fields of a node (core/v1) that decide which pods can run there. */
export function readNode(raw: RawObject): ClusterNode {
  const metadata = raw.metadata as unknown as Raw
  const spec = objectOf(raw['spec'])
  return {
    uid: textOf(metadata['uid']),
    name: textOf(metadata['name']),
    createdAt: textOf(metadata['creationTimestamp']),
    labels: objectOf(metadata['labels']) as Labels,
    taints: listOf(spec['taints']).map((taint): Taint => {
      return {
        key: textOf(taint['key']),
        value: textOf(taint['value']),
        effect: textOf(taint['effect'])
      }
    }),
    unschedulable: spec['unschedulable'] === true
  }
}

/** Returns the labels of a namespace (core/v1). */
export function readNamespace(raw: RawObject): Labels {
  return objectOf((raw.metadata as unknown as Raw)['labels']) as Labels
}
