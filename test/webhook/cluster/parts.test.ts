import type { ProfileState, RevisionState } from '../../../src/rules/profile-state.js'
import { policyPath } from '../../../webhook/cluster/policy-parameters.js'
import { mock } from 'node:test'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { ContainerRef } from '../../../src/api/gen/hub.js'
import type { LadderStep } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/errors.js'
import { createLogger } from '../../../src/log.js'
import { revisionPath } from '../../../src/rules/profile-state.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { Store } from '../../../src/store/store.js'
import { clusterFleet } from '../../../webhook/cluster/cluster-fleet.js'
import {
  type ClusterNode,
  type ClusterPod,
  createClusterCache
} from '../../../webhook/cluster/cluster-view.js'
import { createEventRecorder } from '../../../webhook/cluster/events.js'
import { decodeSummary, encodeSummary, mostBytes } from '../../../webhook/cluster/hub-summary.js'
import { denialText, driftTexts, tellPods } from '../../../webhook/cluster/truth-events.js'
import type { DenialNews } from '../../../webhook/hub/denial-rows.js'
import type { ContainerView } from '../../../webhook/truth/container-views.js'
import type { DenialView } from '../../../webhook/truth/denial-views.js'
import { wouldRefuse, withAudit } from '../../../webhook/truth/audit-quiet.js'
import { withDrift } from '../../../webhook/truth/drift-watch.js'
import type { Truth } from '../../../webhook/truth/truth.js'
import { podEvents } from '../../../webhook/cluster/pod-events.js'
import { profileEvents } from '../../../webhook/cluster/profile-events.js'
import { readNode, readPod } from '../../../webhook/cluster/read-objects.js'
import { createReferences, revisionOfPath } from '../../../webhook/cluster/references.js'
import { withRuleConditions } from '../../../webhook/cluster/rule-status.js'
import { untaint } from '../../../webhook/cluster/startup-taint.js'
import { watchMetrics } from '../../../webhook/cluster/watch-metrics.js'
import { clusterTiming } from '../../../webhook/hub/hub-timing.js'
import { createIntake } from '../../../webhook/hub/intake.js'
import type { NodeState } from '../../../webhook/hub/nodes.js'
import { readObservation } from '../../../webhook/hub/observations.js'
import { targetOf } from '../../../webhook/hub/workload.js'
import { createMetInAudit } from '../../../webhook/truth/met-in-audit.js'
import { parseRoles } from '../../../webhook/roles.js'
import { withNewcomers } from '../../../webhook/snapshot-feed.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { profileOf } from '../../src/store/contract.js'
import { collectLog, observationOf } from '../hub/rig.js'

const pathOf = (at: number): string =>
  revisionPath('shop', `p${at}`, `sha256:${String(at % 10).repeat(64)}`)
const silent = createLogger('test', collectLogStream())

function collectLogStream() {
  return { write: () => undefined }
}

function nodeState(name: string, holding: Iterable<string>, connected = true): NodeState {
  return {
    ...{ name, connected, lastSeen: '2026-11-24T10:00:00.000Z', bootId: '', version: '' },
    ...{ status: undefined, holding: new Set(holding), problems: [] }
  }
}

function clusterNode(name: string, change: Partial<ClusterNode> = {}): ClusterNode {
  return { uid: name, name, labels: {}, taints: [], unschedulable: false, ...change }
}

const nodesOf = (...nodes: ClusterNode[]) => new Map(nodes.map((node) => [node.name, node]))

test('a summary says of every node and path what the hub knows', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 }),
      fc.array(fc.tuple(fc.uniqueArray(fc.integer({ min: 0, max: 30 })), fc.boolean()), {
        maxLength: 12
      }),
      (wanted, held) => {
        const nodes = held.map(([holding, connected], at) =>
          nodeState(`node-${at}`, holding.map(pathOf), connected)
        )
        const summary = decodeSummary(encodeSummary(nodes, wanted.map(pathOf)))
        if (summary === undefined) return false
        const connected = nodes.filter((node) => node.connected).map(({ name }) => name)
        if ([...summary.connected].join() !== connected.join()) return false
        for (let at = 0; at <= 31; at += 1) {
          const lacking = nodes
            .filter(({ holding }) => !wanted.includes(at) || !holding.has(pathOf(at)))
            .map(({ name }) => name)
          if ([...summary.lacking(pathOf(at))].sort().join() !== lacking.sort().join()) return false
        }
        return true
      }
    ),
    { numRuns: 500 }
  )
  t.equal(decodeSummary(Buffer.from('nonsense')), undefined)
  t.end()
})

