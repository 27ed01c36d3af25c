import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { startUnseenText } from '../../../../src/seccomp/review/evidence.js'
import type { Identity, Rights } from '../../../../webhook/access/rights.js'
import { Hub } from '../../../../cli/hubs/hub.js'
import {
  type HubTraceView,
  hubTraceTable,
  traceThroughHub
} from '../../../../cli/programs/trace-by-hub.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { SyscallCount, type TraceCounts } from '../../../../src/api/gen/hub.js'
import { createLogger } from '../../../../src/lib/log.js'
import { FleetTraces } from '../../../../webhook/hub/traces/fleet-traces.js'
import { quiet } from '../../../helpers/quiet.js'
import { until } from '../../../helpers/until.js'
import { answeringNode } from '../../hub/traces/scripted-node.js'
import { runningItem } from '../running-item.js'
import { type RigOptions, startUiRig } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

const inventory = () => [
  runningItem('shop', 'web-1', 'app'),
  runningItem('shop', 'web-2', 'app'),
  runningItem('shop', 'web-2', 'proxy'),
  runningItem('ops', 'db-0', 'app')
]

/** The real API of a hub with one node, whose satellite is scripted. */
async function rig(t: Test, options: RigOptions = {}, more: Partial<TraceCounts> = {}) {
  const timing = { traceRenewMs: 50, traceViewerMs: 60_000 }
  const traces = new FleetTraces({ timing, logger: createLogger('test', quiet) })
  const counts: Record<string, number> = { read: 100, close: 5 }
  const node = answeringNode(
    traces,
    'node-1',
    () => counts,
    () => more
  )
  const served = await startUiRig({ inventory, profiler: traces, ...options })
  t.teardown(async () => {
    traces.close()
    await served.app.close()
  })
  const start = (container: string) => served.send('POST', '/api/v1/traces', { container })
  return { ...served, traces, counts, node, start }
}

interface View {
  id: string
  path: string
  ended: boolean
  since: { calls: number }
  total: { calls: number }
  syscalls: { name: string; since: number; total: number }[]
}

interface TracedView extends Omit<View, 'syscalls'> {
  syscalls: { name: string; denied: number; kept: boolean }[]
  denied: { syscall: string }[]
}

