import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { Inventory, NodeStatus, RunningContainer } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/lib/log.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { startConfinement } from '../../../webhook/confinement/start.js'
import { HubParts } from '../../../webhook/hub/hub-parts.js'
import { openRecords } from '../../../webhook/hub/hub-records.js'
import { defaultTiming } from '../../../webhook/hub/hub-timing.js'
import type { Session } from '../../../webhook/hub/stream/session.js'
import { type Counted, countSteps, holdTimers } from '../../helpers/counted-steps.js'
import { quiet } from '../../helpers/quiet.js'
import { memoryStore } from './history/memory-store.js'
import { nodeStatus } from './rig.js'

/*
 * What a node costs the hub must not grow with the number of nodes. The parts of a hub get the messages of a fleet in this
 * process, so that the figure is theirs: no TLS, no disk of a store, no other process. Steps are counted, not time, so that
 * one run of each fleet is enough.
 */

const [few, many] = [100, 400]
/** Each pass over the fleet looks at all of its nodes: some steps of thousands. */
const largestRatio = 1.1
/** The history compares an event with those that it keeps of the workload: more and more, up to a limit. */
const largestJsonRatio = 1.3
/** What built-in functions do is in no count. Four times as many nodes to search through would take far longer than this. */
const largestTimeRatio = 2
const containers = 20
const since = '2026-11-01T00:00:00.000Z'
const logger = createLogger('test', quiet)
const none = () => undefined

const approved: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    workload: { kind: 'Container', name: 'web' },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['getsid', 'read', 'write'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}

const runningOf = (node: string, nth: number, run = 0) =>
  RunningContainer.fromPartial({
    ...{ key: `${node}/boot/${nth}.${run}`, pid: 1000 + nth, startedAt: since, running: true },
    ...{ declared: 'runtime-default', mode: 2, filters: 1, checked: 'mode', same: true },
    digest: `sha256:${'0'.repeat(64)}`,
    container: { id: `${node}-c${nth}-${run}`, name: `c${nth}`, image: 'web:1' }
  })

type Body = Parameters<HubParts['events']['message']>[1]

/** What one satellite says from its first message on. */
function* messagesOf(node: string, revisions: HubParts['revisions']): Iterable<Body> {
  const all = Array.from({ length: containers }, (_, nth) => runningOf(node, nth))
  const first = Inventory.fromPartial({ generation: 1, first: true, last: true, containers: all })
  yield { $case: 'inventory', value: first }
  for (const { namespace, profile, digest } of revisions.desired().values()) {
    const ready = { ready: true, code: '', message: '' }
    yield { $case: 'revisionStatus', value: { namespace, profile, digest, ...ready } }
  }
  for (let nth = 0; nth < 5; nth += 1) {
    const gone = [`${node}/boot/${nth}.0`]
    const next = { generation: nth + 2, last: true, containers: [runningOf(node, nth, 1)], gone }
    yield { $case: 'inventory', value: Inventory.fromPartial(next) }
    const { container } = runningOf(node, nth + 10)
    const denied = [{ name: 'mount', count: 1, action: 'SCMP_ACT_ERRNO', detail: undefined }]
    const instance = `${node}/boot/${nth + 10}.0`
    yield {
      $case: 'denials',
      value: { containers: [{ instance, container, revision: '', denied }] }
    }
  }
}

const sessionOf = (node: string): Session => ({
  node,
  outbox: { send: none, feed: none, stalledMs: () => 0, pending: () => 0, close: none },
  ...{ ack: none, hold: none, release: none, end: none }
})