test('a summary is bounded, and small for a fleet that is complete', (t) => {
  const paths = Array.from({ length: 4000 }, (_, at) =>
    revisionPath('shop', `p${at}`, `sha256:${at.toString(16).padStart(64, '0')}`)
  )
  const complete = Array.from({ length: 2000 }, (_, at) =>
    nodeState(`ip-10-0-${at}.ec2.internal`, paths)
  )
  const calm = encodeSummary(complete, paths)
  t.ok(calm.length < 80_000, `2,000 nodes, 4,000 revisions: ${calm.length} bytes`)
  const torn = complete.map((node, at) =>
    at % 2 === 0
      ? node
      : nodeState(
          node.name,
          paths.filter((_, index) => (index * 7 + at) % 13 !== 0)
        )
  )
  const worst = encodeSummary(torn, paths)
  t.ok(worst.length <= mostBytes, `each second node lacks others: ${worst.length} bytes`)
  const read = decodeSummary(worst)
  const said = (path: string, name: string): boolean => read?.lacking(path).has(name) === true
  const wrong = torn.filter(
    ({ name, holding }) => !holding.has(paths[5] ?? '') && !said(paths[5] ?? '', name)
  )
  t.same(wrong, [], 'what is cut off is never said to be there')
  t.end()
})

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
  t.match(fleet.readiness(x), {
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
  t.match(after?.enforce, { ready: false, lacking: ['b'] })
  t.equal(withNewcomers([state], ['a'], new Set(['a']))[0], state)
  t.equal(withNewcomers([state], ['a'], undefined)[0], state)
  t.end()
})

const rawPod = {
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
    containerStatuses: [{ name: 'app', containerID: 'containerd://abc' }]
  }
}

test('what is kept of pods and nodes', (t) => {
  t.same(readPod(rawPod), {
    ...{ uid: 'u1', namespace: 'shop', name: 'web-5d4f-x', node: 'n1', phase: 'Running' },
    labels: { 'pod-template-hash': '5d4f' },
    owner: { kind: 'Deployment', name: 'web' },
    containers: [
      { name: 'init', kind: 'init', localhostProfile: pathOf(1) },
      { name: 'app', kind: 'container', containerId: 'abc' }
    ],
    assigned: '{"app":{"reason":"ready"}}',
    createdAt: '2026-11-24T10:00:00Z'
  })
  const mirror = {
    metadata: { name: 'etcd-n1', ownerReferences: [{ kind: 'Node', name: 'n1', controller: true }] }
  }
  t.same(readPod(mirror).owner, { kind: 'Pod', name: 'etcd-n1' })
  t.same(
    readNode({
      metadata: { name: 'n' },
      spec: { taints: [{ key: 'a', effect: 'NoExecute', timeAdded: 'x' }] }
    }),
    {
      ...{ uid: '', name: 'n', labels: {}, unschedulable: false },
      taints: [{ key: 'a', value: '', effect: 'NoExecute' }]
    }
  )
  const known = { namespace: 'shop', name: 'x', owner: { kind: 'CronJob', name: 'tidy' } }
  const container = ContainerRef.fromPartial({
    name: 'app',
    podName: 'anything',
    podNamespace: 'elsewhere'
  })
  t.match(targetOf(container, known), {
    ref: { namespace: 'shop', name: 'tidy.app' },
    workload: { kind: 'CronJob', name: 'tidy', container: 'app' }
  })
  t.end()
})

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

