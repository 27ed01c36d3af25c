import { Registry } from 'prom-client'
import { t, test } from 'tap'
import { nodeMetrics } from '../../../webhook/hub/metrics.js'
import { lossesText, type NodeView } from '../../../webhook/views/view.js'
import { node, startUiRig } from '../ui/rig.js'

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
  const { get } = await startUiRig({ nodes: () => [idle, busy, unproven] })
  const { body } = await get('/nodes')
  t.match(body, /node-3[^]*ready[^]*no &lt;room>[^]*in step/)
  t.match(body, /node-2[^]*recording[^]*node-1[^]*ready/)
  t.match(body, /2 table full, 1 missed/)
  t.equal(lossesText(busy.losses), '2 table full, 1 missed')

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

test('nodes that have not connected since a takeover: pages about what runs are not the whole yet', async (t) => {
  let awaited = 2
  const { app, get } = await startUiRig({ awaited: () => awaited })
  t.teardown(() => app.close())
  const banner = /id="awaited"[^]*2 nodes have not connected since this hub became the active one/
  for (const url of ['/', '/workloads', '/denials', '/nodes']) {
    t.match((await get(url)).body, banner, url)
  }
  for (const url of ['/rules', '/profiles', '/audit']) {
    t.notMatch((await get(url)).body, /id="awaited"/, `${url}: objects are the same everywhere`)
  }
  awaited = 0
  t.notMatch((await get('/')).body, /id="awaited"/)
})
