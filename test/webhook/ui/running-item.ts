import type { InventoryItem } from '../../../webhook/ui/model/inventory.js'

/** A running container of a pod on node-1. */
export function runningItem(namespace: string, pod: string, name: string): InventoryItem {
  return {
    ...{ key: `node-1/${namespace}-${pod}-${name}`, node: 'node-1', runtime: 'containerd' },
    ...{ id: `${namespace}-${pod}-${name}-id`, name, namespace, pod, image: 'web:1' },
    ...{ workload: 'Deployment/web', state: 'unconfined', why: 'it has no filter', profile: '' },
    sharedWith: [],
    ...{ learned: `${namespace}/web.${name}`, revision: '', wanted: '', stale: false },
    ...{
      canary: false,
      ephemeral: false,
      optedOut: false,
      unprotected: null,
      denials: 0,
      drift: []
    },
    startedAt: '2026-01-01T00:00:00.000Z'
  }
}
