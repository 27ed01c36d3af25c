import type { PodRef } from './runtime.js'

/**
 * What runtimes write on a container, by meaning. First: labels of containerd's CRI and of docker's;
 * second: annotations of containerd's CRI in the OCI configuration; third: CRI-O's annotations.
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
 * Labels of a pod that its containers are told by, when only its sandbox carries them: what controllers
 * write (of pods of theirs) and the profile it names. Never a runtime's own keys: a pod's author could
 * make a container look like a sandbox.
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

/** Those of a sandbox's labels that its pod's containers share. */
export function sharedLabels(sandbox: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    podKeys.flatMap((key) => {
      const value = sandbox[key]
      return value === undefined ? [] : [[key, value]]
    })
  )
}

/** Key and value that only the pod's sandbox (pause) carries. */
const sandboxMarks = [
  { key: 'io.cri-containerd.kind', value: 'sandbox' },
  { key: 'io.kubernetes.cri.container-type', value: 'sandbox' },
  { key: 'io.kubernetes.cri-o.ContainerType', value: 'sandbox' },
  { key: 'io.kubernetes.docker.type', value: 'podsandbox' },
  { key: 'io.kubernetes.container.name', value: 'POD' }
] as const

function first(labels: Record<string, string>, names: readonly string[]): string | undefined {
  // An iterator would make an object for each name, of each container.
  const found = names.find((name) => (labels[name] ?? '') !== '')
  return found === undefined ? undefined : labels[found]
}

/** The pod that a container belongs to; undefined outside Kubernetes. */
export function podOf(labels: Record<string, string>): PodRef | undefined {
  const namespace = first(labels, keys.namespace)
  const name = first(labels, keys.pod)
  if (namespace === undefined || name === undefined) return undefined
  return { namespace, name, uid: first(labels, keys.uid) ?? '' }
}

/** The container's name: the pod's word for it, else the runtime's, else its id. */
export function nameOf(labels: Record<string, string>, id: string): string {
  return first(labels, keys.container) ?? first(labels, keys.name) ?? id
}

export function imageOf(labels: Record<string, string>): string | undefined {
  return first(labels, keys.image)
}

/** True for a pod's sandbox: it only holds namespaces and is nobody's workload. */
export function isSandbox(labels: Record<string, string>): boolean {
  return sandboxMarks.some(({ key, value }) => labels[key] === value)
}