test('events: what is said of pods and profiles', (t) => {
  const now = Date.parse('2026-11-24T10:01:00Z')
  const entry = (reason: string) => ({
    rule: 'secco-system/web',
    profile: 'shop/web.app',
    mode: 'enforce',
    revision: `sha256:${'a'.repeat(64)}`,
    reason
  })
  const pod = (...reasons: string[]): ClusterPod => ({
    ...readPod(rawPod),
    assigned: JSON.stringify(
      Object.fromEntries(reasons.map((reason, at) => [`c${at}`, entry(reason)]))
    )
  })
  const said = podEvents(
    pod('ready', 'not-ready', 'previous', 'unknown-profile', 'not-approved', 'learning'),
    now
  )
  t.same(
    said?.texts.map(({ reason, type }) => `${type} ${reason}`),
    [
      'Normal ProfileApplied',
      'Warning ProfileFallback',
      'Warning ProfileFallback',
      'Warning ProfileMissing',
      'Warning ProfileMissing'
    ]
  )
  t.match(
    said?.texts[1]?.note,
    /container c1: RuntimeDefault instead of shop\/web\.app: .* had not reached every node/
  )
  t.equal(podEvents(pod('learning'), now), undefined)
  t.equal(podEvents(pod('ready'), now + 3_600_000), undefined, 'old pods were told about before')
  t.equal(podEvents({ ...pod(), assigned: '[not json' }, now), undefined)

  const profile = profileOf('shop', 'web', ['read'])
  const learned: SeccompProfile = {
    ...profile,
    status: { observed: { x86_64: ['read', 'write'] } }
  }
  const approved: SeccompProfile = {
    ...learned,
    status: {
      ...learned.status,
      approvals: [{ by: 'jo', at: 'now', revision: '', reason: 'fine' }]
    }
  }
  const condition = {
    type: 'Ready',
    status: 'True' as const,
    reason: 'AllNodesReady',
    message: '',
    lastTransitionTime: ''
  }
  const there: SeccompProfile = {
    ...approved,
    status: {
      ...approved.status,
      revision: `sha256:${'b'.repeat(64)}`,
      nodes: { ready: 3, total: 3 },
      conditions: [condition]
    }
  }
  const notes = (before: SeccompProfile | undefined, after: SeccompProfile) =>
    profileEvents(before, after).texts.map(({ reason, note }) => `${reason}: ${note}`)
  t.same(notes(profile, learned), ['Learned: 2 new syscalls observed, 2 in all'])
  t.same(notes(learned, approved), ['Approved: approved by jo: fine'])
  t.same(notes(approved, there), ['Distributed: revision sha256:bbbbbbbbbbbb is on 3 nodes'])
  t.same(notes(there, there), [])

  const step = (action: LadderStep['action'], by: string, more: Partial<LadderStep> = {}) => ({
    ...{ action, by, at: '2026-11-24T10:00:00Z', from: 'a', to: 'b' },
    ...more
  })
  const begun = step('canary', 'jo', { from: 'audit', to: 'enforce for 25%', reason: 'try it' })
  const taken = step('return', 'policy', { from: begun.to, to: 'audit', reason: '2 calls refused' })
  const moved = (...history: LadderStep[]): SeccompProfile => ({
    ...there,
    status: { ...there.status, history }
  })
  t.same(notes(there, moved(begun)), ['CanaryStarted: audit → enforce for 25% by jo: try it'])
  t.same(notes(moved(begun), moved(begun, taken)), [
    'CanaryReturned: enforce for 25% → audit by policy: 2 calls refused'
  ])
  t.equal(profileEvents(moved(begun), moved(begun, taken)).texts[0]?.type, 'Warning')
  // The oldest steps are forgotten: their number says nothing.
  t.equal(notes(moved(begun, begun, taken), moved(begun, taken, begun)).length, 1)
  t.same(notes(moved(begun), moved(begun)), [])
  t.notMatch(notes(undefined, moved(begun, taken)).join(), /Canary/, 'old ones of a new profile')
  t.same(notes(there, moved(step('allow', 'jo'))), [], 'an approval is told as one')
  t.end()
})

