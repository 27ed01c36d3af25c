import type { ContainerRef } from '../../src/api/gen/hub.js'
import { annotations, labels as names } from '../../src/api/names.js'
import type { Container } from './runtime.js'

/** Returns the profile that a container's own annotation or its pod's labels name; empty when none does. */
export function profileNameOf({ labels, name }: Pick<Container, 'labels' | 'name'>): string {
  return labels[names.containerProfilePrefix + name] ?? labels[annotations.profile] ?? ''
}

/** The container as the hub's messages describe it. */
export function containerRef(container: Container): ContainerRef {
  return {
    id: container.id,
    runtime: container.runtime,
    name: container.name,
    image: container.image ?? '',
    ...(container.imageDigest === undefined ? {} : { imageDigest: container.imageDigest }),
    podNamespace: container.pod?.namespace ?? '',
    podName: container.pod?.name ?? '',
    podUid: container.pod?.uid ?? '',
    labels: container.labels,
    profile: profileNameOf(container)
  }
}
