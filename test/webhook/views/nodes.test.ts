import { Registry } from 'prom-client'
import { t, test } from 'tap'
import type { Io } from '../../../cli/lib/io.js'
import { getNodes } from '../../../cli/profiles/get.js'
import { nodeView } from '../../../webhook/hub/nodes/node-view.js'
import { nodeMetrics } from '../../../webhook/hub/metrics.js'
import { lostText, type NodeView } from '../../../webhook/views/view.js'
import { nodeState } from '../cluster/cluster-objects.js'
import { missingNode, node, startUiRig } from '../ui/rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('a node says whether it records and what it lost', async (t) => {
  const idle: NodeView = {
    ...node,
    hook: 'tp_btf',
    record: 'unprofiled',
    tracingUnavailable: '',
    conditions: []
  }
  const busy: NodeView = {
    ...idle,
    name: 'node-2',
    attached: true,
    losses: { ...node.losses, tableFull: 2, missed: 1 }
  }
  const unproven: NodeView = {
    ...idle,
    name: 'node-3',
    conditions: [
      { type: 'RecorderExact', status: 'Unknown', reason: 'SelfTestNotRun', message: 'no <room>' }
    ]
  }
  const failing: NodeView = {
    ...idle,
    name: 'node-4',
    conditions: [
      { type: 'ProfilesWritable', status: 'False', reason: 'WRITE_FAILED', message: 'full' }
    ]
  }
  const { get } = await startUiRig({ nodes: () => [idle, busy, unproven, failing] })
  const { body } = await get('/nodes')
  t.match(body, /node-4[^]*problem[^]*WRITE_FAILED: full/)
  t.notMatch(body, />drift</, 'drift is about a container, not about a node')
  t.match(body, /node-3[^]*ready[^]*no &lt;room>[^]*no problem/)
  t.match(body, /node-2[^]*recording[^]*node-1[^]*ready/)
  t.match(body, /2 table full, 1 missed/)
  t.equal(lostText(busy), '2 table full, 1 missed')
  const gap = { from: '2026-11-28T12:01:03Z', to: '2026-11-28T12:01:40Z' }
  const missing = 'calls between 12:01:03 and 12:01:40 UTC were not recorded'
  t.equal(lostText({ ...busy, gaps: [gap] }), `2 table full, 1 missed; ${missing}`)
  t.equal(lostText({ ...idle, gaps: [gap, gap] }), `${missing}, and in 1 earlier gap`)

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

