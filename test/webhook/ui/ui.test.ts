import fc from 'fast-check'
import Fastify from 'fastify'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { html } from '../../../webhook/ui/html.js'
import type { DenialView } from '../../../webhook/ui/denial-rows.js'
import { isLoopbackHost, type UiSources, uiPlugin } from '../../../webhook/ui/plugin.js'
import { nodeMetrics } from '../../../webhook/hub/metrics.js'
import { overviewPage } from '../../../webhook/ui/page.js'
import { type NodeView, workloadOf } from '../../../webhook/ui/view.js'

const hostile = `<script>alert(1)</script>"'&`

const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'checkout.app' },
  spec: { workload: { kind: 'Deployment', name: hostile, container: 'app' } },
  status: { observed: { x86_64: ['accept4', 'read'] } }
}

const node: NodeView = {
  name: 'node-1',
  connected: true,
  lastSeen: '2026-01-01T00:00:00.000Z',
  kernel: '6.1',
  arch: 'x86_64',
  hook: '',
  tracingUnavailable: hostile,
  runtimes: 'runc 1.1.5',
  revisions: 0,
  record: 'off',
  attached: false,
  losses: {
    ...{ tableFull: 0, unknownSyscalls: 0, recursionMisses: 0, unidentified: 0 },
    ...{ details: 0, missed: 0 }
  },
  conditions: [
    { type: 'ProfilesWritable', status: 'False', reason: 'WRITE_FAILED', message: hostile }
  ]
}

const denial: DenialView = {
  ...{ namespace: 'shop', profile: 'checkout.app', node: 'node-1', container: 'c1', abi: 'x86_64' },
  ...{
    syscall: 'mount',
    action: 'SCMP_ACT_ERRNO',
    count: 3,
    errno: 0,
    signal: '',
    pid: 7,
    comm: 'sh'
  },
  ...{ at: '', lastSeen: '2026-01-01T00:00:00.000Z', succeeded: 0, expected: false }
}

const sources: UiSources = {
  profiles: () => [profile],
  rules: () => [],
  nodes: () => [node],
  states: () => [],
  denials: () => [
    { ...denial, expected: false, comm: hostile, errno: 1 },
    { ...denial, expected: true, syscall: 'clone3', errno: 38 }
  ],
  problems: () => [{ where: 'shop/broken.yaml', message: 'spec: is missing' }]
}

test('markup: everything put into it is escaped', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { markup } = html`<p>${text}</p>`
      return !/[<>"']/.test(markup.slice('<p>'.length, -'</p>'.length))
    })
  )
  t.equal(
    html`<ul>${['a', '<b>'].map((each) => html`<li>${each}</li>`)}</ul>`.markup,
    '<ul><li>a</li><li>&lt;b&gt;</li></ul>'
  )
  t.end()
})

test('where a workload stands follows from its profile', (t) => {
  const approved = {
    ...profile,
    spec: { ...profile.spec, seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } }
  }
  const cases: [SeccompProfile, string | undefined][] = [
    [profile, 'learning'],
    [approved, 'approved'],
    [{ ...approved, status: { nodes: { ready: 1, total: 2 } } }, 'approved'],
    [{ ...approved, status: { nodes: { ready: 0, total: 0 } } }, 'approved'],
    [{ ...approved, status: { nodes: { ready: 2, total: 2 } } }, 'ready'],
    [{ ...profile, spec: {} }, undefined]
  ]
  for (const [given, state] of cases) t.equal(workloadOf(given)?.state, state)
  t.end()
})

test('a node says whether it records and what it lost', async (t) => {
  const idle: NodeView = { ...node, hook: 'tp_btf', record: 'unprofiled', tracingUnavailable: '' }
  const busy: NodeView = {
    ...idle,
    name: 'node-2',
    attached: true,
    losses: { ...node.losses, tableFull: 2, missed: 1 }
  }
  const page = overviewPage([], [idle, busy], [])
  t.match(page, /◌ detached, unprofiled/)
  t.match(page, /● tp_btf, unprofiled/)
  t.match(page, /2 table full, 1 missed/)

  const registry = new Registry()
  nodeMetrics(registry, () => [idle, busy])
  for (const round of [1, 2]) {
    const text = await registry.metrics()
    const said = `read ${round} times`
    t.match(text, /secco_node_losses_total\{node="node-2",kind="table_full"\} 2\n/, said)
    t.match(text, /secco_node_losses_total\{node="node-1",kind="missed"\} 0\n/, said)
    t.match(text, /secco_node_attached\{node="node-1"\} 0\n/, said)
    t.match(text, /secco_node_attached\{node="node-2"\} 1\n/, said)
  }
})

test('host names: only this machine by its loopback names', (t) => {
  for (const host of ['localhost', 'localhost:9445', '127.0.0.1:1', '[::1]:9445'])
    t.ok(isLoopbackHost(host), host)
  for (const host of [
    undefined,
    '',
    'example.org',
    'localhost.example.org',
    '127.0.0.1.example.org',
    '10.0.0.1:9445'
  ]) {
    t.notOk(isLoopbackHost(host), host ?? 'none')
  }
  t.end()
})

test('the page and the API', async (t) => {
  const app = Fastify()
  await app.register(uiPlugin(sources))
  t.teardown(() => app.close())
  const get = (url: string, host = 'localhost') => app.inject({ url, headers: { host } })

  const page = await get('/')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-security-policy'], /default-src 'none'/)
  t.notMatch(page.body, /<script/)
  t.match(page.body, /&lt;script&gt;/)
  t.match(page.body, /ProfilesWritable/)
  t.match(page.body, /<td>none<\/td>/)
  t.match(page.body, /mount[^]*EPERM[^]*&lt;script&gt;[^]*on purpose[^]*clone3[^]*ENOSYS/)
  t.match((await get('/api/v1/workloads')).json(), { items: [{ denied: 3, expected: 3 }] })

  t.match((await get('/ui.css')).headers['content-type'], /text\/css/)
  t.equal((await get('/', 'example.org')).statusCode, 403)
  t.equal((await get('/absent')).statusCode, 404)
  const lists: [string, number][] = [
    ['profiles', 1],
    ['rules', 0],
    ['workloads', 1],
    ['nodes', 1],
    ['states', 0],
    ['denials', 2],
    ['problems', 1]
  ]
  for (const [list, length] of lists) {
    const { items } = (await get(`/api/v1/${list}`)).json<{ items: unknown[] }>()
    t.equal(items.length, length, list)
  }
})

test('an empty installation says what to do next', async (t) => {
  const app = Fastify()
  await app.register(uiPlugin({ ...sources, profiles: () => [], nodes: () => [] }))
  t.teardown(() => app.close())
  const page = await app.inject({ url: '/', headers: { host: 'localhost' } })
  t.match(page.body, /Nothing learned yet/)
  t.match(page.body, /secco satellite/)
})
