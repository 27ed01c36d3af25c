import { test } from 'tap'
import type { JoinedCluster } from '../../webhook/cluster/cluster.js'
import { type ClusterPod, createClusterCache } from '../../webhook/cluster/watch/cluster-view.js'
import type { Hub } from '../../webhook/hub/hub.js'
import type { NodeState } from '../../webhook/hub/nodes/node-state.js'
import { ReplicaNodes } from '../../webhook/replica-nodes.js'
import { clusterNode, nodeState } from './cluster/cluster-objects.js'

function rigOf(known: readonly NodeState[], names: readonly string[], isActive = true) {
  const view = createClusterCache()
  for (const name of names) view.putNode(clusterNode(name))
  const hub = {
    nodes: () => known,
    node: (name: string) => known.find((one) => one.name === name)
  } as unknown as Hub
  const cluster = { view, isActive: () => isActive } as unknown as JoinedCluster
  return { view, nodes: new ReplicaNodes({ hub, cluster }) }
}

const here = nodeState('here', [])
const away = nodeState('away', [], false)
const inherited = { ...nodeState('inherited', [], false), inherited: true }
const plain = nodeState('plain', [], false)
const gone = { ...nodeState('gone', [], false), inherited: true }
const all = [away, gone, here, inherited, plain]

test('a list of nodes has those that never reported, and none that was removed', (t) => {
  const { view, nodes } = rigOf(all, ['away', 'here', 'inherited', 'never'])
  const namesNow = () => nodes.all().map(({ name }) => name)
  // `plain` is a machine outside the cluster, which has no Node object.
  t.strictSame(namesNow(), ['away', 'here', 'inherited', 'never', 'plain'])
  t.match(nodes.all()[3], { connected: false, lastSeen: '' })
  view.removeNode('away')
  view.removeNode('never')
  t.strictSame(namesNow(), ['here', 'inherited', 'plain'])
  view.putNode(clusterNode('away'))
  t.strictSame(namesNow(), ['away', 'here', 'inherited', 'plain'], 'it is back')
  t.end()
})

test('what was found on a node holds while this hub has not heard of it', (t) => {
  const names = ['away', 'here', 'inherited', 'never']
  const active = rigOf(all, names).nodes
  const elsewhere = [...names, 'plain', 'gone'].filter((name) => active.isElsewhere(name))
  t.strictSame(elsewhere, ['inherited', 'never'])
  t.ok(rigOf(all, names, false).nodes.isElsewhere('here'), 'a standby knows nothing by itself')
  t.end()
})

test('the nodes that should report: of the cluster, or the own one', (t) => {
  const { view, nodes } = rigOf([], ['n1'])
  t.strictSame([...nodes.expected.names()], ['n1'])
  view.putPod({ uid: 'u', namespace: 'shop', node: 'n1' } as ClusterPod)
  const sees = (wanted: string) => (namespace: string) => namespace === wanted
  t.ok(nodes.expected.hasPod('n1', sees('shop')))
  t.notOk(nodes.expected.hasPod('n1', sees('bank')))
  const alone = { hub: undefined, cluster: undefined }
  t.strictSame([...new ReplicaNodes({ ...alone, ownNode: 'one' }).expected.names()], ['one'])
  t.strictSame(
    new ReplicaNodes({ ...alone, ownNode: 'one' }).all().map(({ name }) => name),
    ['one']
  )
  t.strictSame([...new ReplicaNodes(alone).expected.names()], [])
  t.end()
})
