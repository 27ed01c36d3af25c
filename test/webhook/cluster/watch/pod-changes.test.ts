import { test } from 'tap'
import { createClusterCache } from '../../../../webhook/cluster/watch/cluster-view.js'
import { onPodFacts } from '../../../../webhook/cluster/watch/pod-changes.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { rawPod } from '../cluster-objects.js'

test('onPodFacts reports new pods and changed facts only', (t) => {
  const view = createClusterCache()
  const pod = { ...readPod(rawPod), uid: 'u' }
  const told: string[] = []
  const leave = onPodFacts(view, (uid) => told.push(uid))
  for (const [what, change, count] of [
    ['it came', () => view.putPod(pod), 1],
    ['a list says it again', () => view.putPod({ ...pod }), 0],
    ['it has a node', () => view.putPod({ ...pod, node: 'n2' }), 1],
    ['a label', () => view.putPod({ ...pod, node: 'n2', labels: { app: 'new' } }), 1],
    [
      'somebody debugs it',
      () => view.putPod({ ...pod, containers: [{ name: 'debugger-x', kind: 'ephemeral' }] }),
      1
    ],
    [
      'its container was restarted',
      () => view.putPod({ ...pod, containers: [{ name: 'app', kind: 'container', restarts: 1 }] }),
      1
    ],
    ['it is gone: what it was is remembered', () => view.removePod('u'), 0],
    ['it is there again', () => view.putPod(pod), 1],
    ['a namespace', () => view.putNamespace('shop', {}), 0]
  ] as const) {
    told.length = 0
    change()
    t.equal(told.length, count, what)
  }
  leave()
  view.putPod({ ...pod, node: 'n3' })
  t.equal(told.length, 0)
  t.end()
})
