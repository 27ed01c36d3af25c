import { test } from 'tap'
import { listContainers } from '../../../cli/confinement/ps.js'
import { captureIo } from '../../helpers/captured-io.js'
import { hubOf, hubWith, psArgs, view } from '../../helpers/hub-answers.js'

const rows = [
  ['ps, nothing runs', false, [], 'No containers found.\n'],
  ['ps --wrong, nothing runs', true, [], 'No containers found.\n'],
  [
    'ps --wrong, everything is right',
    true,
    [view('n1', 'a')],
    'No container differs from what it should be.\n'
  ],
  [
    'ps --wrong, one is unconfined, and nothing asks for more',
    true,
    [view('n1', 'a'), view('n1', 'b', { state: 'unconfined' })],
    'No container differs from what it should be. ' +
      '1 container runs without a filter, and nothing gives one: see `secco ps`.\n'
  ]
] as const

for (const [what, wrong, items, says] of rows) {
  test(`${what}: the sentence for an empty list`, async (t) => {
    const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': { items } })
    const { io, printed } = captureIo()
    const code = await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong })
    t.same([code, printed.stdout, printed.stderr], [0, '', says])
  })
}

test('ps names states and risks as the pages do', async (t) => {
  const unprotected = { rule: 'shop/web', message: 'a rule gives it more', since: '' }
  const items = [
    view('n1', 'a', { state: 'runtime-default', risk: 46 }),
    view('n1', 'b', { state: 'unconfined', risk: 100, unprotected }),
    view('n1', 'd', { state: 'starting', risk: 0 }),
    view('n1', 'c', { risk: 20, revision: `sha256:${'a'.repeat(64)}`, profile: 'shop/web' })
  ]
  const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': { items } })
  const { io, printed } = captureIo()
  await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong: false })
  t.match(printed.stdout, /RuntimeDefault .* 46 medium *$/m)
  t.match(printed.stdout, /starting .* - *$/m)
  t.notMatch(printed.stdout, / 0 low/)
  t.match(printed.stdout, /unconfined \(not protected\) .* 100 high *$/m)
  t.match(printed.stdout, /enforced +web@aaaaaaaa .* 20 low *$/m)
})

test('ps never says that a running container made no call', async (t) => {
  for (const [syscalls, expected] of [
    [null, / not known yet /],
    [0, / not known yet /],
    [40, / 40 /]
  ] as const) {
    const items = [view('n1', 'a', { syscalls, checked: 'bytes', runtime: 'runc' })]
    const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': { items } })
    const { io, printed } = captureIo()
    await listContainers(io, hubOf([hub]), { ...psArgs, output: 'wide', wrong: false })
    t.match(printed.stdout, expected)
  }
})

test('ps -o wide names the pod of a container; outside Kubernetes there is none', async (t) => {
  const items = [
    ['a', 'web-7d9f6'],
    ['b', '']
  ].map(([name = '', pod = '']) => view('n1', name, { pod, checked: 'bytes', runtime: 'runc' }))
  const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': { items } })
  const print = async (output: 'wide' | 'table') => {
    const { io, printed } = captureIo()
    await listContainers(io, hubOf([hub]), { ...psArgs, output, wrong: false })
    return printed.stdout
  }
  t.match(await print('wide'), /^NAMESPACE .* POD +[^]* a +n1 .* web-7d9f6 /)
  t.notMatch(await print('table'), /web-7d9f6/)
})

test('ps says of how many nodes it does not know what runs there', async (t) => {
  for (const [missingNodes, says, namespace] of [
    [0, ''],
    [
      2,
      '2 nodes have not reported what runs there: it is not listed\n  next: ask who may list nodes\n',
      'shop'
    ],
    [1, '1 node has not reported what runs there: it is not listed\n  next: secco get nodes\n'],
    [3, '3 nodes have not reported what runs there: it is not listed\n  next: secco get nodes\n']
  ] as const) {
    const answer = { items: [view('n1', 'a')], missingNodes }
    const hub = await hubWith(t, `hub-${missingNodes}`, { '/api/v1/containers': answer })
    const { io, printed } = captureIo()
    const of = { ...psArgs, namespace }
    await listContainers(io, hubOf([hub]), { ...of, output: 'table', wrong: false })
    t.equal(printed.stderr, says)
    const json = captureIo()
    await listContainers(json.io, hubOf([hub]), { ...psArgs, output: 'json', wrong: false })
    t.match(JSON.parse(json.printed.stdout), { missingNodes, items: [{ name: 'a' }] })
    t.equal(json.printed.stderr, '')
  }
})

