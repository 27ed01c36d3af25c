import { test } from 'tap'
import { buildSnapshot, compileForSnapshot, type Snapshot } from '../../../src/rules/snapshot.js'
import { FalseClaims, watchClaims } from '../../../webhook/cluster/false-claims.js'
import { unpatchedContainers } from '../../../webhook/cluster/unpatched-pods.js'
import type { ClusterPod } from '../../../webhook/cluster/watch/cluster-view.js'
import { createClusterCache } from '../../../webhook/cluster/watch/cluster-view.js'
import { readPod } from '../../../webhook/cluster/watch/read-objects.js'
import { testProfile, testRule } from '../../helpers/rules.js'

const web = testRule('web', {
  podSelector: { matchLabels: { app: 'web' } },
  profile: { namespace: 'shop', name: 'web.app' }
})
const profile = testProfile('shop', 'web.app')
const compiled = compileForSnapshot([web])
const enforcing = () => buildSnapshot({ rules: [web], profiles: [profile] })
const notReady = () => {
  const enforce = profile.enforce && { ...profile.enforce, ready: false }
  return buildSnapshot({ rules: [web], profiles: [{ ...profile, ...(enforce && { enforce }) }] })
}
const learning = () =>
  buildSnapshot({
    rules: [testRule('web', { podSelector: { matchLabels: { app: 'web' } }, mode: 'learn' })],
    profiles: [profile]
  })

const withCanary = (): Snapshot => ({ ...enforcing(), canaries: true })

/** Another profile changes. */
const withOther = (at: number) => {
  const other = { ...testProfile('shop', 'other.app'), approved: at % 2 === 0 }
  return buildSnapshot({ rules: compiled, profiles: [profile, other] })
}

const start = Date.parse('2026-01-01T00:00:00Z')
const seconds = (count: number) => start + count * 1000

function podAt(
  createdAt: number,
  outcome = 'runtime-default',
  labels = { app: 'web' }
): ClusterPod {
  const entry = { rule: 'secco-system/web', profile: 'shop/web.app', mode: 'enforce', outcome }
  return readPod({
    metadata: {
      ...{ uid: `pod-${createdAt}-${outcome}`, namespace: 'shop', name: 'web-1', labels },
      ...{ creationTimestamp: new Date(createdAt).toISOString() },
      ...{ annotations: { 'secco.dev/assigned': JSON.stringify({ app: entry }) } }
    },
    spec: {
      containers: [{ name: 'app', securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }]
    },
    status: { phase: 'Pending' }
  })
}

interface Case {
  /** Snapshots, and the second at which each came into force. */
  history: [at: number, snapshot: () => Snapshot][]
  pod: ClusterPod
  /** When the hub sees the pod. */
  seenAt: number
  isFalse: boolean
}

const table: Record<string, Case> = {
  'a claim that no webhook can have made': {
    ...{ history: [[0, enforcing]], pod: podAt(seconds(100)), seenAt: 101, isFalse: true }
  },
  'the same in mode learn': {
    history: [[0, enforcing]],
    ...{ pod: podAt(seconds(100), 'learn'), seenAt: 101, isFalse: true }
  },
  'after changes long ago': {
    history: [
      [0, learning],
      [10, notReady],
      [20, enforcing]
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: true }
  },
  'a hub that began shortly before': {
    ...{ history: [[50, enforcing]], pod: podAt(seconds(100)), seenAt: 101, isFalse: false }
  },
  'a profile that was ready shortly before': {
    history: [
      [0, notReady],
      [60, enforcing]
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: false }
  },
  'a profile that was not ready for a moment': {
    history: [
      [0, enforcing],
      [90, notReady],
      [91, enforcing]
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: false }
  },
  'a profile that is not ready any more': {
    history: [
      [0, enforcing],
      [100, notReady]
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: false }
  },
  'a profile that had a canary for a moment': {
    history: [
      [0, enforcing],
      [90, withCanary],
      [91, enforcing]
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: false }
  },
  'a pod that is older than what is known of it': {
    ...{ history: [[0, enforcing]], pod: podAt(seconds(100)), seenAt: 140, isFalse: false }
  },
  'a rule that learns': {
    history: [[0, learning]],
    ...{ pod: podAt(seconds(100), 'learn'), seenAt: 101, isFalse: false }
  },
  'many changes of other profiles meanwhile': {
    history: [
      [0, enforcing],
      ...Array.from({ length: 200 }, (_, at): [number, () => Snapshot] => [
        at / 2,
        () => withOther(at)
      ])
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: true }
  },
  'many changes of rules meanwhile': {
    history: [
      [0, enforcing],
      ...Array.from({ length: 200 }, (_, at): [number, () => Snapshot] => [at / 2, enforcing])
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: true }
  },
  'many changes, and for a moment a profile that was not ready': {
    history: [
      [0, enforcing],
      ...Array.from({ length: 200 }, (_, at): [number, () => Snapshot] => [
        at / 2,
        at === 170 ? notReady : () => withOther(at)
      ])
    ],
    ...{ pod: podAt(seconds(100)), seenAt: 101, isFalse: false }
  },
  'a pod that no rule is about': {
    history: [[0, enforcing]],
    ...{ pod: podAt(seconds(100), 'learn', { app: 'x' }), seenAt: 101, isFalse: false }
  }
}

