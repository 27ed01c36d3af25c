import { revisionPath } from '../../../src/api/names.js'
import type { ClusterNode } from '../../../webhook/cluster/watch/cluster-view.js'
import type { NodeState } from '../../../webhook/hub/nodes/node-state.js'

export const pathOf = (at: number): string =>
  revisionPath('shop', `p${at}`, `sha256:${String(at % 10).repeat(64)}`)

export function nodeState(name: string, holding: Iterable<string>, connected = true): NodeState {
  return {
    ...{ name, connected, lastSeen: '2026-11-24T10:00:00.000Z', bootId: '', version: '' },
    ...{ status: undefined, holding: new Set(holding), problems: new Map() }
  }
}

export function clusterNode(name: string, change: Partial<ClusterNode> = {}): ClusterNode {
  return { uid: name, name, createdAt: '', labels: {}, taints: [], unschedulable: false, ...change }
}

export const rawPod = {
  metadata: {
    ...{
      uid: 'u1',
      namespace: 'shop',
      name: 'web-5d4f-x',
      creationTimestamp: '2026-11-24T10:00:00Z'
    },
    labels: { 'pod-template-hash': '5d4f' },
    annotations: { 'secco.dev/assigned': '{"app":{"reason":"ready"}}', other: 'x' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web-5d4f', controller: true }]
  },
  spec: {
    nodeName: 'n1',
    securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: pathOf(1) } },
    initContainers: [{ name: 'init' }],
    containers: [{ name: 'app', securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }]
  },
  status: {
    phase: 'Running',
    containerStatuses: [{ name: 'app', containerID: 'containerd://abc', restartCount: 2 }]
  }
}
