import { type Test, test } from 'tap'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import type { Store } from '../../../src/store/store.js'
import { podSources } from '../../../webhook/cluster/bypassed-containers.js'
import type { EventRecorder } from '../../../webhook/cluster/events/events.js'
import { unpatchedContainers, unpatchedReason } from '../../../webhook/cluster/unpatched-pods.js'
import {
  createClusterCache,
  type ClusterPod,
  type ClusterView
} from '../../../webhook/cluster/watch/cluster-view.js'
import { readPod } from '../../../webhook/cluster/watch/read-objects.js'
import { startWriter } from '../../../webhook/cluster/writer.js'
import { testProfile, testRule } from '../../helpers/rules.js'
import { claimsIn } from '../../helpers/claims-in.js'
import { until } from '../../helpers/until.js'
import { collectLog } from '../hub/rig.js'

const web = testRule('web', {
  podSelector: { matchLabels: { app: 'web' } },
  containers: ['app'],
  profile: { namespace: 'shop', name: 'web.app' }
})
const snapshot = buildSnapshot({
  rules: [web, testRule('db', { podSelector: { matchLabels: { app: 'db' } }, mode: 'learn' })],
  profiles: [testProfile('shop', 'web.app')],
  namespaces: new Map([
    ['shop', {}],
    ['watched', { 'secco.dev/mode': 'observe' }],
    ['open', { 'secco.dev/allow-ignore': 'true' }]
  ])
})

interface PodParts {
  namespace?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  container?: object
  spec?: object
  phase?: string
  name?: string
}

function podOf(parts: PodParts): ClusterPod {
  const { namespace = 'shop', labels = { app: 'web' }, name = 'web-1', phase = 'Pending' } = parts
  const creationTimestamp = new Date().toISOString()
  return readPod({
    metadata: {
      ...{ uid: name, namespace, name, labels, creationTimestamp },
      ...(parts.annotations && { annotations: parts.annotations })
    },
    spec: { containers: [{ name: 'app', image: 'i', ...parts.container }], ...parts.spec },
    status: { phase }
  })
}

const localhost = { seccompProfile: { type: 'Localhost', localhostProfile: 'mine.json' } }
const revision = `sha256:${'ab'.repeat(32)}`
const entry = (change: object) => ({
  'secco.dev/assigned': JSON.stringify({
    app: {
      ...{ rule: 'secco-system/web', profile: 'shop/web.app', mode: 'enforce', revision },
      ...{ outcome: 'assigned', reason: 'ready', ...change }
    }
  })
})
const assigned = entry({})
const of = (seccompProfile: object) => ({ securityContext: { seccompProfile } })
const file = (localhostProfile: string) => of({ type: 'Localhost', localhostProfile })
const patched = file(`secco/shop/web.app/${'ab'.repeat(32)}.json`)
const waiting = entry({ outcome: 'runtime-default', reason: 'not-ready', revision: undefined })

const table: [what: string, pod: PodParts, isReported: boolean][] = [
  ['no decision', {}, true],
  [
    'Unconfined',
    { container: { securityContext: { seccompProfile: { type: 'Unconfined' } } } },
    true
  ],
  [
    'RuntimeDefault',
    { container: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } } },
    true
  ],
  [
    'a file of the author under a rule that is in force',
    { container: { securityContext: localhost } },
    true
  ],
  [
    'an init container',
    { spec: { containers: [{ name: 'x' }], initContainers: [{ name: 'app' }] } },
    true
  ],
  ['a decision', { annotations: assigned, container: patched }, false],
  [
    'RuntimeDefault, decided',
    { annotations: waiting, container: of({ type: 'RuntimeDefault' }) },
    false
  ],
  [
    'RuntimeDefault of the pod, decided',
    { annotations: waiting, spec: of({ type: 'RuntimeDefault' }) },
    false
  ],
  ['a forged decision without a filter', { annotations: assigned }, true],
  ['… on Unconfined', { annotations: assigned, container: of({ type: 'Unconfined' }) }, true],
  [
    '… on RuntimeDefault',
    { annotations: assigned, container: of({ type: 'RuntimeDefault' }) },
    true
  ],
  [
    '… on a file of the author',
    { annotations: assigned, container: { securityContext: localhost } },
    true
  ],
  [
    '… on another revision',
    { annotations: assigned, container: file(`secco/shop/web.app/${'cd'.repeat(32)}.json`) },
    true
  ],
  [
    '… on another profile',
    { annotations: assigned, container: file(`secco/shop/all/${'ab'.repeat(32)}.json`) },
    true
  ],
  ['a forged reason for RuntimeDefault, without it', { annotations: waiting }, true],
  ['an empty entry', { annotations: { 'secco.dev/assigned': '{"app":{}}' } }, true],
  [
    'an outcome that writes nothing',
    { annotations: entry({ outcome: 'kept' }), container: patched },
    true
  ],
  ['another container', { container: { name: 'sidecar' } }, false],
  ['another label', { labels: { app: 'x' } }, false],
  ['a rule that learns', { labels: { app: 'db' } }, false],
  ['an observed namespace', { namespace: 'watched' }, false],
  ['kube-system', { namespace: 'kube-system' }, false],
  ['opted out', { namespace: 'open', labels: { app: 'web', 'secco.dev/ignore': 'true' } }, false],
  ['privileged', { container: { securityContext: { privileged: true } } }, false],
  ['Windows', { spec: { os: { name: 'windows' } } }, false],
  ['a mirror pod', { annotations: { 'kubernetes.io/config.mirror': 'x' } }, false],
  ['a pod that ended', { phase: 'Succeeded' }, false]
]

