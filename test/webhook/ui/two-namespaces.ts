import { readPod } from '../../../webhook/cluster/watch/read-objects.js'
import type { Test } from 'tap'
import { Inventory } from '../../../src/api/gen/hub.js'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { emptyHistory, type HistoryEvent } from '../../../src/history/workload-history.js'
import { createLogger } from '../../../src/lib/log.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { decideCalls } from '../../../src/seccomp/review/decide-calls.js'
import type { Rights } from '../../../webhook/access/rights.js'
import type { ConfinementSources } from '../../../webhook/confinement/containers/sources.js'
import { denialViews } from '../../../webhook/confinement/denials/denial-views.js'
import { linesOfProfile } from '../../../webhook/confinement/history/history-routes.js'
import { startConfinement } from '../../../webhook/confinement/start.js'
import { DenialRows } from '../../../webhook/hub/denials/denial-rows.js'
import type { Denial } from '../../../webhook/hub/denials/denial.js'
import { HistoryRecorder } from '../../../webhook/hub/history/history-recorder.js'
import { installationKey } from '../../../webhook/hub/history/installation.js'
import { HistoryWriter } from '../../../webhook/hub/history/history-writer.js'
import { createInventory } from '../../../webhook/hub/nodes/inventory.js'
import { FleetSets } from '../../../webhook/hub/nodes/used-sets.js'
import { FleetTraces } from '../../../webhook/hub/traces/fleet-traces.js'
import { allRoutes } from '../../../webhook/ui/api/truth-routes.js'
import { quiet } from '../../helpers/quiet.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { memoryStore } from '../hub/history/memory-store.js'
import { answeringNode } from '../hub/traces/scripted-node.js'
import { node, startUiRig } from './rig.js'

/* Two namespaces with equal content. Everything of namespace ops is called parrot, or says so. */

const at = '2026-01-01T00:00:00.000Z'
const { digest } = testRevision('shop', 'app', 'a')
const logger = createLogger('test', quiet)
const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }

/** An approved profile that runs: those of both namespaces have the same content, so that their digests are equal. */
function profileOf(namespace: string, name: string, word: string): SeccompProfile {
  const approved = decideCalls(
    {
      ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace, name } },
      spec: { workload: { kind: 'Deployment', name, container: word } },
      status: {
        observed: { x86_64: ['mount', 'read', 'write'] },
        instances: [
          {
            ...{ id: `n1/boot/${word}`, node: 'n1', complete: true, ended: false, lastSeen: at },
            ...{ image: word, kernel: '6.1' }
          }
        ]
      }
    },
    { by: word, at, reason: `by ${word}`, allow: ['read'], deny: [] }
  )
  const message = `${word} is on no node`
  const condition = { type: 'Ready', status: 'False' as const, reason: 'NotOnAllNodes' }
  return {
    ...approved,
    spec: {
      ...approved.spec,
      ladder: {
        mode: 'audit',
        canary: { percent: 50, startedAt: at, quietFor: '10m', from: { mode: 'learn' } }
      }
    },
    status: {
      ...approved.status,
      ...{ revision: digest, previousRevision: digest },
      conditions: [{ ...condition, message, lastTransitionTime: at }]
    }
  }
}

const objects = [
  profileOf('shop', 'app', 'app'),
  profileOf('ops', 'parrot', 'parrot'),
  testRule('app', { podSelector: {}, profile: { name: 'app' } }, 'shop'),
  testRule('parrot', { podSelector: {}, profile: { name: 'parrot' } }, 'ops'),
  // A rule that cannot be used: its message is on the page of checks.
  testRule(
    'parrot-wrong',
    { podSelector: { matchExpressions: [{ key: 'app', operator: 'In' }] } },
    'ops'
  )
]

const containerOf = (namespace: string, word: string) => ({
  ...{ key: `${word}@1`, declared: 'revision', declaredMode: 'enforce', digest, running: true },
  ...{ mode: 2, checked: 'bytes', same: true, disk: 'ok', diskPath: '', startedAt: at },
  container: {
    ...{ id: `${word}-id`, name: word, image: word, podNamespace: namespace },
    ...{ podName: `${word}-1`, podUid: word, labels: {} }
  }
})