test('events: the same is said once, and floods are dropped', async (t) => {
  const calls: [string, string][] = []
  let now = Date.parse('2026-11-24T10:00:00Z')
  const call: ApiCall = (method, path) => {
    calls.push([method, path])
    if (calls.length === 1)
      return Promise.reject(new SeccoError('CONFLICT', 'said by another replica'))
    return Promise.resolve({})
  }
  const { logger, lines } = collectLog()
  const recorder = createEventRecorder({ call, instance: 'hub-a', logger, now: () => now })
  const regarding = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u' }
  const text = { type: 'Normal', reason: 'ProfileApplied', action: 'Assign', note: 'x' } as const
  for (let i = 0; i < 50; i += 1) recorder.record(regarding, text)
  await recorder.flush()
  t.same(
    calls.map(([method]) => method),
    ['POST', 'PATCH'],
    'once, and that it is a series'
  )
  t.same(lines, [], 'another replica was quicker: no news')
  now += 700_000
  recorder.record(regarding, text)
  await recorder.flush()
  t.equal(calls.length, 3)
  const again = createEventRecorder({ call, instance: 'hub-b', logger, now: () => now })
  again.record(regarding, text)
  await again.flush()
  t.equal(calls[3]?.[1], calls[0]?.[1])
  for (let i = 0; i < 3000; i += 1)
    again.record({ ...regarding, uid: `${i}` }, { ...text, note: `${i}` })
  t.equal(again.dropped(), 1000)
  t.end()
})

test('rules say whether they are in force and what pods get', (t) => {
  const now = '2026-11-24T10:00:00.000Z'
  const states = new Map([
    ['secco-system/there', testProfile('secco-system', 'there')],
    [
      'secco-system/waits',
      testProfile('secco-system', 'waits', {
        enforce: testRevision('secco-system', 'waits', 'a', false)
      })
    ],
    ['secco-system/raw', { namespace: 'secco-system', name: 'raw', approved: false }]
  ])
  const reasons = (
    spec: Parameters<typeof testRule>[1],
    problems: string[] = [],
    namespace = 'secco-system'
  ) =>
    withRuleConditions(
      testRule('r', spec, namespace),
      problems,
      states,
      now
    ).status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)
  t.same(reasons({ profile: { name: 'there' } }), [
    'Accepted True Valid',
    'Ready True ProfileReady'
  ])
  t.same(reasons({ profile: { name: 'waits' } }), [
    'Accepted True Valid',
    'Ready False WaitingForNodes'
  ])
  t.same(reasons({ profile: { name: 'raw' } }), [
    'Accepted True Valid',
    'Ready False ProfileNotApproved'
  ])
  t.same(reasons({ profile: { name: 'own' } }), [
    'Accepted True Valid',
    'Ready Unknown PerNamespace'
  ])
  t.same(reasons({ profile: { name: 'own' } }, [], 'shop'), [
    'Accepted True Valid',
    'Ready False ProfileNotFound'
  ])
  t.same(reasons({ mode: 'learn' }, ['spec.x: bad']), [
    'Accepted False Invalid',
    'Ready True Learning'
  ])
  const rule = withRuleConditions(testRule('r', { mode: 'learn' }), [], states, now)
  t.equal(
    withRuleConditions(rule, [], states, 'later'),
    rule,
    'nothing changes: nothing is written'
  )
  t.end()
})

test('since when a profile is in audit: forgotten with the profile, or when it leaves', (t) => {
  const clock = { now: 0 }
  const met = createMetInAudit(() => clock.now)
  const look = (profiles: Record<string, string>) => {
    clock.now += 10
    const since = Object.entries(profiles).map(([name, digest]) => met.since(name, digest))
    met.settle()
    return since
  }
  t.same(look({ a: 'one', b: 'one' }), [10, 10])
  t.same(look({ a: 'one', b: 'two' }), [10, 20], 'another revision begins anew')
  t.same(look({ a: 'one' }), [10])
  t.equal(met.size, 1, 'of what is gone nothing is kept')
  t.same(look({ a: 'one', b: 'two' }), [10, 40])
  t.same(look({}), [])
  t.equal(met.size, 0)
  t.end()
})

