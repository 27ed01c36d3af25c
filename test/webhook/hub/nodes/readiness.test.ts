import { test } from 'tap'
import { setCondition } from '../../../../webhook/hub/status/conditions.js'
import { nodeView } from '../../../../webhook/hub/nodes/node-view.js'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import { createNodes } from '../../../../webhook/hub/nodes/nodes.js'
import { createPace } from '../../../../src/lib/pace.js'
import {
  isReady,
  isServed,
  type Readiness,
  readinessOfProfile,
  readyCondition,
  type ServedState
} from '../../../../webhook/hub/nodes/readiness.js'
import type { RevisionState } from '../../../../src/rules/profile-state.js'
import { testRevision } from '../../../helpers/rules.js'
import { matchLists } from '../../../helpers/match-lists.js'

const time = '2026-11-24T10:00:00.000Z'

test('readiness, conditions and pace', (t) => {
  const clock = { wallMs: () => Date.parse(time), monotonicMs: () => monotonicMs }
  let monotonicMs = 5000
  const nodes = createNodes([], clock)
  const digest = `sha256:${'a'.repeat(64)}`
  const path = `secco/shop/web/${'a'.repeat(64)}.json`
  const revision = { namespace: 'shop', profile: 'web', digest, ready: true, code: '', message: '' }
  const hello = (node: string, holding: string[] = []) => ({
    node,
    bootId: '',
    version: '',
    status: undefined,
    holding,
    takesAcksTogether: false,
    takesTraces: false,
    sendsRevisions: false
  })
  const reason = () => readyCondition(nodes.readiness(60_000)(path), 1).reason
  t.equal(reason(), 'NoNodes')
  nodes.connected(hello('one', ['nonsense', path]), time)
  t.equal(reason(), 'AllNodesReady')
  nodes.connected(hello('two'), time)
  t.equal(reason(), 'WaitingForNodes')
  t.equal(
    nodes.revision('two', { ...revision, profile: 'twin' }),
    true,
    'same digest, another file'
  )
  t.equal(reason(), 'WaitingForNodes')
  t.equal(
    nodes.revision('two', {
      ...revision,
      ready: false,
      code: 'WRITE_FAILED',
      message: 'disk full'
    }),
    true
  )
  t.equal(reason(), 'NodeReportsError')
  matchLists(t, nodeView(nodes.get('two') as NodeState), {
    name: 'two',
    conditions: [{ reason: 'WRITE_FAILED' }]
  })
  t.equal(nodes.revision('two', revision), true)
  t.equal(nodes.revision('two', revision), false, 'no news')
  t.equal(reason(), 'AllNodesReady')
  nodes.connected(hello('three'), time)
  nodes.disconnected('three', time)
  t.equal(reason(), 'WaitingForNodes', 'a node that is away counts for a while')
  monotonicMs += 61_000
  t.equal(reason(), 'AllNodesReady')

  const condition = { type: 'Ready', status: 'True' as const, reason: 'A', message: 'a' }
  const first = setCondition([], condition, 'then')
  t.equal(setCondition(first, condition, 'now'), first)
  t.equal(setCondition(first, { ...condition, message: 'b' }, 'now')[0]?.lastTransitionTime, 'then')
  t.equal(
    setCondition(first, { ...condition, status: 'False' }, 'now')[0]?.lastTransitionTime,
    'now'
  )

  const pace = createPace(10, 2)
  t.same([pace.take(0), pace.take(0), pace.take(0)], [0, 0, 100])
  t.equal(pace.take(1000), 0)
  t.end()
})

test('a revision is ready when every counted node has it, and some node is known', (t) => {
  const table: [ready: number, total: number, isReady: boolean][] = [
    [0, 0, false],
    [0, 1, false],
    [1, 1, true],
    [1, 2, false],
    [2, 2, true]
  ]
  for (const [ready, total, expected] of table) {
    t.equal(isReady({ ready, total, waiting: [], failed: [] }), expected, `${ready} of ${total}`)
  }
  t.end()
})

