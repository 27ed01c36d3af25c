import { test } from 'tap'
import {
  clusterFleet,
  expectedNodes,
  ownSource,
  summarySource
} from '../../../../webhook/cluster/replicas/cluster-fleet.js'
import type { ClusterNode, ClusterPod } from '../../../../webhook/cluster/watch/cluster-view.js'
import { decodeSummary, encodeSummary } from '../../../../webhook/cluster/replicas/hub-summary.js'
import { startupTaint } from '../../../../src/api/names.js'
import { anywhere } from '../../../../src/rules/placement.js'
import { createReach } from '../../../../src/rules/reach.js'
import { withNewcomers } from '../../../../webhook/snapshot/snapshot-store.js'
import { testProfile, testRevision } from '../../../helpers/rules.js'
import { nodeState, pathOf, clusterNode } from '../cluster-objects.js'
import { matchLists } from '../../../helpers/match-lists.js'

const nodesOf = (...nodes: ClusterNode[]) => new Map(nodes.map((node) => [node.name, node]))

test('the fleet of a cluster: its nodes, and what the active hub knows of them', (t) => {
  const [x, y] = [pathOf(1), pathOf(2)]
  const taint = (key: string) => ({ taints: [{ key, value: '', effect: 'NoSchedule' }] })
  const nodes = nodesOf(
    clusterNode('one'),
    clusterNode('two', { labels: { 'kubernetes.io/os': 'linux' } }),
    clusterNode('away'),
    clusterNode('new'),
    clusterNode('joining', taint('secco.dev/not-ready')),
    clusterNode('virtual', taint('virtual-kubelet.io/provider')),
    clusterNode('win', { labels: { 'kubernetes.io/os': 'windows' } })
  )
  const problem = { namespace: 'shop', profile: 'p2', digest: `sha256:${'2'.repeat(64)}` }
  const problems = new Map([[y, { ...problem, code: 'E', message: 'no room' }]])
  const own = [
    nodeState('one', [x, y]),
    { ...nodeState('two', [x]), problems },
    nodeState('away', [x, y], false),
    nodeState('gone', []),
    nodeState('joining', [])
  ]
  const summary = decodeSummary(encodeSummary(own, [x, y]))
  if (summary === undefined) throw new Error('unreadable')
  for (const [who, source] of [
    ['the active hub', ownSource(own)],
    ['other replicas', summarySource(summary)]
  ] as const) {
    const fleet = clusterFleet(nodes, source)
    matchLists(
      t,
      fleet.readiness(x),
      { ready: 3, total: 4, waiting: ['new'], failed: [], lacking: ['joining', 'new', 'virtual'] },
      who
    )
    matchLists(
      t,
      fleet.readiness(y),
      { waiting: ['new'], failed: [{ node: 'two', code: 'E', message: 'no room' }] },
      who
    )
    t.equal(fleet.readiness(pathOf(9)).ready, 0, `${who}: a path nobody knows is nowhere`)
  }
  const none = clusterFleet(nodesOf(clusterNode('one')), summarySource(undefined))
  matchLists(
    t,
    none.readiness(x),
    { ready: 0, total: 1, lacking: ['one'] },
    'no hub has written yet'
  )
  t.end()
})

test('what stops pods from waiting for one node that says that it lacks a revision', (t) => {
  const revision = testRevision('shop', 'web', 'a')
  const own = [nodeState('good', [revision.path]), nodeState('bad', [])]
  const taint = (key: string) => ({ taints: [{ key, value: '', effect: 'NoSchedule' }] })
  const reachOf = (nodes: ReadonlyMap<string, ClusterNode>, tolerations: unknown) => {
    const { lacking = [] } = clusterFleet(nodes, ownSource(own)).readiness(revision.path)
    const ready = lacking.length === 0
    const reach = createReach({ nodes, joinTainted: false }, { ...anywhere, tolerations })
    return reach.has({ ...revision, ready, lacking })
  }
  const [good, bad] = [clusterNode('good'), clusterNode('bad')]
  const everything = [{ operator: 'Exists' }]
  // [what was done, the nodes, tolerations of a pod, whether it gets the revision, counted nodes]
  const table: [string, ClusterNode[], unknown, boolean, number][] = [
    ['nothing', [good, bad], undefined, false, 2],
    ['the start-up taint', [good, { ...bad, ...taint(startupTaint) }], undefined, true, 1],
    ['the same, tolerated', [good, { ...bad, ...taint(startupTaint) }], everything, false, 1],
    ['kubectl cordon', [good, { ...bad, unschedulable: true }], undefined, true, 2],
    [
      'a label on the node',
      [good, { ...bad, labels: { [startupTaint]: '' } }],
      undefined,
      false,
      2
    ],
    ['kubectl delete node', [good], undefined, true, 1]
  ]
  for (const [what, nodes, tolerations, gets, total] of table) {
    const all = nodesOf(...nodes)
    t.equal(reachOf(all, tolerations), gets, `${what}: a pod`)
    t.equal(clusterFleet(all, ownSource(own)).readiness(revision.path).total, total, what)
  }
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

const windows = { labels: { 'kubernetes.io/os': 'windows' } }
const closed = { taints: [{ key: 'virtual-kubelet.io/provider', value: '', effect: 'NoSchedule' }] }
const joining = { taints: [{ key: startupTaint, value: '', effect: 'NoSchedule' }] }
const expectedRows = [
  ['any pod may come to it', {}, [], true],
  ['a Windows node', windows, ['Running'], false],
  ['a closed node without pods', closed, [], false],
  ['a closed node with a pod', closed, ['Running'], true],
  ['a closed node whose pods have ended', closed, ['Succeeded', 'Failed'], false],
  ['a node that joins', joining, [], false],
  ['a node that joins, and has a pod', joining, ['Pending'], true],
  ['a cordoned node with a pod', { unschedulable: true }, ['Running'], true]
] as const

for (const [what, change, phases, isExpected] of expectedRows) {
  test(`a node that should report: ${what}`, (t) => {
    const nodes = nodesOf(clusterNode('n1', change))
    const pods = phases.map((phase) => ({ phase })) as unknown as readonly ClusterPod[]
    const names = expectedNodes({ nodes: () => nodes, podsOn: () => pods })
    t.strictSame(names, isExpected ? ['n1'] : [])
    t.end()
  })
}