test('small parts', async (t) => {
  t.same([...parseRoles('hub, ui', true)], ['hub', 'ui'])
  t.same([...parseRoles('admission', true)], ['admission'])
  for (const [text, cluster] of [
    ['admission', false],
    ['ui', true],
    ['admission,ui', true],
    ['hubs', true],
    ['', true]
  ] as const) {
    t.throws(() => parseRoles(text, cluster), { code: 'INVALID_ARGUMENT' }, `--roles ${text}`)
  }
  const other = { key: 'a', value: '', effect: 'NoSchedule' }
  const ours = { key: 'secco.dev/not-ready', value: '', effect: 'NoSchedule' }
  t.same(untaint(clusterNode('n', { taints: [other, ours] })), [
    { op: 'test', path: '/spec/taints/1/key', value: 'secco.dev/not-ready' },
    { op: 'remove', path: '/spec/taints/1' }
  ])
  t.equal(untaint(clusterNode('n', { taints: [other] })), undefined)
  const registry = new Registry()
  const { logger, lines } = collectLog()
  const onWatch = watchMetrics(registry, logger)
  for (const event of ['listed', 'watching', 'failed', 'failed', 'listed', 'expired'] as const)
    onWatch('pods', event, new Error('x'))
  const text = await registry.metrics()
  t.match(text, /secco_watch_restarts_total\{resource="pods",reason="failed"\} 2/)
  t.match(text, /secco_watch_restarts_total\{resource="pods",reason="expired"\} 1/)
  t.same(
    lines.map(({ level }) => level),
    ['warn', 'info'],
    'a failure is said once, and its end'
  )
  t.end()
})

test('fifty instances of one workload cost the API server tens of writes in a day', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-24T00:00:00Z') })
  t.teardown(() => mock.timers.reset())
  let profile: SeccompProfile | undefined
  const writes: number[] = []
  const store = {
    apply: (_kind: string, object: SeccompProfile) => {
      profile = object
      writes.push(Date.now())
      return Promise.resolve(object)
    },
    update: (_kind: string, _ref: unknown, change: (object: SeccompProfile) => SeccompProfile) => {
      if (profile === undefined) return Promise.reject(new SeccoError('NOT_FOUND', 'none'))
      const after = change(profile)
      if (after !== profile) writes.push(Date.now())
      profile = after
      return Promise.resolve(after)
    }
  } as unknown as Store
  const intake = createIntake(store, silent, { ...clusterTiming, retryMs: 1000 }, () => profile)
  const began = Date.now()
  const day = 86_400_000
  const names = Array.from({ length: 90 }, (_, at) => `call_${at}`)
  let uploads = 0
  let acked = 0
  let unwritten = 0

  /** What instance `i` has used by `age`: most of it in its first three seconds, some later, one rare call in the evening. */
  const usedBy = (i: number, age: number): string[] =>
    names
      .slice(0, Math.min(60, 10 + Math.floor(age / 60)))
      .concat(
        names.slice(60, 60 + Math.min(15, Math.floor(age / 600_000))),
        age > day * 0.7 && i === 7 ? names.slice(80, 84) : []
      )
  const upload = (i: number, age: number): void => {
    uploads += 1
    const observation = observationOf(`i${i}`, usedBy(i, age), {
      sequence: uploads,
      lastSeen: new Date().toISOString()
    })
    const finding = readObservation(observation, 'n1')
    if (typeof finding === 'string') throw new Error(finding)
    intake.offer('n1', finding, () => {
      acked += 1
      if (
        !(finding.set.x86_64 ?? []).every((name) =>
          profile?.status?.observed?.x86_64?.includes(name)
        )
      )
        unwritten += 1
    })
  }
  // Twenty at once, the others over the day; each uploads quickly at first, then each half a minute.
  const starts = Array.from({ length: 50 }, (_, i) => (i < 20 ? i * 40 : (i - 19) * 2_500_000))
  const due = starts.map((start) => start)
  for (let at = 0; at <= day; ) {
    for (let i = 0; i < 50; i += 1) {
      const next = due[i] ?? day
      if (next > at) continue
      const age = at - (starts[i] ?? 0)
      upload(i, age)
      due[i] = at + (age < 4000 ? 200 : 60_000)
    }
    const to = Math.max(at + 50, Math.min(...due))
    mock.timers.tick(to - at)
    // Writes are promises: they go on between two moments.
    for (let turn = 0; turn < 12; turn += 1) await Promise.resolve()
    at = to
  }
  await intake.close()
  t.ok(uploads > 40_000, `${uploads} uploads`)
  t.ok(writes.length <= 60, `${writes.length} writes in a day of fifty instances`)
  t.comment(`${uploads} uploads, ${writes.length} writes`)
  const first = writes.find((at) => at > began) ?? 0
  t.ok(first - began <= 250, `the first syscalls are there after ${first - began} ms`)
  const evening = writes.filter((at) => at - began > day * 0.7)
  t.ok(
    evening.length > 0 && (evening[0] ?? 0) - began - day * 0.7 < 200_000,
    'a new call in the evening is there within minutes'
  )
  t.equal(unwritten, 0, 'nothing is acked before it is durable')
  t.ok(acked > 0)
  t.equal(profile?.status?.observed?.x86_64?.length, 79)
  t.equal(profile?.status?.instances?.length, 50)
  t.end()
})