const replicas = (serving: number, waiting: string[], silent: string[], unready = 0) => ({
  ...{ serving, waiting, silent, unready },
  total: serving + waiting.length + silent.length
})
// [what, nodes that have it of all, replicas, the reason, the message]
const servedTable: [string, [number, number], Readiness['replicas'], string, string][] = [
  ['one process', [1, 1], undefined, 'AllNodesReady', 'the one node has it'],
  ['no replica is known', [3, 3], replicas(0, [], []), 'AllNodesReady', 'all 3 nodes have it'],
  ['all serve it', [3, 3], replicas(2, [], []), 'AllNodesReady', 'all 3 nodes have it'],
  [
    'one of two is not ready',
    [3, 3],
    replicas(1, [], [], 1),
    'AllNodesReady',
    'all 3 nodes have it'
  ],
  [
    'none is ready',
    [3, 3],
    replicas(0, [], [], 2),
    'WaitingForReplicas',
    'all 3 nodes have the revision; no webhook replica is ready (of 2): new pods get nothing from it'
  ],
  [
    'one has the revision of before',
    [3, 3],
    replicas(1, ['w-b'], []),
    'WaitingForReplicas',
    'all 3 nodes have the revision; 1 of 2 webhook replicas does not serve it yet: w-b'
  ],
  [
    'the only one does',
    [1, 1],
    replicas(0, ['w-a'], []),
    'WaitingForReplicas',
    'the one node has the revision; 1 of 1 webhook replica does not serve it yet: w-a'
  ],
  [
    'one reports nothing',
    [3, 3],
    replicas(1, [], ['w-b']),
    'WaitingForReplicas',
    'all 3 nodes have the revision; 1 of 2 webhook replicas does not report what it serves: w-b ' +
      '(one of an earlier version never does, until it is replaced)'
  ],
  [
    'both, of many',
    [3, 3],
    replicas(1, ['a', 'b', 'c', 'd'], ['e', 'f']),
    'WaitingForReplicas',
    'all 3 nodes have the revision; 4 of 7 webhook replicas do not serve it yet: a, b, c and 1 more; ' +
      '2 of 7 webhook replicas do not report what they serve: e, f ' +
      '(one of an earlier version never does, until it is replaced)'
  ],
  [
    'nodes come first',
    [2, 3],
    replicas(0, ['w-a'], []),
    'WaitingForNodes',
    '2 of 3 nodes have the revision; waiting for n'
  ]
]

for (const [what, [ready, total], served, reason, message] of servedTable) {
  test(`Ready is about nodes and replicas: ${what}`, (t) => {
    const waiting = ready === total ? [] : ['n']
    const readiness = { ready, total, waiting, failed: [], replicas: served }
    const status = reason === 'AllNodesReady' ? 'True' : 'False'
    matchLists(t, readyCondition(readiness, 1), { status, reason, message })
    t.end()
  })
}

const [newest, forAudit, pinned, before] = ['a', 'b', 'c', 'd'].map((word) =>
  testRevision('shop', 'web', word)
) as [RevisionState, RevisionState, RevisionState, RevisionState]
const canary = { percent: 10, from: { mode: 'enforce', revision: before } } as const
// [what, what the profile may give, the revision that a node lacks, the message; undefined: ready]
const givenTable: [string, ServedState, RevisionState, string | undefined][] = [
  ['the newest', { enforce: newest, audit: forAudit }, newest, 'the revision'],
  ['the one of audit', { enforce: newest, audit: forAudit }, forAudit, 'the revision for audit'],
  [
    'the one of audit, which the ladder chose',
    { enforce: newest, audit: forAudit, ladder: { mode: 'audit' } },
    ...([forAudit, 'the revision for audit'] as const)
  ],
  [
    'the pinned one',
    { enforce: newest, ladder: { mode: 'enforce', revision: pinned } },
    ...([pinned, 'the pinned revision'] as const)
  ],
  [
    'the one of before a canary',
    { enforce: newest, ladder: { mode: 'enforce', canary } },
    ...([before, 'the revision of before the canary'] as const)
  ],
  ['one that no pod gets', { enforce: newest, audit: forAudit }, pinned, undefined]
]

for (const [what, state, lacked, words] of givenTable) {
  test(`Ready is about each revision that pods may get: ${what}`, (t) => {
    const fleet = {
      rendering: {},
      readiness: (path: string) =>
        path === lacked.path
          ? { ready: 1, total: 2, waiting: ['n2'], failed: [] }
          : { ready: 2, total: 2, waiting: [], failed: [] }
    }
    const readiness = readinessOfProfile(state, fleet)
    const { status, message } = readyCondition(readiness, 1)
    t.equal(status, words === undefined ? 'True' : 'False')
    if (words !== undefined) t.equal(message, `1 of 2 nodes has ${words}; waiting for n2`)
    t.ok(isServed(readiness))
    t.end()
  })
}

test('a revision that must not be used as it is counts as on no node', (t) => {
  const fleet = {
    rendering: {},
    readiness: () => ({ ready: 2, total: 2, waiting: [], failed: [] }),
    nodes: new Set(['n1', 'n2'])
  }
  const ladder = { mode: 'enforce', revision: { ...pinned, ready: false } } as const
  t.equal(
    readyCondition(readinessOfProfile({ enforce: newest, ladder }, fleet), 1).message,
    '0 of 2 nodes have the pinned revision; waiting for n1, n2'
  )
  t.end()
})
