import { annotations, labels as wellKnown } from '../../src/api/names.js'
import { assignedOf } from '../../src/confinement/assigned.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import { type Broken, eventually } from './doctor-links.js'
import { names, namespace as home, roleLabels } from '../install/names.js'

/** Name of the canary's namespace, profile and pod. The namespace is created for it and removed with its contents. */
export const canaryName = 'secco-doctor'
export const canaryContainer = 'canary'
export const canaryPods = `/api/v1/namespaces/${canaryName}/pods`
const ownLabel = 'secco.dev/doctor'
const goneMs = 60_000

/** Image and pull secrets of the canary. */
export interface CanaryPlace {
  /** An image that the nodes have; the program is in a volume. */
  image: string
  imagePullSecrets: readonly unknown[]
}

export interface Pod {
  metadata: { name: string; uid: string; annotations?: Record<string, string> }
  spec: {
    nodeName?: string
    containers: { securityContext?: { seccompProfile?: { localhostProfile?: string } } }[]
  }
  status?: {
    conditions?: { type: string; status: string; message?: string }[]
    containerStatuses?: {
      state: { waiting?: { reason: string; message?: string }; running?: object }
    }[]
  }
}

/** Returns the answer of a call, or undefined when there is no such object. */
export async function found<T>(call: Promise<unknown>): Promise<T | undefined> {
  try {
    return (await call) as T
  } catch (error) {
    if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** Places a pod on one node whatever its taints, as a DaemonSet does. */
function onlyOn(node: string): object {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }]
  const required = { nodeSelectorTerms: [{ matchFields }] }
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    tolerations: [{ operator: 'Exists' }]
  }
}

/** Returns a pod that asks for the canary's profile and runs the program in the ConfigMap of the same name. */
export function canaryPod({ image, imagePullSecrets }: CanaryPlace, node: string): object {
  return {
    metadata: { generateName: `${canaryName}-`, labels: { [wellKnown.profile]: canaryName } },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      ...onlyOn(node),
      imagePullSecrets,
      containers: [
        {
          name: canaryContainer,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['/canary/ask'],
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            runAsNonRoot: true,
            runAsUser: 65534
          },
          volumeMounts: [{ name: canaryContainer, mountPath: '/canary', readOnly: true }]
        }
      ],
      volumes: [{ name: canaryContainer, configMap: { name: canaryName, defaultMode: 0o555 } }]
    }
  }
}

/** Returns the profile file of the pod's container; empty without one. */
export const profilePath = (pod: Pod): string =>
  pod.spec.containers[0]?.securityContext?.seccompProfile?.localhostProfile ?? ''

export const isRunning = ({ status }: Pod): boolean =>
  status?.containerStatuses?.[0]?.state.running !== undefined

/** Explains why a pod did not get the canary's revision, from the annotation of the webhook. */
export function insteadOf(pod: Pod): Broken {
  const assigned = assignedOf(pod.metadata.annotations?.[annotations.assigned], canaryContainer)
  if (assigned !== undefined) {
    return {
      broken: `it decided: ${assigned.outcome === '' ? 'nothing' : assigned.outcome}`,
      fix: `look at its audit lines: kubectl -n ${home} logs -l ${roleLabels.admission}`
    }
  }
  return {
    broken: 'the API server created the pod without an answer of the webhook',
    fix:
      `check that it reaches the Service ${names.webhook}: kubectl -n ${home} get endpointslices; ` +
      `kubectl -n ${home} logs -l ${roleLabels.admission}`
  }
}

/** Returns why a pod does not run, as the cluster reports it. */
export function waitingText({ status }: Pod): string {
  const waiting = status?.containerStatuses?.[0]?.state.waiting
  if (waiting !== undefined)
    return `${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`
  const unmet = status?.conditions?.find(
    (one) => one.status === 'False' && one.message !== undefined
  )
  return unmet?.message ?? 'it has not started'
}

/** Creates the canary's namespace. What an interrupted run left is removed first. */
export async function makeRoom(call: ApiCall): Promise<void> {
  interface Namespace {
    metadata: { labels?: Record<string, string>; deletionTimestamp?: string }
  }
  const path = `/api/v1/namespaces/${canaryName}`
  const gone = await eventually(async () => {
    const before = await found<Namespace>(call('GET', path))
    if (before === undefined) return true
    const { labels, deletionTimestamp } = before.metadata
    if (labels?.[ownLabel] !== 'true') {
      throw new SeccoError(
        'CONFLICT',
        `namespace ${canaryName} exists and was not created by doctor`,
        {
          hint: 'delete or rename that namespace'
        }
      )
    }
    if (deletionTimestamp === undefined) await call('DELETE', path)
    return undefined
  }, goneMs)
  if (gone !== true) {
    throw new SeccoError('CONFLICT', `namespace ${canaryName} of an earlier run does not go away`, {
      hint: `see why: kubectl describe namespace ${canaryName}`
    })
  }
  const labels = { [ownLabel]: 'true', 'secco.dev/mode': 'enabled' }
  await call('POST', '/api/v1/namespaces', { body: { metadata: { name: canaryName, labels } } })
}

/** Removes the canary's namespace if doctor created it. Never rejects. */
export async function cleanUp(call: ApiCall): Promise<void> {
  const path = `/api/v1/namespaces/${canaryName}`
  const own = await found<{ metadata: { labels?: Record<string, string> } }>(
    call('GET', path)
  ).catch(() => undefined)
  if (own?.metadata.labels?.[ownLabel] === 'true') await call('DELETE', path).catch(() => undefined)
}