test('stored pods that an enforcing rule selects and that carry no decision', (t) => {
  for (const [what, parts, isReported] of table) {
    const wanted = isReported ? [{ container: 'app', rule: 'secco-system/web' }] : []
    t.same(unpatchedContainers(snapshot, podOf(parts)), wanted, what)
  }
  t.end()
})

test('a pod that is older than the rule is no sign of a webhook that was not reached', (t) => {
  const pod = podOf({})
  const made = Date.parse(pod.createdAt)
  const older = /: the pod is older than the rule; recreate the pod$/
  const missed = /: the webhook was not reached or was overruled, or the rule has changed since; /
  const rows: [what: string, createdAt: number | undefined, reason: RegExp][] = [
    ['an older pod', made + 1000, older],
    ['of the same time', made, missed],
    ['a newer pod', made - 1000, missed],
    ['a rule of unknown age', undefined, missed]
  ]
  for (const [what, at, reason] of rows) {
    const creationTimestamp =
      at === undefined ? {} : { creationTimestamp: new Date(at).toISOString() }
    const rule = { ...web, metadata: { ...web.metadata, ...creationTimestamp } }
    const now = buildSnapshot({ rules: [rule], profiles: [testProfile('shop', 'web.app')] })
    t.match(unpatchedContainers(now, pod).map(unpatchedReason), [reason], what)
  }
  t.end()
})

const done = { annotations: assigned, container: patched }
const debugged = (seccompProfile?: object, labels = { app: 'web' }): PodParts => ({
  ...done,
  labels,
  spec: {
    ephemeralContainers: [{ name: 'debug', ...(seccompProfile && of(seccompProfile)) }]
  }
})
const debugs: [what: string, pod: PodParts, isReported: boolean][] = [
  ['a debug container without a filter', debugged(), true],
  ['… Unconfined', debugged({ type: 'Unconfined' }), true],
  [
    '… with a file of its own under a rule that is in force',
    debugged({ type: 'Localhost', localhostProfile: 'mine.json' }),
    true
  ],
  ['… with RuntimeDefault', debugged({ type: 'RuntimeDefault' }), false],
  [
    '… with RuntimeDefault of the pod',
    {
      ...done,
      spec: { ...of({ type: 'RuntimeDefault' }), ephemeralContainers: [{ name: 'debug' }] }
    },
    false
  ],
  [
    '… privileged',
    {
      ...done,
      spec: { ephemeralContainers: [{ name: 'debug', securityContext: { privileged: true } }] }
    },
    false
  ],
  ['… in a pod that no rule selects', debugged(undefined, { app: 'x' }), false],
  ['… in a pod of a rule that learns', debugged(undefined, { app: 'db' }), false]
]

test('debug containers that were stored without RuntimeDefault', (t) => {
  for (const [what, parts, isReported] of debugs) {
    const wanted = isReported ? [{ container: 'debug', rule: 'secco-system/web' }] : []
    t.same(unpatchedContainers(snapshot, podOf(parts)), wanted, what)
  }
  t.end()
})

test('a debug container whose own image a rule selects; others of the same pod are not reported', (t) => {
  const byImage = buildSnapshot({
    rules: [
      testRule('tools', { images: ['shop/tools'], profile: { namespace: 'shop', name: 'web.app' } })
    ],
    profiles: [testProfile('shop', 'web.app')]
  })
  const debug = (name: string, image: string) => ({ name, image, ...of({ type: 'Unconfined' }) })
  const ephemeralContainers = [debug('first', 'busybox'), debug('debug', 'shop/tools')]
  const pod = podOf({ labels: {}, spec: { ephemeralContainers } })
  const wanted = [{ container: 'debug', rule: 'secco-system/tools' }]
  t.same(unpatchedContainers(byImage, pod), wanted)
  const alone = podOf({
    labels: {},
    spec: { ephemeralContainers: ephemeralContainers.slice(0, 1) }
  })
  t.same(unpatchedContainers(byImage, alone), [])
  t.end()
})

