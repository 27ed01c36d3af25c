import type { Container as StoredContainer } from './gen/containerd.js'
import { isRecord, parseRecord, stringsOf } from './json.js'

/** The namespace of containerd in which its CRI plugin works. */
const criNamespace = 'k8s.io'

/**
 * What containerd's CRI plugin recorded of a container or a sandbox when it made it. It is an extension of containerd's
 * container, which nothing in an image, a pod or a container can write (internal/cri/store/container/metadata.go).
 */
export interface CriRecord {
  kind: 'container' | 'sandbox'
  /** Id of the sandbox; its own id for a sandbox. */
  sandbox: string
  /** The container's name in its pod; empty for a sandbox. */
  name: string
  /** Of a sandbox: its pod. */
  pod: { namespace: string; name: string; uid: string } | undefined
  /** Labels of the CRI request, without the image's: the kubelet's, and on a sandbox the pod's. */
  labels: Record<string, string>
  /** The id of the image that the container was made from. */
  image: string
}

/** Keys of the extension, also of containerd before 2.0. */
const extensions = [
  { key: 'io.containerd.cri.container.metadata', kind: 'container' },
  { key: 'io.cri-containerd.container.metadata', kind: 'container' },
  { key: 'io.containerd.cri.sandbox.metadata', kind: 'sandbox' },
  { key: 'io.cri-containerd.sandbox.metadata', kind: 'sandbox' }
] as const

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function parse(kind: CriRecord['kind'], id: string, text: string): CriRecord | undefined {
  const metadata = parseRecord(text)?.['Metadata']
  const config = isRecord(metadata) ? metadata['Config'] : undefined
  if (!isRecord(metadata) || !isRecord(config) || metadata['ID'] !== id) return undefined
  const named = isRecord(config['metadata']) ? config['metadata'] : {}
  const [namespace, name, uid] = ['namespace', 'name', 'uid'].map((key) => textOf(named[key]))
  const isSandbox = kind === 'sandbox'
  return {
    kind,
    sandbox: isSandbox ? id : textOf(metadata['SandboxID']),
    name: isSandbox ? '' : (name ?? ''),
    pod: isSandbox && namespace && name ? { namespace, name, uid: uid ?? '' } : undefined,
    labels: stringsOf(config['labels']),
    image: textOf(metadata['ImageRef'])
  }
}

/** Returns CRI's record of a container; undefined for one that CRI did not make. */
export function criRecordOf(stored: StoredContainer, namespace: string): CriRecord | undefined {
  if (namespace !== criNamespace) return undefined
  for (const { key, kind } of extensions) {
    const extension = stored.extensions[key]
    const found =
      extension === undefined ? undefined : parse(kind, stored.id, extension.value.toString('utf8'))
    if (found !== undefined) return found
  }
  return undefined
}
