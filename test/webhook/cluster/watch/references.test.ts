import { test } from 'tap'
import {
  type ClusterPod,
  createClusterCache
} from '../../../../webhook/cluster/watch/cluster-view.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { createReferences, revisionOfPath } from '../../../../webhook/cluster/watch/references.js'
import { pathOf, rawPod } from '../cluster-objects.js'

test('what pods refer to is kept, and deleted pods are remembered for an hour', (t) => {
  let now = 0
  const view = createClusterCache(() => now)
  const references = createReferences(view)
  let changes = 0
  references.onChange(() => (changes += 1))
  const pod = (uid: string, path: string, phase = 'Pending'): ClusterPod => ({
    ...readPod(rawPod),
    ...{ uid, phase, containers: [{ name: 'app', kind: 'container', localhostProfile: path }] }
  })
  view.putPod(pod('a', pathOf(1)))
  view.putPod(pod('b', pathOf(1)))
  t.same(references.list(), [revisionOfPath(pathOf(1))])
  view.removePod('a')
  t.equal(references.list().length, 1, 'another one still does')
  view.putPod(pod('b', pathOf(1), 'Succeeded'))
  t.same(references.list(), [], 'what has ended is not started again')
  t.equal(changes, 2)
  view.putPod(pod('c', 'secco/../../etc/shadow.json'))
  view.putPod(pod('d', 'mine.json'))
  t.same(references.list(), [], 'only paths of ours')
  t.same(
    view.podsOn('n1').map(({ uid }) => uid),
    ['b', 'c', 'd']
  )
  t.equal(view.pod('a')?.uid, 'a')
  now = 3_600_001
  t.equal(view.pod('a'), undefined)
  t.end()
})
