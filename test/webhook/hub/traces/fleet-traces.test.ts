import { setTimeout as delay } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { createLogger } from '../../../../src/lib/log.js'
import { FleetTraces, mostOfNode } from '../../../../webhook/hub/traces/fleet-traces.js'
import type { TraceTarget } from '../../../../webhook/hub/traces/trace.js'
import { quiet } from '../../../helpers/quiet.js'
import { until } from '../../../helpers/until.js'
import { connectNode } from './scripted-node.js'
import { matchLists } from '../../../helpers/match-lists.js'

const target: TraceTarget = {
  ...{ key: 'n1/c1@1', node: 'n1', id: 'c1', namespace: 'shop', workload: 'Deployment/web' },
  ...{ pod: 'web-1', name: 'app', image: 'web:1', state: 'unconfined', profile: 'shop/web.app' }
}

function rig(t: Test, options: { traceRenewMs?: number; traceViewerMs?: number } = {}) {
  const state = { now: 1000 }
  const timing = { traceRenewMs: 20, traceViewerMs: 60_000, ...options }
  const traces = new FleetTraces({
    ...{ timing, logger: createLogger('test', quiet), now: () => state.now }
  })
  t.teardown(() => traces.close())
  const connect = (node = 'n1', takesTraces = true) => connectNode(traces, { node, takesTraces })
  return { traces, state, connect }
}

type Rig = ReturnType<typeof rig>

async function begin({ traces }: Rig, node: ReturnType<Rig['connect']>, counts = {}) {
  const before = node.started().length
  const answer = traces.start(target, 'dora')
  const { id } = await until('the start', () => node.started().at(before))
  node.report(id, counts)
  return { trace: await answer, wire: id }
}

const sinceOf = (trace: Awaited<ReturnType<FleetTraces['start']>>) =>
  Object.fromEntries(trace.calls().map(({ name, since, total }) => [name, [since, total]]))

test('counts from the start beside those since the container began, with a rate', async (t) => {
  const hub = rig(t)
  const node = hub.connect()
  const { trace, wire } = await begin(hub, node, { read: 100, close: 3 })
  t.same(sinceOf(trace), { read: [0, 100], close: [0, 3] })
  hub.state.now += 500
  node.report(wire, { read: 150, openat: 2 })
  t.same(sinceOf(trace), { read: [50, 150], close: [0, 3], openat: [2, 2] })
  t.strictSame(
    trace.calls().map(({ name, rate, before }) => [name, rate, before]),
    [
      ['read', 100, true],
      ['close', 0, true],
      ['openat', 4, false]
    ]
  )
  t.same(trace.rates, [104])
  hub.state.now += 500
  node.report(wire, {})
  t.same(trace.rates, [104, 0])
  t.same(
    trace.calls().map(({ name, rate }) => [name, rate]),
    [
      ['read', 50],
      ['close', 0],
      ['openat', 2]
    ],
    'a message without calls does not make the rate 0'
  )
  t.equal(trace.rate, 52)
  for (let message = 0; message < 9; message += 1) {
    hub.state.now += 500
    node.report(wire, {})
  }
  t.equal(trace.rate, 0, 'five seconds without calls do')

  const stopping = hub.traces.stop(trace.id)
  t.same(node.stopped(), [wire])
  const renewals = node.started().length
  await delay(60)
  t.equal(node.started().length, renewals, 'its lease is not renewed any more')
  node.report(wire, { read: 151 }, { ended: true })
  await stopping
  t.match(trace, { ended: true, problem: '' })
  t.same(sinceOf(trace)['read'], [51, 151], 'the last counts are in it')
})

test('a lost stream: started again with the same id, and the counts go on', async (t) => {
  const hub = rig(t)
  const node = hub.connect()
  const { trace, wire } = await begin(hub, node, { read: 100, getsid: 8 })
  node.report(wire, { read: 110 })
  hub.traces.left(node.session)
  t.match(trace, { connected: false, ended: false })
  const again = hub.connect()
  matchLists(t, again.started(), [{ id: wire, container: 'c1' }])
  t.equal(trace.connected, true)
  again.report(wire, { read: 130, getsid: 8 })
  t.same(sinceOf(trace), { read: [30, 130], getsid: [0, 8] })
  // A satellite that was restarted has lost the counts of probes that had ended.
  again.report(wire, { getsid: 5 })
  again.report(wire, { getsid: 6 })
  t.same(sinceOf(trace)['getsid'], [1, 6])
  hub.traces.left(node.session)
  t.equal(trace.connected, true, 'the end of the older stream comes late')
})

test('the lease is renewed while somebody watches, and the trace ends when nobody does', async (t) => {
  const hub = rig(t, { traceViewerMs: 10_000 })
  const node = hub.connect()
  const { trace, wire } = await begin(hub, node)
  await until('renewals', () => (node.started().length >= 3 ? true : undefined))
  t.ok(node.started().every(({ id, leaseMs }) => id === wire && leaseMs === 60))

  const leave = hub.traces.watch(trace.id, () => undefined)
  hub.state.now += 3_600_000
  const before = node.started().length
  await until('renewals', () => (node.started().length >= before + 2 ? true : undefined))
  t.notOk(trace.ended, 'watched for an hour')
  leave()
  hub.state.now += 9000
  t.ok(hub.traces.find(trace.id), 'and asked for')
  hub.state.now += 11_000
  await until('the end', () => (trace.ended ? true : undefined))
  t.match(trace.problem, /nobody watched/)
  t.same(node.stopped(), [wire])
})

test('what cannot be started, and why', async (t) => {
  const hub = rig(t)
  await t.rejects(hub.traces.start(target, 'dora'), {
    ...{ code: 'UNAVAILABLE', message: 'node n1: its satellite is not connected' }
  })
  hub.connect('n1', false)
  await t.rejects(hub.traces.start(target, 'dora'), {
    ...{ code: 'UNAVAILABLE', message: /n1.*version 1\.2\.3.*no traces/, hint: /secco install/ }
  })
  const node = hub.connect()
  const answer = hub.traces.start(target, 'dora')
  const id = node.started()[0]?.id ?? ''
  node.report(id, {}, { ended: true, code: 'CONTAINER_NOT_FOUND', message: 'it is gone' })
  await t.rejects(answer, { code: 'CONTAINER_NOT_FOUND', message: 'it is gone' })
  t.same(hub.traces.list(), [], 'it is not remembered')
  for (let nth = 0; nth < mostOfNode; nth += 1) await begin(hub, node)
  await t.rejects(hub.traces.start(target, 'dora'), { message: /20 traces run on n1/ })
})

test('a satellite reports only about its own node, and is stopped where nobody knows the trace', async (t) => {
  const hub = rig(t)
  const node = hub.connect()
  const other = hub.connect('n2')
  const { trace, wire } = await begin(hub, node, { read: 1 })
  other.report(wire, { read: 500, mount: 9 })
  t.same(sinceOf(trace), { read: [0, 1] })
  t.same(other.stopped(), [wire])
  node.report('of an earlier hub', { read: 1 })
  t.same(node.stopped(), ['of an earlier hub'])
  const flood = Object.fromEntries(Array.from({ length: 10_000 }, (_, nth) => [`x${nth}`, 1]))
  node.report(wire, { ...flood, ['y'.repeat(500)]: 1 })
  t.ok(trace.calls().length <= 4096, 'names are bounded')
  t.notOk(trace.calls().some(({ name }) => name.startsWith('y')))
})