test('claims of a decision for RuntimeDefault', (t) => {
  for (const [what, { history, pod, seenAt, isFalse }] of Object.entries(table)) {
    let now = start
    const claims = new FalseClaims(() => now)
    let current = enforcing()
    for (const [at, snapshot] of history) {
      now = seconds(at)
      current = snapshot()
      claims.see(current)
    }
    now = seconds(seenAt)
    t.equal(claims.of(pod).has('app'), isFalse, what)
    if (isFalse) {
      const reported = [{ container: 'app', rule: 'secco-system/web' }]
      t.same(unpatchedContainers(current, pod, claims.of(pod)), reported, 'it is reported')
      now = seconds(seenAt + 3600)
      for (let i = 0; i < 200; i++) {
        now += 1000
        claims.see(i % 2 === 0 ? learning() : enforcing())
      }
      t.equal(claims.of(pod).has('app'), true, 'and stays so')
      claims.note({ kind: 'pod', uid: pod.uid, before: pod })
      t.equal(claims.of(pod).has('app'), false, 'until the pod is gone')
    }
  }
  t.end()
})

test('a decision that was written on a pod afterwards', (t) => {
  const bare = { ...podAt(seconds(100)), assigned: '' }
  const firsts: [string, ClusterPod][] = [
    ['without an annotation', bare],
    ['with an empty one', { ...bare, assigned: '{}' }],
    ['with one that is no JSON', { ...bare, assigned: '{' }],
    ['with a decision about another container', { ...bare, assigned: '{"x":{"outcome":"learn"}}' }],
    ['with one that its spec does not fit', podAt(seconds(100), 'assigned')]
  ]
  const learn = podAt(seconds(100), 'learn').assigned
  for (const [what, first] of firsts) {
    for (const seen of [101, 5000]) {
      const claims = new FalseClaims(() => seconds(seen))
      const current = enforcing()
      claims.see(current)
      claims.note({ kind: 'pod', uid: first.uid, after: first })
      const later = { ...first, assigned: learn }
      claims.note({ kind: 'pod', uid: first.uid, before: first, after: later })
      const reported = [{ container: 'app', rule: 'secco-system/web' }]
      t.same(unpatchedContainers(current, later, claims.of(later)), reported, what)
    }
    const begun = new FalseClaims(() => seconds(101))
    begun.note({ kind: 'pod', uid: first.uid, before: first, after: { ...first, assigned: learn } })
    t.equal(begun.of(first).has('app'), true, `${what}: from before the listener was there`)
  }
  const late = new FalseClaims(() => seconds(5000))
  late.note({ kind: 'pod', uid: bare.uid, after: { ...bare, assigned: learn } })
  t.equal(late.of(bare).has('app'), false, 'a hub that starts later believes it')
  t.end()
})

test('of two containers the one whose decision came afterwards', (t) => {
  const pod = podAt(seconds(100), 'learn')
  const [app] = pod.containers
  if (app === undefined) throw new Error('no container')
  const two = { ...pod, containers: [app, { ...app, name: 'proxy' }] }
  const claims = new FalseClaims(() => seconds(5000))
  claims.note({ kind: 'pod', uid: two.uid, after: two })
  t.same(
    ['app', 'proxy'].filter((name) => claims.of(two).has(name)),
    ['proxy']
  )
  t.end()
})

test('snapshots count since they are in force, whether or not a pod comes', (t) => {
  let now = seconds(0)
  const listeners = new Set<() => void>()
  const onChange = (listener: () => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  let current = learning()
  const view = createClusterCache()
  const snapshots = { current: () => current, onChange }
  const { claims, stop } = watchClaims(view, snapshots, () => now)
  const enforceAt = (at: number): void => {
    now = at
    current = enforcing()
    for (const listener of listeners) listener()
  }
  enforceAt(seconds(10))
  now = seconds(200)
  const pod = podAt(now)
  view.putPod(pod)
  t.equal(claims.of(pod).has('app'), true, 'the rule was in force for three minutes')
  stop()
  t.equal(listeners.size, 0)
  t.end()
})