test('what an away node reported is about the time before', async (t) => {
  const away: NodeView = {
    ...node,
    ...{ hook: 'tp_btf', record: 'always', attached: true, connected: false, conditions: [] }
  }
  const { app, get } = await startUiRig({ nodes: () => [away, { ...away, name: 'n2' }] })
  t.teardown(() => app.close())
  const { body } = await get('/nodes')
  t.match(body, /was recording, seen \d+ s ago/)
  t.match(body, /not known/)
  t.notMatch(body, />recording<|>no problem</)
  const registry = new Registry()
  nodeMetrics(registry, () => [away, { ...away, name: 'n2', connected: true }])
  const text = await registry.metrics()
  t.notMatch(text, /secco_node_attached\{node="node-1"/, 'nobody knows')
  t.match(text, /secco_node_attached\{node="n2"\} 1\n/)
  type Items = { items: { what: string; verdict: string; found: string }[] }
  const { items } = (await get('/api/v1/doctor')).json<Items>()
  const aboutNodes = items.filter(({ what }) => /record|count|Filters|hub accepts|lost/.test(what))
  t.equal(aboutNodes.length, 5)
  for (const { what, verdict, found } of aboutNodes) {
    t.match({ verdict, found }, { verdict: 'unknown', found: /^not known of.*node-1, n2/ }, what)
  }
})

test('a node that holds profiles up is named wherever people look, with the next step', async (t) => {
  const state = { ...nodeState('bad', []), holdsUp: ['bank/api', 'shop/web'] }
  const nodes = [nodeView(state), nodeView(nodeState('good', []))]
  const { app, get } = await startUiRig({ nodes: () => nodes })
  t.teardown(() => app.close())
  const words = /do not get bank\/api, shop\/web/
  const step = /kubectl taint node NODE secco\.dev\/not-ready=held:NoSchedule/
  const { body } = await get('/nodes')
  t.match(body, words, 'the page Nodes')
  t.match(body, step, 'the page Nodes')
  type Items = { items: { what: string; verdict: string; found: string; next: string }[] }
  const { items } = (await get('/api/v1/doctor')).json<Items>()
  const check = items.find(({ what }) => what === 'No node holds profiles up')
  t.match(check, { verdict: 'bad', found: words, next: step }, 'secco doctor, and the page Doctor')
  const listed = (await get('/api/v1/nodes')).json<{ items: NodeView[] }>().items
  t.same(
    listed.map(({ name, holdsUp }) => [name, holdsUp.join()]),
    [
      ['bad', 'bank/api,shop/web'],
      ['good', '']
    ],
    'the API'
  )
  const [out, notes]: [string[], string[]] = [[], []]
  const io = {
    ...{ env: {}, stdout: (text: string) => out.push(text) },
    stderr: (text: string) => notes.push(text)
  } as unknown as Io
  getNodes(io, listed, { output: 'table', now: Date.now() } as Parameters<typeof getNodes>[2])
  t.match(out.join(''), /bad .*bank\/api, shop\/web/, 'secco get nodes')
  t.match(notes.join(''), words, 'secco get nodes')
  t.match(notes.join(''), step, 'secco get nodes')
  const registry = new Registry()
  nodeMetrics(registry, () => nodes)
  const text = await registry.metrics()
  t.match(text, /secco_node_holds_up_profiles\{node="bad"\} 2\n/, 'the metric')
  t.match(text, /secco_node_holds_up_profiles\{node="good"\} 0\n/, 'the metric')
})

test('doctor: what a node complains of stands under what it is about', async (t) => {
  const conditions = (type: string) => [
    { type, status: 'False', reason: 'Because', message: `wrong: ${type}` }
  ]
  let type = ''
  const { app, get } = await startUiRig({
    nodes: () => [{ ...node, conditions: type === '' ? [] : conditions(type) }]
  })
  t.teardown(() => app.close())
  type Items = { items: { what: string; found: string }[] }
  const under = async () =>
    (await get('/api/v1/doctor'))
      .json<Items>()
      .items.flatMap(({ what, found }) => (found.includes('wrong: ') ? [what] : []))
  for (const [of, what] of [
    ['RevisionsHeld', 'No node holds profiles up'],
    ['ProfilesWritable', 'Nodes have the profile files'],
    ['RevisionReady', 'Nodes have the profile files'],
    ['RecorderExact', 'Recorders count exactly'],
    ['ObservationsAccepted', 'The hub accepts what nodes observe'],
    ['FiltersMatch', 'Filters deny what their profiles do not allow'],
    ['OfTomorrow', 'Nodes have no other complaint']
  ] as const) {
    type = of
    t.strictSame(await under(), [what], type)
  }
  type = ''
  t.strictSame(await under(), [])
})

test('nodes that have not reported what runs there: pages about what runs are not the whole yet', async (t) => {
  let missing = [missingNode('n2'), missingNode('n3'), missingNode('n4', '2026-01-01T00:00:00Z')]
  const { app, get } = await startUiRig({ missing: () => missing, inventory: () => [] })
  t.teardown(() => app.close())
  const unlisted = 'n2 \\(not reported yet\\), n3 \\(not reported yet\\)'
  const banner = new RegExp(
    `id="awaited".*2 nodes have not reported what runs there.*Not known: <bdi>${unlisted}<.*` +
      'id="away".*1 node does not report now.*<bdi>n4 \\(no report since 2026-01-01T00:00:00Z\\)<',
    's'
  )
  for (const url of ['/', '/workloads', '/denials', '/nodes']) {
    t.match((await get(url)).body, banner, url)
  }
  for (const url of ['/rules', '/profiles', '/audit']) {
    t.notMatch((await get(url)).body, /id="awaited"/, `${url}: objects are the same everywhere`)
  }
  const fleet = (await get('/')).body
  t.match(fleet, /Enforced<\/dt>\s*<dd>not known</, 'no share of nothing')
  t.match(fleet, /no container runs, on the nodes that report/)
  missing = []
  const whole = (await get('/')).body
  t.notMatch(whole, /id="(awaited|away)"/)
  t.notMatch(whole, /on the nodes that report/)
})
