import { test } from 'tap'
import { clusterFleet } from '../../../../webhook/cluster/replicas/cluster-fleet.js'
import type { ClusterNode } from '../../../../webhook/cluster/watch/cluster-view.js'
import { decodeSummary, encodeSummary } from '../../../../webhook/cluster/replicas/hub-summary.js'
import { withNewcomers } from '../../../../webhook/snapshot/snapshot-store.js'
import { testProfile, testRevision } from '../../../helpers/rules.js'
import { nodeState, pathOf, clusterNode } from '../cluster-objects.js'
import { matchLists } from '../../../helpers/match-lists.js'

const nodesOf = (...nodes: ClusterNode[]) => new Map(nodes.map((node) => [node.name, node]))

test('the fleet of a cluster: nodes, satellites, other hubs', (t) => {
  const [x, y] = [pathOf(1), pathOf(2)]
  const ready = { 'kubernetes.io/os': 'linux' }
  const nodes = nodesOf(
    clusterNode('own'),
    clusterNode('theirs', { labels: ready }),
    clusterNode('moved'),
    clusterNode('new'),
    clusterNode('joining', {
      taints: [{ key: 'secco.dev/not-ready', value: '', effect: 'NoSchedule' }]
    }),
    clusterNode('virtual', {
      taints: [{ key: 'virtual-kubelet.io/provider', value: '', effect: 'NoSchedule' }]
    }),
    clusterNode('win', { labels: { 'kubernetes.io/os': 'windows' } })
  )
  const other = decodeSummary(
    encodeSummary(
      [nodeState('theirs', [x, y]), nodeState('moved', [x], true), nodeState('gone', [])],
      [x, y]
    )
  )
  if (other === undefined) throw new Error('unreadable')
  const own = [
    nodeState('own', [x, y]),
    nodeState('moved', [x, y], false),
    nodeState('joining', [])
  ]
  const fleet = clusterFleet(nodes, own, [other])
  matchLists(t, fleet.readiness(x), {
    ready: 3,
    total: 4,
    waiting: ['new'],
    lacking: ['joining', 'new', 'virtual']
  })
  t.same(
    fleet.readiness(y).lacking,
    ['joining', 'moved', 'new', 'virtual'],
    'where it is connected counts'
  )
  t.same(fleet.readiness(pathOf(9)).ready, 0, 'a path nobody knows is nowhere')
  const both = clusterFleet(
    nodesOf(clusterNode('moved')),
    [nodeState('moved', [x, y], false)],
    [{ ...other, connected: new Set(), away: new Set(['moved']) }]
  )
  t.same(
    both.readiness(y).lacking,
    ['moved'],
    'nobody has it connected: both must know of the file'
  )
  t.end()
})

test('nodes that came after the states have no file', (t) => {
  const state = testProfile('shop', 'web', {
    enforce: { ...testRevision('shop', 'web', 'a'), lacking: [] }
  })
  const [after] = withNewcomers([state], ['a', 'b'], new Set(['a']))
  matchLists(t, after?.enforce, { ready: false, lacking: ['b'] })
  t.equal(withNewcomers([state], ['a'], new Set(['a']))[0], state)
  t.equal(withNewcomers([state], ['a'], undefined)[0], state)
  t.end()
})
