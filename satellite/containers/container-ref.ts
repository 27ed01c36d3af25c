import type { ContainerRef } from '../../src/api/gen/hub.js'
import { annotations } from '../../src/api/names.js'
import type { Container } from './runtime.js'

/** The container as the hub's messages describe it. */
export function containerRef(container: Container): ContainerRef {
  return {
    id: container.id,
    runtime: container.runtime,
    name: container.name,
    image: container.image ?? '',
    podNamespace: container.pod?.namespace ?? '',
    podName: container.pod?.name ?? '',
    podUid: container.pod?.uid ?? '',
    labels: container.labels,
    profile: container.labels[annotations.profile] ?? ''
  }
}