/** A writer in memory, the events that it recorded, and the condition Bypassed of its rule. */
async function openWriter(t: Test, view: ClusterView, mayWrite: () => boolean) {
  const events: string[] = []
  let rule: SeccompRule = web
  const writer = await startWriter({
    ...{ view, rules: () => [rule], logger: collectLog().logger, everyMs: 10 },
    claims: claimsIn(view, snapshot),
    store: {
      watch: () => Promise.resolve(() => undefined),
      update: (_kind: string, _ref: object, change: (rule: SeccompRule) => SeccompRule) => {
        rule = change(rule)
        return Promise.resolve(rule)
      }
    } as unknown as Store,
    events: {
      record: ({ name }: { name: string }, { reason, note }: { reason: string; note: string }) => {
        if (reason === 'NotPatched') events.push(`${name} ${reason} ${note}`)
      },
      flush: () => Promise.resolve()
    } as unknown as EventRecorder,
    snapshot: () => snapshot,
    mayWrite
  })
  t.teardown(() => writer.close())
  const bypassed = () => rule.status?.conditions?.find(({ type }) => type === 'Bypassed')
  return { writer, events, bypassed }
}

test('they are reported by an event on the pod and by a condition of the rule', async (t) => {
  const view = createClusterCache()
  const { writer, events, bypassed } = await openWriter(t, view, () => true)
  writer.begin()
  view.putPod(podOf({}))
  view.putPod(podOf({ name: 'web-2', annotations: assigned, container: patched }))
  t.matchOnly(events, [/^web-1 NotPatched container app: secco-system\/web enforces a profile/])
  t.equal(events.length, 1)
  await until('the condition', () => (bypassed()?.status === 'True' ? true : undefined))
  t.match(bypassed(), { reason: 'PodsNotPatched', message: /shop\/web-1; recreate/ })
  view.putPod({ ...podOf({}), node: 'n1' })
  t.equal(events.length, 1, 'once')
  view.putPod({ ...podOf({}), phase: 'Succeeded' })
  await until('the condition to end', () => (bypassed()?.status === 'False' ? true : undefined))
  t.equal(bypassed()?.reason, 'AllPatched', 'a pod that ended runs without a filter no longer')
  view.putPod(podOf({ name: 'web-3' }))
  await until('another bypass', () => (bypassed()?.status === 'True' ? true : undefined))
  view.removePod('web-3')
  await until('its end', () => (bypassed()?.status === 'False' ? true : undefined))
})

test('a decision that is written on a pod afterwards does not end the condition', async (t) => {
  const view = createClusterCache()
  const lease = { mine: true }
  const { writer, bypassed } = await openWriter(t, view, () => lease.mine)
  writer.begin()
  const container = { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }
  const learn = { 'secco.dev/assigned': JSON.stringify({ app: { outcome: 'learn' } }) }
  const put = (name: string, annotations = {}) =>
    view.putPod(podOf({ name, container, annotations }))
  const named = () => bypassed()?.message ?? ''
  put('web-1')
  await until('the condition', () => (named().includes('shop/web-1') ? true : undefined))
  put('web-1', learn)
  put('web-2')
  await until('the next one', () => (named().includes('shop/web-2') ? true : undefined))
  t.match(named(), 'shop/web-1', 'it is still named')
  lease.mine = false
  put('web-3')
  put('web-3', learn)
  lease.mine = true
  writer.begin()
  await until('a takeover', () => (named().includes('shop/web-3') ? true : undefined))
})

test('a pod that waits to start on a node that is gone is listed until it is deleted', (t) => {
  const view = createClusterCache()
  const sources = podSources(view, () => snapshot, claimsIn(view, snapshot))
  let calls = 0
  sources.onBypassed(() => (calls += 1))
  const spec = { nodeName: 'n1' }
  view.putPod(podOf({ spec }))
  t.strictSame(
    sources.bypassed().map(({ pod, node }) => [pod, node]),
    [['web-1', 'n1']]
  )
  // Nobody confirms the end of its containers, so the API server keeps it.
  view.putPod({ ...podOf({ spec }), isDeleted: true })
  t.strictSame(sources.bypassed(), [])
  t.equal(calls, 2)
  t.end()
})