async function openHub(t: Test) {
  const dir = t.testdir({})
  const store = await openDirectoryStore(join(dir, 'store'))
  await store.apply('SeccompProfile', approved)
  const history = { store: memoryStore().store, timing: defaultTiming, mayWrite: () => true }
  const records = await openRecords(dir, logger, { ...history, lastSign: none })
  const timing = { ...defaultTiming, countMs: 600_000, debounceMs: 600_000 }
  const tls = { ca: '', cert: '', key: '' }
  const listen = { host: '127.0.0.1', port: 0 }
  const parts = new HubParts({ store, listen, tls, revisionsDir: dir, logger, timing }, records)
  const stop = await store.watch((event) => parts.storeEvent(event))
  await parts.settle()
  const snapshot = buildSnapshot({ profiles: [...parts.revisions.states().values()] })
  const confinement = startConfinement({
    hub: {
      ...{ inventory: records.inventory, sets: records.sets, denialRows: records.denialRows },
      ...{ history: records.history, nodes: () => records.nodes.list() },
      node: (name) => records.nodes.get(name),
      profiles: () => parts.revisions.states(),
      readiness: (path) => parts.fleetState().readiness(path),
      rendering: () => parts.fleetState().rendering,
      denials: () => records.denials.list(),
      onChange: parts.listeners.add,
      bytes: (digest) => parts.held.read(digest)
    },
    ...{ store, profiles: () => [], onProfiles: none, snapshot: () => snapshot, logger },
    ...{ onSnapshot: () => none, pod: none, onPod: () => none, bypassed: () => [] },
    ...{ onBypassed: () => none, isElsewhere: () => false, inCluster: true, now: Date.now }
  })
  const close = async (): Promise<void> => {
    stop()
    await confinement.close()
    await parts.writer.close()
    await records.denialSaver.close()
    await records.history.close()
    await records.nodeSaver.close()
    await parts.promotions.close()
    await parts.revisions.close()
    parts.disconnected.close()
    parts.traces.close()
    await store.close()
  }
  return { parts, confinement, close }
}

/** The messages of one node. */
function joinFleet(parts: HubParts, node: string): void {
  const session = sessionOf(node)
  const hello = { node, bootId: 'boot', version: '0.1.0', holding: [], takesAcksTogether: true }
  const status = NodeStatus.fromPartial(nodeStatus)
  parts.events.opened(session, {
    ...{ ...hello, takesTraces: true, sendsRevisions: true, startedAt: since, status }
  })
  for (const body of messagesOf(node, parts.revisions)) parts.events.message(session, body)
}

interface Cost extends Counted {
  /** Of the processor. */
  ms: number
}

/** Counts what each node of such a fleet costs. @param extra done for each node, too */
async function costOf(t: Test, nodes: number, extra: (parts: HubParts) => void): Promise<Cost> {
  const release = holdTimers()
  const { parts, confinement, close } = await openHub(t)
  // What is rendered depends on the runtimes of the fleet: the first node makes them known.
  joinFleet(parts, 'first')
  await parts.revisions.settle()
  const before = process.cpuUsage()
  const { steps, json } = await countSteps(async () => {
    for (let nth = 0; nth < nodes; nth += 1) {
      joinFleet(parts, `n${nth}`)
      extra(parts)
      // As often for each node: in a larger fleet there are more passes.
      if (nth % 20 === 19) await parts.revisions.settle()
      if (nth % 5 === 4) await turn()
    }
  })
  const { user, system } = process.cpuUsage(before)
  t.equal(confinement.views.list().length, (nodes + 1) * containers)
  t.equal(parts.records.denialRows.list().length, (nodes + 1) * 5)
  const [path = ''] = parts.revisions.desired().keys()
  t.equal(parts.fleetState().readiness(path).ready, nodes)
  release()
  await close()
  return { steps: steps / nodes, json: json / nodes, ms: (user + system) / 1000 / nodes }
}

/** Returns how much more a node costs in the larger fleet. */
async function ratioOf(t: Test, extra: (parts: HubParts) => void): Promise<Cost> {
  const [less, more] = [await costOf(t, few, extra), await costOf(t, many, extra)]
  const words = ({ steps, json, ms }: Cost) =>
    `${Math.round(steps)} steps, ${Math.round(json)} of JSON, ${ms.toFixed(2)} ms`
  t.comment(`a node of ${few}: ${words(less)}; of ${many}: ${words(more)}`)
  return { steps: more.steps / less.steps, json: more.json / less.json, ms: more.ms / less.ms }
}

test('a node of 400 costs the hub no more than a node of 100', async (t) => {
  const { steps, json, ms } = await ratioOf(t, none)
  t.ok(steps <= largestRatio, `× ${steps.toFixed(3)} steps, at most × ${largestRatio}`)
  t.ok(json <= largestJsonRatio, `× ${json.toFixed(3)} of JSON, at most × ${largestJsonRatio}`)
  t.ok(ms <= largestTimeRatio, `× ${ms.toFixed(2)} of time, at most × ${largestTimeRatio}`)
})

test('work that goes through the whole fleet for each node is found', async (t) => {
  const { steps, json } = await ratioOf(t, ({ records }) => {
    const all = [...records.inventory.all()]
    for (const { key } of all) if (key === '') throw new Error('a container without a key')
    JSON.stringify(all)
  })
  t.ok(steps > largestRatio, `× ${steps.toFixed(3)} steps`)
  t.ok(json > largestJsonRatio, `× ${json.toFixed(3)} of JSON`)
})
