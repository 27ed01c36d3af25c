import type { Json } from '../kube.js'
import { GivenUp, until } from '../until.js'
import type { RealCluster } from './real-cluster.js'
import { testImage } from './test-images.js'

export interface ContainerStatus {
  name: string
  containerID?: string
  ready: boolean
  restartCount: number
  state: { waiting?: { reason: string; message?: string }; running?: Json; terminated?: Json }
}

export interface Pod {
  metadata: {
    name: string
    namespace: string
    uid: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  spec: {
    nodeName?: string
    securityContext?: { seccompProfile?: SeccompField }
    containers: { name: string; securityContext?: { seccompProfile?: SeccompField } }[]
    initContainers?: { name: string; securityContext?: { seccompProfile?: SeccompField } }[]
  }
  status: {
    phase: string
    podIP?: string
    conditions?: { type: string; status: string }[]
    containerStatuses?: ContainerStatus[]
    initContainerStatuses?: ContainerStatus[]
  }
}

interface SeccompField {
  type: string
  localhostProfile?: string
}

/** A container of the test image. Without `args` it serves HTTP on 8080 (test-server.c says what). */
export function testContainer(name: string, args?: readonly string[], more: Json = {}): Json {
  return {
    name,
    image: testImage,
    imagePullPolicy: 'Never',
    ...(args === undefined ? {} : { command: ['/bin/server', ...args] }),
    ...more
  }
}

/** A pod that ends at once when it is deleted. */
export function testPod(metadata: Json, containers: readonly Json[], spec: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers, terminationGracePeriodSeconds: 1, ...spec }
  }
}

/** Waits for the pod to be as `wanted` says; tells its containers' states when it never is. */
export async function untilPod(
  cluster: RealCluster,
  namespace: string,
  name: string,
  wanted: (pod: Pod) => boolean = isReady,
  timeoutMs = 60_000
): Promise<Pod> {
  let last: Pod | undefined
  try {
    return await until(
      `pod ${namespace}/${name}`,
      async () => {
        const path = `/api/v1/namespaces/${namespace}/pods/${name}`
        last = (await cluster.kube.do('GET', path)) as unknown as Pod
        return wanted(last) ? last : undefined
      },
      { timeoutMs, everyMs: 100 }
    )
  } catch (error) {
    const states = JSON.stringify([
      last?.status.phase,
      ...(last?.status.initContainerStatuses ?? []).map(({ state }) => state),
      ...(last?.status.containerStatuses ?? []).map(({ state }) => state)
    ])
    throw new Error(`${error instanceof Error ? error.message : String(error)}: ${states}`, {
      cause: error
    })
  }
}

export function isReady(pod: Pod): boolean {
  const isTrue = (type: string): boolean =>
    pod.status.conditions?.some((one) => one.type === type && one.status === 'True') ?? false
  return isTrue('Ready')
}

/** Pods of a label selector that are not being deleted. */
export async function listPods(
  cluster: RealCluster,
  namespace: string,
  selector: string
): Promise<Pod[]> {
  const query = `labelSelector=${encodeURIComponent(selector)}`
  const list = await cluster.kube.do('GET', `/api/v1/namespaces/${namespace}/pods?${query}`)
  return (list['items'] as (Pod & { metadata: { deletionTimestamp?: string } })[]).filter(
    (pod) => pod.metadata.deletionTimestamp === undefined
  )
}

/** Id of a container of the pod as its runtime has it. */
export function containerIdOf(pod: Pod, container: string): string {
  const all = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])]
  const id = all.find((one) => one.name === container)?.containerID
  if (id === undefined) throw new Error(`${pod.metadata.name}: no container ${container} runs`)
  return id.replace('containerd://', '')
}

/** What the pod's first container asks for. */
export const seccompOf = ({ spec }: Pod) => spec.containers[0]?.securityContext?.seccompProfile

/** Whether nobody listens at the other end: what was to be asked was not sent. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}

/**
 * What the test server in a pod answers to a GET. A pod without a probe is Ready when its process was started: the
 * server listens a moment later.
 */
export async function askPod(pod: Pod, path: string): Promise<string> {
  const at = `http://${pod.status.podIP ?? ''}:8080${path}`
  const answer = await until(
    `${pod.metadata.name} to listen`,
    async () => {
      try {
        return await fetch(at)
      } catch (error) {
        if (isRefused(error)) return undefined
        throw new GivenUp(`GET ${at}`, { cause: error })
      }
    },
    { timeoutMs: 30_000 }
  )
  return await answer.text()
}
