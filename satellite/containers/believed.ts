import { basename, dirname } from 'node:path'
import { pickLabels } from './labels.js'

/**
 * Which labels and annotations of a container are believed. Authors of images and pods can write many of them: image
 * labels become labels of the container (containerd, docker, podman), image annotations its annotations (podman), and a
 * pod's annotations its annotations (CRI-O, and containerd where it is configured). A key counts only if the program that
 * created the container writes it last, or if nobody but the person who started the container can have written it.
 */

/** The program that created a container, and so wrote its OCI configuration. */
export type Writer = 'cri' | 'cri-o' | 'containerd' | 'docker' | 'podman' | 'runc'

/** Returns the name of a runtime as Secco shows it. @param callee the low-level runtime that was called, where nobody else is known */
export const runtimeOf = (writer: Writer, callee: 'runc' | 'crun'): string => {
  if (writer === 'cri') return 'containerd'
  return writer === 'runc' ? callee : writer
}

type Labels = Record<string, string>

/** containerd's bundles (runtime/v2/bundle.go), with their namespace. */
const containerdBundle = /\/io\.containerd\.runtime\.[^/]+\/([^/]+)\/[^/]+$/
/** Bundles of containers/storage: podman's and CRI-O's. */
const storageBundle = /\/(?:overlay|vfs|btrfs|zfs|aufs)-containers\/([^/]+)\/userdata$/

/**
 * Returns the program that created a container. runc writes the path of the bundle, and the creator chose it.
 * @param cgroup folder that the runtime made for it, whose name the creator chose. Never where its process is now: a container
 * that may write its cgroup makes others inside of it. crun puts the process into one, `crio-ID.scope/container`.
 * @param otherwise the result if the bundle does not show it.
 */
export function writerOf(bundle: string | undefined, cgroup: string, otherwise: Writer): Writer {
  if (bundle === undefined) return otherwise
  const [, namespace] = containerdBundle.exec(bundle) ?? []
  if (namespace === 'k8s.io') return 'cri'
  if (namespace !== undefined) return namespace === 'moby' ? 'docker' : 'containerd'
  const [, id] = storageBundle.exec(bundle) ?? []
  if (id === undefined) return otherwise
  const names = [basename(cgroup), basename(dirname(cgroup))]
  const isOfCrio = names.some((name) => name === `crio-${id}` || name === `crio-${id}.scope`)
  return isOfCrio ? 'cri-o' : 'podman'
}

/** Keys that containerd's CRI sets after all others (internal/cri/annotations, DefaultCRIAnnotations). */
const criKeys = [
  'io.kubernetes.cri.container-type',
  'io.kubernetes.cri.sandbox-id',
  'io.kubernetes.cri.sandbox-namespace',
  'io.kubernetes.cri.sandbox-name',
  'io.kubernetes.cri.sandbox-uid',
  'io.kubernetes.cri.container-name',
  'io.kubernetes.cri.image-name'
] as const

/** Labels that the kubelet sets on each container and sandbox, after all others (pkg/kubelet/kuberuntime/labels.go). */
const kubeletKeys = [
  'io.kubernetes.pod.namespace',
  'io.kubernetes.pod.name',
  'io.kubernetes.pod.uid',
  'io.kubernetes.container.name'
] as const

/** Keys that CRI-O sets after the pod's annotations (internal/factory/container, SpecAddAnnotations). */
const crioKeys = [
  'io.kubernetes.cri-o.ContainerType',
  'io.kubernetes.cri-o.SandboxID',
  'io.kubernetes.cri-o.ImageName',
  ...kubeletKeys
] as const

/** Keys with which only the runtimes of Kubernetes describe a container. Elsewhere nothing in them is true. */
const reserved = /^io\.kubernetes\.(pod|cri|cri-o|docker)\.|^io\.cri-containerd\./

/** Returns the labels that the kubelet wrote, of labels that came from it. */
export function kubeletLabels(labels: Labels): Labels {
  return pickLabels(labels, kubeletKeys)
}

/** Returns labels without those that describe containers of Kubernetes. */
export function withoutReserved(labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(
      ([key, value]) =>
        !reserved.test(key) && !(key === 'io.kubernetes.container.name' && value === 'POD')
    )
  )
}

/** Returns the believed annotations of an OCI configuration. */
export function believedAnnotations(writer: Writer, annotations: Labels): Labels {
  if (writer === 'cri') return pickLabels(annotations, criKeys)
  if (writer === 'cri-o') return pickLabels(annotations, crioKeys)
  // podman copies the image's annotations; its own command reports the container without them.
  return writer === 'podman' ? {} : withoutReserved(annotations)
}

/**
 * Returns the labels that the person who started a container gave it. Engines add the image's labels without a mark.
 * @param ofImage undefined if the image cannot be read: then any label may be its own.
 */
export function withoutImageLabels(labels: Labels, ofImage: readonly Labels[] | undefined): Labels {
  if (ofImage === undefined) return {}
  const isOfImage = (key: string, value: string): boolean =>
    ofImage.some((image) => Object.hasOwn(image, key) && image[key] === value)
  return Object.fromEntries(Object.entries(labels).filter(([key, value]) => !isOfImage(key, value)))
}