const lastSeen = '2026-11-25T10:00:00Z'
const unknown = [
  { name: 'n2', lastSeen, listed: false, why: `no report since ${lastSeen}` },
  { name: 'n3', lastSeen: '', listed: false, why: 'not reported yet' }
]
const named = `n2 (no report since ${lastSeen}), n3 (not reported yet)`

test('ps names the nodes of which it does not know what runs there', async (t) => {
  const answer = { items: [view('n1', 'a')], missingNodes: 2, notReporting: unknown }
  const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': answer })
  const { io, printed } = captureIo()
  await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong: false })
  t.equal(
    printed.stderr,
    `2 nodes have not reported what runs there: it is not listed\n  not known: ${named}\n  next: secco get nodes\n`
  )
  const json = captureIo()
  await listContainers(json.io, hubOf([hub]), { ...psArgs, output: 'json', wrong: false })
  t.match(JSON.parse(json.printed.stdout), { notReporting: unknown })
})

const away = { name: 'n1', lastSeen, listed: true, why: `no report since ${lastSeen}` }
const partial = [
  [
    'two nodes of which nothing is known',
    { items: [view('n1', 'a')], reportingNodes: 1, missingNodes: 2, notReporting: unknown },
    `No container differs from what it should be on the 1 node that reports; not known: ${named}.\n`
  ],
  [
    'nothing known at all',
    { items: [], reportingNodes: 0, missingNodes: 2, notReporting: unknown },
    `No container differs from what it should be on the 0 nodes that report; not known: ${named}.\n`
  ],
  [
    'a node whose containers are listed as they were',
    {
      ...{ items: [view('n1', 'a')], reportingNodes: 2, missingNodes: 0, notReporting: [away] },
      awayNodes: [{ name: 'n1', lastSeen }]
    },
    `should be on the 2 nodes that report; not known: n1 (no report since ${lastSeen}).\n`
  ],
  [
    'an earlier hub',
    { items: [view('n1', 'a')], missingNodes: 3 },
    'No container differs from what it should be on the nodes that report; not known: 3 nodes.\n'
  ]
] as const

for (const [what, answer, says] of partial) {
  test(`ps --wrong is no all-clear: ${what}`, async (t) => {
    const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': answer })
    for (const output of ['table', 'name', 'json'] as const) {
      const { io, printed } = captureIo()
      const code = await listContainers(io, hubOf([hub]), { ...psArgs, output, wrong: true })
      t.equal(code, 1, output)
      if (output !== 'json') t.ok(printed.stderr.endsWith(says), printed.stderr)
    }
    const { io } = captureIo()
    const all = await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong: false })
    t.equal(all, 0, 'the list itself is no question')
  })
}

test('ps says how old the lines of a node that is away are', async (t) => {
  const awayNodes = [{ name: 'n1', lastSeen: new Date(psArgs.now() - 180_000).toISOString() }]
  const answer = { items: [view('n1', 'a')], awayNodes }
  const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': answer })
  const { io, printed } = captureIo()
  await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong: false })
  t.equal(printed.stderr, 'n1 is away: its containers are listed as they were 3m ago\n')
})

test('ps says of the state of a container that its node is away', async (t) => {
  const awayNodes = [
    { name: 'n1', lastSeen: new Date(psArgs.now() - 180_000).toISOString() },
    { name: 'n3', lastSeen: '' }
  ]
  const items = [
    view('n1', 'a', { state: 'starting' }),
    view('n2', 'b', { state: 'starting' }),
    view('n3', 'c', { state: 'starting', unprotected: { rule: 'r', message: 'm', since: '' } })
  ]
  const hub = await hubWith(t, 'hub-a', { '/api/v1/containers': { items, awayNodes } })
  const { io, printed } = captureIo()
  await listContainers(io, hubOf([hub]), { ...psArgs, output: 'table', wrong: false })
  t.match(printed.stdout, /Pod\/a +a +n1 +starting \(node away\) /)
  t.match(printed.stdout, /Pod\/b +b +n2 +starting {2}/)
  t.match(printed.stdout, /Pod\/c +c +n3 +starting \(not protected, node away\) /)
  t.match(printed.stderr, /n3 does not report: its containers are listed as the API server has/)
})
