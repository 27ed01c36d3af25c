import { labels as names } from '../../src/api/names.js'
import type { PodRef } from './runtime.js'

/**
 * Labels and annotations that runtimes write on a container, by meaning. First: labels of containerd's CRI and of
 * docker; second: annotations of containerd's CRI in the OCI configuration; third: CRI-O's annotations.
 */
const keys = {
  namespace: [
    'io.kubernetes.pod.namespace',
    'io.kubernetes.cri.sandbox-namespace',
    'io.kubernetes.cri-o.Namespace'
  ],
  pod: ['io.kubernetes.pod.name', 'io.kubernetes.cri.sandbox-name', 'io.kubernetes.cri-o.KubeName'],
  uid: ['io.kubernetes.pod.uid', 'io.kubernetes.cri.sandbox-uid'],
  container: ['io.kubernetes.container.name', 'io.kubernetes.cri.container-name'],
  name: ['nerdctl/name', 'io.podman.container.name', 'org.opencontainers.container.name'],
  image: ['io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName', 'io.podman.image.name']
} as const

/**
 * Labels of a pod that its containers get from the sandbox, if only that has them: those that controllers write on
 * their pods, and the profile's name. Never a runtime's own keys: with these a pod's author could make a container
 * look like a sandbox.
 */
const podKeys = [
  'pod-template-hash',
  'controller-revision-hash',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/job-name',
  'job-name',
  'secco.dev/profile'
] as const

/** Returns the labels that have one of the keys. */
export function pickLabels(
  labels: Record<string, string>,
  keys: readonly string[]
): Record<string, string> {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined
      return value === undefined ? [] : [[key, value]]
    })
  )
}

/** Returns the sandbox's labels that the containers of its pod share. */
export function sharedLabels(sandbox: Record<string, string>): Record<string, string> {
  const named = Object.keys(sandbox).filter((key) => key.startsWith(names.containerProfilePrefix))
  return pickLabels(sandbox, [...podKeys, ...named])
}

/** Labels that only a pod's sandbox (pause) has. */
const sandboxMarks = [
  { key: 'io.cri-containerd.kind', value: 'sandbox' },
  { key: 'io.kubernetes.cri.container-type', value: 'sandbox' },
  { key: 'io.kubernetes.cri-o.ContainerType', value: 'sandbox' },
  { key: 'io.kubernetes.docker.type', value: 'podsandbox' },
  { key: 'io.kubernetes.container.name', value: 'POD' }
] as const

function first(labels: Record<string, string>, names: readonly string[]): string | undefined {
  // An iterator would allocate an object for each name of each container.
  const found = names.find((name) => (labels[name] ?? '') !== '')
  return found === undefined ? undefined : labels[found]
}

/** Returns the pod of a container; undefined outside Kubernetes. */
export function podOf(labels: Record<string, string>): PodRef | undefined {
  const namespace = first(labels, keys.namespace)
  const name = first(labels, keys.pod)
  if (namespace === undefined || name === undefined) return undefined
  return { namespace, name, uid: first(labels, keys.uid) ?? '' }
}

/** Returns the container's name in its pod, otherwise the runtime's name for it, otherwise its id. */
export function nameOf(labels: Record<string, string>, id: string): string {
  return first(labels, keys.container) ?? first(labels, keys.name) ?? id
}

export function imageOf(labels: Record<string, string>): string | undefined {
  return first(labels, keys.image)
}

/** True for a pod's sandbox: it only holds namespaces and is not a workload. */
export function isSandbox(labels: Record<string, string>): boolean {
  return sandboxMarks.some(({ key, value }) => labels[key] === value)
}
