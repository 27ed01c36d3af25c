import { test } from 'tap'
import { ContainerRef } from '../../../../src/api/gen/hub.js'
import { readNode, readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { targetOf } from '../../../../webhook/hub/nodes/workload.js'
import { pathOf, rawPod } from '../cluster-objects.js'

test('what is kept of pods and nodes', (t) => {
  t.same(readPod(rawPod), {
    ...{ uid: 'u1', namespace: 'shop', name: 'web-5d4f-x', node: 'n1', phase: 'Running' },
    labels: { 'pod-template-hash': '5d4f' },
    owner: { kind: 'Deployment', name: 'web' },
    containers: [
      {
        ...{ name: 'init', kind: 'init', localhostProfile: pathOf(1), seccomp: 'Localhost' },
        isOfPod: true
      },
      { name: 'app', kind: 'container', containerId: 'abc', seccomp: 'RuntimeDefault', restarts: 2 }
    ],
    assigned: '{"app":{"reason":"ready"}}',
    createdAt: '2026-11-24T10:00:00Z'
  })
  const deletionTimestamp = '2026-11-24T11:00:00Z'
  const deleted = { ...rawPod, metadata: { ...rawPod.metadata, deletionTimestamp } }
  t.strictSame(readPod(deleted), { ...readPod(rawPod), isDeleted: true })
  const mirror = {
    metadata: { name: 'etcd-n1', ownerReferences: [{ kind: 'Node', name: 'n1', controller: true }] }
  }
  t.same(readPod(mirror).owner, { kind: 'Pod', name: 'etcd-n1' })
  const ephemeralContainers = [{ name: 'a' }, { name: 'b', targetContainerName: 'app' }]
  t.same(readPod({ metadata: { name: 'p' }, spec: { ephemeralContainers } }).containers, [
    { name: 'a', kind: 'ephemeral' },
    { name: 'b', kind: 'ephemeral', beside: 'app' }
  ])
  t.same(
    readNode({
      metadata: { name: 'n' },
      spec: { taints: [{ key: 'a', effect: 'NoExecute', timeAdded: 'x' }] }
    }),
    {
      ...{ uid: '', name: 'n', labels: {}, createdAt: '', unschedulable: false },
      taints: [{ key: 'a', value: '', effect: 'NoExecute' }]
    }
  )
  const known = { namespace: 'shop', name: 'x', owner: { kind: 'CronJob', name: 'tidy' } }
  const container = ContainerRef.fromPartial({
    name: 'app',
    podName: 'anything',
    podNamespace: 'elsewhere'
  })
  t.strictSame(targetOf(container, known), {
    ref: { namespace: 'shop', name: 'tidy.app' },
    workload: { kind: 'CronJob', name: 'tidy', container: 'app' }
  })
  t.end()
})