test('what an exported policy may put on pods', (t) => {
  const [newest, audit, before] = ['a', 'b', 'c'].map((digit) =>
    testRevision('shop', 'web', digit)
  ) as [RevisionState, RevisionState, RevisionState]
  const lacking = { ...newest, ready: false }
  const table: [what: string, change: Partial<ProfileState>, path: string][] = [
    ['ready', { enforce: newest, previous: before }, newest.path],
    ['not ready', { enforce: lacking, previous: before }, before.path],
    ['neither', { enforce: lacking, previous: { ...before, ready: false } }, ''],
    ['not approved', { approved: false }, ''],
    ['put back to learn', { ladder: { mode: 'learn' } }, ''],
    ['put back to audit', { audit, ladder: { mode: 'audit' } }, audit.path],
    [
      'audit that is not ready: the one before would refuse',
      { audit: { ...audit, ready: false }, previous: before, ladder: { mode: 'audit' } },
      ''
    ],
    ['pinned', { ladder: { mode: 'enforce', revision: before } }, before.path],
    [
      'a canary: a policy knows no shares',
      {
        enforce: newest,
        ladder: {
          mode: 'enforce',
          canary: { percent: 25, from: { mode: 'enforce', revision: before } }
        }
      },
      before.path
    ]
  ]
  for (const [what, change, path] of table) {
    t.equal(policyPath(testProfile('shop', 'web', change)), path, what)
  }
  t.equal(policyPath(undefined), '', 'gone')
  const both = testProfile('shop', 'web', { enforce: lacking, previous: before, audit })
  for (const [what, wish, path] of [
    ['a rule that wants the one before', { whenNotReady: 'Previous' }, before.path],
    ['a rule that wants RuntimeDefault', { whenNotReady: 'RuntimeDefault' }, ''],
    ['a rule that audits', { mode: 'audit' }, audit.path],
    ['a rule that learns', { mode: 'learn' }, '']
  ] as const) {
    t.equal(policyPath(both, wish), path, what)
  }
  const moved = testProfile('shop', 'web', { enforce: newest, audit, ladder: { mode: 'enforce' } })
  t.equal(policyPath(moved, { mode: 'audit' }), newest.path, 'a ladder decides the mode')
  t.end()
})

test('what a replica knows of its own nodes another one does not take back', (t) => {
  const now = '2026-01-01T00:00:00.000Z'
  const bare: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: {}
  }
  const statusOf = (profile: SeccompProfile) => profile.status?.conditions?.map((one) => one.status)
  const theirs = (node: string): boolean => node === 'n1'
  const ours = (): boolean => false
  const view = (node: string, ...drift: string[]) =>
    ({ node, drift: drift.map((message) => ({ kind: 'FileChanged', message })) }) as ContainerView

  const drifted = withDrift(bare, [view('n1', 'the file: changed'), view('n2')], now, ours)
  t.same(statusOf(drifted), ['True'])
  t.equal(withDrift(drifted, [view('n2')], now, theirs), drifted, 'n1 speaks to another replica')
  t.same(statusOf(withDrift(drifted, [view('n2')], now, ours)), ['False'], 'it has come to us')
  const both = withDrift(drifted, [view('n2', 'another')], now, theirs)
  t.match(both.status?.conditions, [{ status: 'True', message: /n2: another$/ }], 'ours is news')

  const call = { node: 'n1', newest: 'getsid (logged) by app in app on n1' }
  t.equal(withAudit(bare, undefined, now, ours), bare, 'nothing to say')
  const refused = withAudit(bare, call, now, ours)
  t.match(refused.status?.conditions, [{ type: 'WouldRefuse', message: /: n1: getsid/ }])
  t.ok(wouldRefuse(refused))
  t.equal(withAudit(refused, { ...call, node: 'n2' }, now, theirs), refused, 'once is enough')
  t.equal(withAudit(refused, undefined, now, theirs), refused, 'n1 is not ours')
  const quiet = withAudit(refused, undefined, now, ours)
  t.same(statusOf(quiet), ['False'], 'allowed, or muted')
  t.notOk(wouldRefuse(quiet))
  t.end()
})