const denialOf = (namespace: string, word: string): Denial => ({
  ...{ namespace, profile: word, node: 'n1', instance: `n1/${word}`, container: `${word}-id` },
  ...{ workload: `Deployment/${word}`, containerName: word, pod: `${word}-1`, revision: digest },
  ...{ syscall: 'mount', abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', pid: 7 },
  ...{ comm: word, lastSeen: at, at, arguments: '', expected: false, succeeded: 0, count: 1 }
})

async function historyOf(): Promise<HistoryRecorder> {
  const { store } = memoryStore()
  const writer = new HistoryWriter(store, timing, logger)
  const event = (text: string): HistoryEvent => ({
    ...{ id: `a ${text}`, at, what: 'approval', text, by: text }
  })
  for (const [namespace, word] of [
    ['shop', 'app'],
    ['ops', 'parrot']
  ] as const) {
    await writer.add({
      ...emptyHistory({ namespace, kind: 'Deployment', name: word, container: word }, at),
      ...{ profiles: [`${namespace}/${word}`], events: [event(word)] }
    })
  }
  await writer.add({ ...emptyHistory(installationKey, at), events: [event('parrot')] })
  await writer.close()
  const recorder = new HistoryRecorder({ store, timing, logger, now: () => Date.parse(at) })
  await recorder.load()
  return recorder
}

/**
 * Persons with all rights in namespace shop; `nora` also sees the nodes of the cluster. `petra` has every right in the
 * cluster but to list containers, and `all` has every right.
 */
const rights: Rights = {
  kind: 'cluster',
  ofToken: (user) =>
    Promise.resolve({
      user,
      can: (_verb, resource, namespace = '') =>
        Promise.resolve(
          user === 'all' ||
            (user === 'petra' && resource !== 'containers') ||
            namespace === 'shop' ||
            (user === 'nora' && resource === 'nodes')
        )
    })
}

/** Starts the pages and endpoints of both namespaces. */
export async function startTwoNamespaces(t: Test) {
  const [inventory, denialRows, history] = [createInventory(), new DenialRows(), await historyOf()]
  const states = new Map(
    [
      testProfile('shop', 'app'),
      testProfile('ops', 'parrot', { enforce: testRevision('ops', 'parrot', 'a', false) })
    ].map((state) => [`${state.namespace}/${state.name}`, state])
  )
  const rules = objects.filter((one) => one.kind === 'SeccompRule')
  const profiles = objects.filter((one) => one.kind === 'SeccompProfile')
  const snapshot = buildSnapshot({ rules, profiles: [...states.values()] })
  const none = () => () => undefined
  const word = (uid: string) => ({ namespace: uid === 'app' ? 'shop' : 'ops', name: `${uid}-1` })
  const sources = {
    hub: {
      ...{ inventory, denialRows, history, sets: new FleetSets(), onChange: none },
      denials: () => [],
      ...{ profiles: () => states, nodes: () => [], node: () => undefined, rendering: () => ({}) },
      readiness: () => ({ ready: 0, total: 1, waiting: [], failed: [] }),
      bytes: () => Promise.resolve(Buffer.from('{"defaultAction":"SCMP_ACT_ERRNO"}'))
    },
    ...{ profiles: () => profiles, snapshot: () => snapshot, logger, now: () => Date.parse(at) },
    ...{ onProfiles: none, onSnapshot: none, onPod: none, onBypassed: none },
    pod: (uid: string) => ({
      ...{ ...word(uid), labels: {}, assigned: '', containers: [{ name: uid, kind: 'container' }] },
      owner: { kind: 'Deployment', name: uid }
    }),
    bypassed: () => [
      {
        ...{ namespace: 'ops', pod: 'parrot-2', podUid: 'parrot-2', node: '', name: 'parrot' },
        ...{ image: 'parrot', workload: { kind: 'Deployment', name: 'parrot' }, labels: {} },
        ...{ createdAt: at, rule: 'ops/parrot', message: 'parrot was bypassed' }
      }
    ],
    isElsewhere: () => false,
    store: {
      ...{ update: () => Promise.resolve({}), list: () => Promise.resolve([]) },
      get: (_kind: string, { namespace, name }: { namespace: string; name: string }) =>
        Promise.resolve(
          profiles.find(
            ({ metadata }) => metadata.namespace === namespace && metadata.name === name
          )
        )
    }
  } as unknown as ConfinementSources
  const confinement = startConfinement(sources)
  const containers = [
    ...[containerOf('shop', 'app'), containerOf('ops', 'parrot')],
    // A rule for the whole cluster may give a profile to pods of other namespaces.
    { ...containerOf('ops', 'parrot-guest'), assigned: `shop/app@${digest}` }
  ]
  inventory.take(
    'n1',
    Inventory.fromPartial({ generation: 1, first: true, last: true, containers }),
    at
  )
  for (const [namespace, name] of [
    ['shop', 'app'],
    ['ops', 'parrot']
  ] as const)
    denialRows.grow(denialOf(namespace, name), 1, at)
  const traces = new FleetTraces({ timing: { traceRenewMs: 5000, traceViewerMs: 60_000 }, logger })
  answeringNode(traces, 'n1', () => ({ read: 1 }))
  const ui = await startUiRig({
    ...{ objects, rights, profiler: traces, foreign: allRoutes(confinement), clock: at },
    ...{
      nodes: () => [
        {
          ...node,
          name: 'n1',
          conditions: [{ type: 'RevisionReady', status: 'False', reason: 'x', message: 'parrot' }]
        }
      ]
    },
    inventory: () => confinement.listed.list(),
    ...{ states: () => [...states.values()], snapshot: () => snapshot },
    denials: () => denialViews(confinement),
    problems: () => [{ where: 'ops/parrot.yaml', message: 'parrot' }],
    podNamed: () => readPod({ metadata: { name: 'parrot' }, spec: { nodeName: 'parrot-node' } }),
    history: (namespace, name, isWhole) => linesOfProfile(history, `${namespace}/${name}`, isWhole)
  })
  ui.ui.audit.note({
    at,
    user: 'parrot',
    action: 'applyRule',
    object: 'ops/parrot',
    detail: '',
    status: 200
  })
  const [trace] = await Promise.all(
    ['ops/parrot-1', 'shop/app-1'].map(async (path) => {
      const found = confinement.listed
        .list()
        .find(({ namespace, pod }) => `${namespace}/${pod}` === path)
      if (found === undefined) throw new Error(path)
      return traces.start(found, found.name, 0)
    })
  )
  t.teardown(async () => {
    traces.close()
    await ui.app.close()
    await confinement.close()
    await history.close()
  })
  return { ...ui, trace, foreign: allRoutes(confinement) }
}
