import { captureIo } from '../../helpers/captured-io.js'
import { test } from 'tap'
import { listDenials } from '../../../cli/confinement/denials.js'
import { listContainers } from '../../../cli/confinement/ps.js'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import { until } from '../../helpers/until.js'
import {
  view,
  denial,
  hubWith,
  type FakeHub,
  hubOf,
  denialArgs,
  psArgs,
  stopHub
} from '../../helpers/hub-answers.js'

const eventOf = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const open = (hub: FakeHub, count = 1) =>
  until('a stream', () => hub.streams.length === count || undefined, { timeoutMs: 180_000 })

test('secco denials -f: a takeover loses no denial and prints none twice', async (t) => {
  const known = (...items: DenialView[]) => ({
    '/api/v1/denials': { items },
    '/api/v1/denials/stream': {}
  })
  const old = [denial('n1', 'mount', 4)]
  const a = await hubWith(t, 'hub-a', known(...old))
  // It has rows in other parts: two processes made the calls that the first hub knew of one.
  const b = await hubWith(
    t,
    'hub-b',
    known(
      ...old,
      denial('n1', 'bpf', 2),
      denial('n1', 'bpf', 2, { comm: 'other' }),
      denial('n3', 'bpf', 6)
    )
  )
  const stop = new AbortController()
  const { io, printed } = captureIo()
  const lines = () =>
    printed.stdout
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as DenialView & { added: number }]))
      .map(({ node, syscall, added }) => `${node} ${syscall} +${added}`)
  const printedLines = (count: number) =>
    until(`${count} lines`, () => lines().length >= count || undefined)
  const running = listDenials(
    io,
    hubOf([a, b], () => [b]),
    { ...denialArgs, follow: stop.signal }
  )
  const send = (to: FakeHub, row: DenialView, added: number) =>
    to.streams.at(-1)?.write(eventOf('denial', { ...row, added }))
  await open(a)
  send(a, denial('n1', 'mount', 5), 1)
  send(a, denial('n1', 'bpf', 4), 4)
  await printedLines(2)
  await stopHub(a)
  await open(b)
  await printedLines(3)
  t.same(lines(), ['n1 mount +1', 'n1 bpf +4', 'n3 bpf +6'], 'what came meanwhile')
  t.match(printed.stderr, /^warning: the hub ended the stream; connecting again\n$/)
  // The satellite reports again what the first hub had not acknowledged.
  send(b, denial('n1', 'mount', 5), 1)
  send(b, denial('n1', 'bpf', 3), 1)
  await printedLines(4)
  t.same(lines().slice(3), ['n1 bpf +1'])
  stop.abort()
  await running
})

test('secco denials -f: since a time, and named later', async (t) => {
  const nameless = { comm: '', pid: 0 }
  const items = [denial('n1', 'bpf', 2, nameless)]
  const answers = { '/api/v1/denials': { items }, '/api/v1/denials/stream': {} }
  for (const [what, since, first] of [
    ['from now on', undefined, []],
    ['since', '10m', [2]]
  ] as const) {
    const hub = await hubWith(t, 'hub-a', answers)
    const stop = new AbortController()
    const { io, printed } = captureIo()
    const added = () =>
      [...printed.stdout.matchAll(/"added":(\d+)/g)].map(([, count]) => Number(count))
    const running = listDenials(io, hubOf([hub]), { ...denialArgs, since, follow: stop.signal })
    await open(hub)
    const stream = hub.streams[0]
    const send = (row: DenialView, count: number) =>
      stream?.write(eventOf('denial', { ...row, added: count }))
    // The hub sends what is since then too.
    if (since !== undefined) send(items[0] as DenialView, 2)
    send(denial('n1', 'bpf', 2), 0)
    send(denial('n1', 'bpf', 3), 1)
    send(denial('n2', 'bpf', 100), 1)
    await until('the last one', () => printed.stdout.includes('"node":"n2"') || undefined)
    t.same(added(), [...first, 1, 1], what)
    stop.abort()
    await running
  }
})

test('secco ps --watch: what an ended hub told no longer holds', async (t) => {
  const stream = '/api/v1/containers/stream'
  const [a, b] = [
    await hubWith(t, 'hub-a', { [stream]: {} }),
    await hubWith(t, 'hub-b', { [stream]: {} })
  ]
  const stop = new AbortController()
  const told: string[] = []
  const { io, printed } = captureIo()
  const keysOf = (text: string) =>
    (JSON.parse(text) as { items: ContainerView[] }).items.map(({ key }) => key).join()
  const running = listContainers(
    { ...io, stdout: (text) => void told.push(keysOf(text)) },
    hubOf([a, b], () => [b]),
    { ...psArgs, watch: stop.signal }
  )
  const keys = (wanted: string) => until(wanted, () => told.at(-1) === wanted || undefined)
  await open(a)
  a.streams[0]?.write(eventOf('snapshot', { items: [view('n1', 'b'), view('n1', 'a')] }))
  await keys('n1/a,n1/b')
  a.streams[0]?.write(eventOf('change', { changed: [view('n2', 'c')], gone: ['n1/b'] }))
  await keys('n1/a,n2/c')
  await stopHub(a)
  await open(b)
  b.streams[0]?.write(eventOf('snapshot', { items: [view('n2', 'c')] }))
  await keys('n2/c')
  t.match(printed.stderr, /^warning: the hub ended the stream; connecting again\n$/)
  stop.abort()
  await running
})

test('secco ps --watch: it says which lines are old, as secco ps does', async (t) => {
  const stream = '/api/v1/containers/stream'
  const hub = await hubWith(t, 'hub-a', { [stream]: {} })
  const stop = new AbortController()
  const { io, printed } = captureIo()
  const args = { ...psArgs, output: 'table' as const, watch: stop.signal }
  const running = listContainers(io, hubOf([hub]), args)
  const lastSeen = new Date(psArgs.now() - 180_000).toISOString()
  const awayNodes = [{ name: 'n1', lastSeen }]
  const note = 'n1 is away: its containers are listed as they were 3m ago\n'
  const lines = (count: number) =>
    until('a list', () => printed.stdout.split('enforced').length > count || undefined)
  await open(hub)
  hub.streams[0]?.write(eventOf('snapshot', { items: [view('n1', 'a')] }))
  await lines(1)
  t.equal(printed.stderr, '')
  hub.streams[0]?.write(eventOf('nodes', { missingNodes: 0, awayNodes }))
  await lines(2)
  t.equal(printed.stderr, note)
  t.match(printed.stdout, /enforced \(node away\)/)
  hub.streams[0]?.write(eventOf('nodes', { missingNodes: 1, awayNodes: [] }))
  await lines(3)
  t.match(printed.stderr.slice(note.length), /^1 node has not reported what runs there/)
  stop.abort()
  await running
})