test('what a pod is told of drift, of missing protection and of refused calls', (t) => {
  const since = '2026-01-01T00:00:00.000Z'
  const view = (over: Partial<ContainerView>): ContainerView =>
    ({
      ...{ key: 'n1/c@1', node: 'n1', id: 'c', name: 'app', podUid: 'u', drift: [] },
      ...{ unprotected: null, ...over }
    }) as unknown as ContainerView
  const changed = view({ drift: [{ kind: 'FileChanged', message: 'the file of web@1', since }] })
  const open = view({ unprotected: { rule: 'r', message: 'r gives RuntimeDefault', since } })
  const reasons = (...args: Parameters<typeof driftTexts>) =>
    driftTexts(...args).map(({ type, reason }) => `${type} ${reason}`)
  t.same(reasons(undefined, changed), ['Warning FileChanged'])
  t.same(reasons(changed, changed), [], 'once')
  t.same(reasons(changed, view({})), ['Normal AsDeclared'])
  t.same(reasons(undefined, open), ['Warning NotProtected'])
  t.same(reasons(open, open), [])
  t.same(reasons(undefined, view({})), [], 'nothing of what is right')

  const row = {
    ...{ key: 'k', node: 'n1', namespace: 'shop', profile: 'web', container: 'c' },
    ...{ containerName: 'app', syscall: 'getsid', comm: 'x\u001b[2J', answer: 'EPERM' },
    ...{ action: 'SCMP_ACT_ERRNO', revision: '', succeeded: 0, expected: false, added: 1 }
  } as unknown as DenialNews
  const denied = { ...row, muted: false, mode: 'enforce', hint: 'let it through' } as DenialView
  t.match(denialText(denied), { reason: 'CallRefused', type: 'Warning', note: /getsid.*EPERM/ })
  t.notMatch(denialText(denied)?.note, '\u001b', 'a process chooses its own name')
  t.match(denialText({ ...denied, answer: 'logged' }), { reason: 'CallLogged' })
  t.equal(denialText({ ...denied, muted: true }), undefined)
  t.equal(denialText({ ...denied, expected: true }), undefined)

  let look: Parameters<Truth['views']['onChange']>[0] = () => undefined
  let refuse: (news: DenialNews) => void = () => undefined
  const said: string[] = []
  const truth = {
    views: {
      list: () => [changed],
      onChange: (listener: typeof look) => {
        look = listener
        return () => undefined
      }
    },
    sources: {
      hub: {
        denialRows: {
          onNews: (listener: typeof refuse) => {
            refuse = listener
            return () => undefined
          }
        }
      }
    },
    revisions: { byDigest: () => [] },
    profile: () => undefined
  } as unknown as Truth
  const pod = { ...readPod(rawPod), uid: 'u', node: 'n1', namespace: 'shop', name: 'web-1' }
  const stop = tellPods({
    truth,
    pod: (uid) => (uid === 'u' ? pod : undefined),
    events: { record: (about, { reason }) => said.push(`${about.name} ${reason}`) }
  })
  refuse(row)
  look([view({})], [])
  look([view({ key: 'n2/c@1', node: 'n2', drift: changed.drift })], [])
  refuse({ ...row, node: 'n2' })
  stop()
  t.same(
    said,
    ['web-1 FileChanged', 'web-1 CallRefused', 'web-1 AsDeclared'],
    'a node is not believed of the pods of another'
  )
  t.end()
})