test('start, watch and stop a trace of a pod on a node', async (t) => {
  const { start, get, send, counts, node } = await rig(t)
  const answer = await start('shop/web-1')
  t.equal(answer.statusCode, 200, answer.body)
  t.match(answer.json(), {
    ...{ path: 'shop/web-1/app', node: 'node-1', namespace: 'shop', pod: 'web-1', by: 'admin' },
    ...{ ended: false, connected: true, since: { calls: 0 }, total: { calls: 105 } },
    profile: 'shop/web.app'
  })
  const { id } = answer.json<View>()
  Object.assign(counts, { read: 130, getsid: 4 })
  node.reportAll()
  const watched = (await get(`/api/v1/traces/${id}`)).json<View>()
  t.match(watched, { since: { calls: 34 }, total: { calls: 139 } })
  matchLists(t, watched.syscalls, [
    { name: 'read', since: 30, total: 130 },
    { name: 'getsid', since: 4, total: 4 },
    { name: 'close', since: 0, total: 5 }
  ])
  const page = (await get(`/profiler/${id}`)).body
  t.match(page, /shop\/web-1[^]*Since the start[^]*Since the container began/)
  t.match(page, new RegExp(`data-follow="/api/v1/traces/${id}/stream`))
  t.match((await get('/profiler')).body, /shop\/web-2 · Deployment\/web · node node-1 · web:1/)
  t.match((await get('/profiler?q=db-0')).body, /ops\/db-0/)
  t.notMatch((await get('/profiler?q=db-0')).body, /name="container" value="shop/)
  matchLists(t, (await get('/api/v1/traces')).json(), { items: [{ id, since: { calls: 34 } }] })

  counts['read'] = 131
  t.match((await send('POST', `/api/v1/traces/${id}/stop`, {})).json(), {
    ...{ ended: true, problem: '', since: { calls: 35 } }
  })
  t.same([...node.ids], [], 'it has ended on the node')
  const kept = await send('POST', `/api/v1/traces/${id}/profile`, { namespace: 'shop', name: 'w' })
  t.equal(kept.statusCode, 200, kept.body)
})

const denial = (name: string, count: number, action = 'SCMP_ACT_ERRNO', expected = false) =>
  SyscallCount.fromPartial({ name, count, action, detail: { expected } })

test('a kept trace has what the container could call, as the page says before: no denied call', async (t) => {
  const approved: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web.app' },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read', 'close'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  const denied = [
    denial('keyctl', 3),
    denial('mount', 2, 'SCMP_ACT_KILL_PROCESS'),
    denial('clone3', 4, 'SCMP_ACT_ERRNO', true),
    denial('getsid', 5, 'SCMP_ACT_LOG'),
    // A session's: its calls are not counted, its denials are.
    denial('unshare', 1)
  ]
  const { start, get, send, counts, ui } = await rig(t, { objects: [approved] }, { denied })
  Object.assign(counts, { keyctl: 3, mount: 2, clone3: 4, getsid: 5 })
  const { id } = (await start('shop/web-1')).json<View>()
  const view = (await send('POST', `/api/v1/traces/${id}/stop`, {})).json<TracedView>()
  matchLists(
    t,
    view.denied.map(({ syscall }) => syscall).sort(),
    ['getsid', 'keyctl', 'mount', 'unshare'],
    'what is denied on purpose raises no alarm'
  )
  t.same(
    Object.fromEntries(view.syscalls.map(({ name, denied, kept }) => [name, [denied, kept]])),
    {
      ...{ read: [0, true], close: [0, true], getsid: [0, true] },
      ...{ keyctl: [3, false], mount: [2, false], clone3: [4, false] }
    }
  )
  t.match(view.total, { calls: 119, denied: 9 }, '9 of the counted calls were denied')
  const page = (await get(`/profiler/${id}`)).body
  for (const [what, pattern] of [
    ['keyctl', /keyctl<\/span>[^]{0,200}tag bad[^]{0,200}denied 3 times/],
    ['clone3 is denied on purpose', /clone3<\/span>[^]{0,200}denied 4 times on purpose/],
    ['getsid was only logged', /getsid<\/span>[^]{0,200}logged, and denied in enforce mode/],
    ['the counts', /119 since the container began, 9 of them denied/],
    ['what is left out', /not kept[^]*clone3, keyctl, mount, unshare/],
    ['the difference', /1 added, 0 removed, 0 changed/]
  ] as const) {
    t.match(page, pattern, what)
  }
  const kept = await send('POST', `/api/v1/traces/${id}/profile`, {
    ...{ namespace: 'shop', name: 'web.app' }
  })
  t.equal(kept.statusCode, 200, kept.body)
  const ref = { namespace: 'shop', name: 'web.app' }
  const observed = (await ui.store.get('SeccompProfile', ref))?.status?.observed
  t.same(observed, { x86_64: ['close', 'getsid', 'read'] })
})

test('calls are counted since the container began only where it was seen from there', async (t) => {
  for (const [complete, words] of [
    [true, 'since the container began'],
    [false, 'since it was first seen while it ran']
  ] as const) {
    const { start, get, send, ui } = await rig(t, {}, { complete })
    const { id } = (await start('shop/web-1')).json<View>()
    const page = (await get(`/profiler/${id}`)).body
    for (const what of ['105', '2']) t.match(page, `${what} ${words}`)
    t.match(page, `>S${words.slice(1)}<`, 'the column')
    t.equal(page.includes('container began'), complete)
    const view = (await get(`/api/v1/traces/${id}`)).json<HubTraceView>()
    t.match(hubTraceTable(view), `2 syscalls, 105 calls ${words}; 0 lost`)
    for (const name of ['web.app', 'kept', 'kept'])
      await send('POST', `/api/v1/traces/${id}/profile`, { namespace: 'shop', name })
    const kept = await ui.store.get('SeccompProfile', { namespace: 'shop', name: 'kept' })
    t.match(kept?.status?.instances, [{ complete, ended: true, image: 'web:1' }])
    t.equal(kept?.status?.instances?.length, 1, 'kept twice')
    const unseen = complete ? /^$/ : /^No start was recorded/
    t.match(startUnseenText(kept as SeccompProfile), unseen, 'enforcing it is asked about')
    const own = await ui.store.get('SeccompProfile', { namespace: 'shop', name: 'web.app' })
    t.equal(own?.status?.instances, undefined, 'its node brings the instance of its own profile')
  }
})

test('which container a name means', async (t) => {
  const place = readPod({ metadata: { name: 'far-0' }, spec: { nodeName: 'node-2' } })
  const { start } = await rig(t, {
    podNamed: (namespace, pod) => (namespace === 'shop' && pod === 'far-0' ? place : undefined)
  })
  const cases: [string, number, object][] = [
    ['shop/web-2/proxy', 200, { path: 'shop/web-2/proxy' }],
    ['node-1/shop-web-1-app', 200, { path: 'shop/web-1/app' }],
    ['db-0', 200, { path: 'ops/db-0/app' }],
    ['shop/web-2', 409, { code: 'CONTAINER_AMBIGUOUS', message: /shop\/web-2\/app, shop\/web-2/ }],
    ['shop/web-2/absent', 404, { code: 'CONTAINER_NOT_FOUND' }],
    ['shop/absent', 404, { code: 'CONTAINER_NOT_FOUND', hint: /secco ps/ }],
    ['shop/far-0', 503, { code: 'UNAVAILABLE', message: /on node node-2, which reports no such/ }]
  ]
  for (const [container, status, expected] of cases) {
    const answer = await start(container)
    t.equal(answer.statusCode, status, `${container}: ${answer.body}`)
    t.match(answer.json(), expected, container)
  }
})

test('rights are those in the namespace of the pod', async (t) => {
  const allowed: Record<string, readonly string[]> = {
    dora: ['list seccompprofiles shop', 'get containers shop', 'trace containers shop'],
    vera: ['list seccompprofiles shop', 'list seccompprofiles ops', 'get containers shop']
  }
  const identityOf = (user: string): Identity => ({
    user,
    can: (verb, resource, namespace = '') =>
      Promise.resolve(allowed[user]?.includes(`${verb} ${resource} ${namespace}`) === true)
  })
  const rights: Rights = {
    kind: 'cluster',
    ofToken: (token) => Promise.resolve(token in allowed ? identityOf(token) : undefined)
  }
  const { app, node } = await rig(t, { rights, objects: [] })
  const ask = (user: string, method: 'GET' | 'POST', url: string, payload: object = {}) =>
    app.inject({
      ...{ method, url, headers: { host: 'localhost', authorization: `Bearer ${user}` } },
      ...(method === 'GET' ? {} : { payload })
    })
  const start = (user: string, container: string) =>
    ask(user, 'POST', '/api/v1/traces', { container })
  t.match((await start('dora', 'ops/db-0')).json(), { code: 'CONTAINER_NOT_FOUND' }, 'not seen')
  t.match((await start('vera', 'ops/db-0')).json(), {
    ...{ code: 'FORBIDDEN', message: 'vera may not trace containers in namespace ops' }
  })
  t.match((await start('vera', 'shop/web-1')).json(), { code: 'FORBIDDEN' })
  t.same([...node.ids], [], 'nothing has started')
  const { id } = (await start('dora', 'shop/web-1')).json<View>()
  t.equal((await ask('vera', 'GET', `/api/v1/traces/${id}`)).statusCode, 200, 'who looks')
  t.equal((await ask('vera', 'POST', `/api/v1/traces/${id}/stop`)).statusCode, 403)
  allowed['vera'] = ['list seccompprofiles shop']
  t.equal((await ask('vera', 'GET', `/api/v1/traces/${id}`)).statusCode, 403)
  t.equal((await ask('vera', 'GET', `/api/v1/traces/${id}/stream`)).statusCode, 403)
  t.same((await ask('vera', 'GET', '/api/v1/traces')).json(), { items: [] })
  const page = (await ask('vera', 'GET', '/profiler')).body
  t.match(page, /You may view containers but not record them/)
  const keep = (name: string) =>
    ask('dora', 'POST', `/api/v1/traces/${id}/profile`, { namespace: 'shop', name })
  allowed['dora'] = [...(allowed['dora'] ?? []), 'create seccompprofiles shop']
  t.equal((await keep('new')).statusCode, 200)
  t.match((await keep('new')).json(), {
    message: 'dora may not update seccompprofiles in namespace shop'
  })
  t.equal((await ask('dora', 'POST', `/api/v1/traces/${id}/stop`)).statusCode, 200)
})

test('secco trace NAMESPACE/POD asks the hub, follows, and stops with the signal', async (t) => {
  const { app, token, node, counts } = await rig(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const hub = new Hub([{ ui: `http://127.0.0.1:${port}`, token }])
  const said = { stdout: '', stderr: '' }
  const writer = (name: keyof typeof said) =>
    ({ write: (text: string) => (said[name] += text) !== '' }) as unknown as NodeJS.WritableStream
  const io = { stdout: writer('stdout'), stderr: writer('stderr'), isTerminal: false }
  const stop = new AbortController()
  const run = traceThroughHub(hub, { container: 'shop/web-1', output: 'json' }, io, stop.signal)
  await until('the start', () => (said.stderr.includes('tracing shop/web-1/app') ? 1 : undefined))
  t.equal(node.ids.size, 1, 'it runs before that is said')
  Object.assign(counts, { read: 101, getsid: 7 })
  node.reportAll()
  stop.abort()
  t.equal(await run, 0, said.stderr)
  t.match(JSON.parse(said.stdout), {
    ...{ container: 'shop/web-1/app', node: 'node-1', complete: true, lost: 0 },
    abis: { x86_64: { read: 1, getsid: 7 } },
    total: { x86_64: { read: 101, close: 5, getsid: 7 } }
  })
  t.equal(node.ids.size, 0, 'stopped')
  await t.rejects(
    traceThroughHub(hub, { container: 'shop/absent', output: 'json' }, io, stop.signal),
    { code: 'CONTAINER_NOT_FOUND' }
  )
})

test('a trace goes on while its stream is followed', async (t) => {
  const { app, token, start, traces, node, counts } = await rig(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { id } = (await start('shop/web-1')).json<View>()
  const leave = new AbortController()
  const { port } = app.server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/traces/${id}/stream`, {
    ...{ headers: { authorization: `Bearer ${token}` }, signal: leave.signal }
  })
  const events: string[] = []
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) events.push(decoder.decode(chunk))
  })().catch(() => undefined)
  counts['getsid'] = 9
  node.reportAll()
  await until('the count', () => (/"getsid","total":9/.test(events.join('')) ? 1 : undefined))
  await traces.stop(id)
  await reading
  t.match(events.join(''), /event: end\ndata: .*"ended":true/)
  leave.abort()
})
