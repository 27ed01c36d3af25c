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
  hubsOf,
  denialArgs,
  psArgs
} from '../../helpers/hub-answers.js'
import { matchLists } from '../../helpers/match-lists.js'

const eventOf = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

test('watches of all hubs are one: hubs come and go, nothing is told twice', async (t) => {
  const stream = '/api/v1/denials/stream'
  const answers = () => ({ '/api/v1/denials': { items: [] as DenialView[] }, [stream]: {} })
  const [a, b] = [await hubWith(t, 'hub-a', answers()), await hubWith(t, 'hub-b', answers())]
  let hubs = hubsOf(a)
  hubs = { ...hubs, again: () => Promise.resolve(hubs) }
  const stop = new AbortController()
  const { io, printed } = captureIo()
  const lines = () => printed.stdout.split('\n').filter((line) => line !== '')
  const running = listDenials(io, hubs, { ...denialArgs, follow: stop.signal })
  const send = (to: FakeHub, row: DenialView, added: number) =>
    to.streams.at(-1)?.write(eventOf('denial', { ...row, added }))
  const open = (hub: FakeHub, count = 1) =>
    until('a stream', () => hub.streams.length === count || undefined, { timeoutMs: 180_000 })
  await open(a)
  send(a, denial('n1', 'bpf', 2), 2)
  await until('the first line', () => lines().length === 1 || undefined)
  // A second replica comes, the satellite goes to it and tells it everything.
  hubs = { ...hubs, all: [a.access, b.access] }
  await open(b)
  send(b, denial('n1', 'bpf', 2), 2)
  send(b, denial('n1', 'bpf', 5), 3)
  await until('what is new', () => lines().length === 2 || undefined)
  t.match(JSON.parse(lines()[1] ?? ''), { count: 5, added: 3 })
  // One breaks off and is there still: said, and followed again.
  a.streams[0]?.end()
  await until(
    'the gap to be told',
    () => printed.stderr.includes('hub hub-a and its satellites are missing') || undefined
  )
  matchLists(t, JSON.parse(lines()[2] ?? ''), { incomplete: [{ hub: 'hub-a' }] })
  await open(a, 2)
  await until('the gap to be closed', () => lines().length === 4 || undefined)
  t.strictSame(JSON.parse(lines()[3] ?? ''), { incomplete: [] })
  send(a, denial('n2', 'bpf', 1), 1)
  await until('the next line', () => lines().length === 5 || undefined)
  send(a, denial('n3', 'bpf', 100), 1)
  await until('the last line', () => lines().length === 6 || undefined)
  t.match(JSON.parse(lines()[5] ?? ''), { count: 100, added: 1 }, 'the others were before')
  stop.abort()
  await running
})

test('secco ps --watch: what an ended hub told no longer holds', async (t) => {
  const stream = '/api/v1/containers/stream'
  const [a, b] = [
    await hubWith(t, 'hub-a', { [stream]: {} }),
    await hubWith(t, 'hub-b', { [stream]: {} })
  ]
  let hubs = hubsOf(a, b)
  hubs = { ...hubs, again: () => Promise.resolve(hubs) }
  const stop = new AbortController()
  type Answer = { items: ContainerView[]; incomplete?: { hub: string }[] }
  const told: Answer[] = []
  const { io } = captureIo()
  const running = listContainers(
    { ...io, stdout: (text) => void told.push(JSON.parse(text) as Answer) },
    hubs,
    { ...psArgs, watch: stop.signal }
  )
  await until('both streams', () => a.streams.length + b.streams.length === 2 || undefined)
  const keysOf = (answer?: Answer) => (answer?.items ?? []).map(({ key }) => key).join()
  const keys = () => keysOf(told.at(-1))
  a.streams[0]?.write(eventOf('snapshot', { items: [view('n1', 'a'), view('n1', 'b')] }))
  b.streams[0]?.write(eventOf('snapshot', { items: [view('n2', 'c')] }))
  await until('all of them', () => keys() === 'n1/a,n1/b,n2/c' || undefined)
  a.streams[0]?.write(eventOf('change', { changed: [], gone: ['n1/b'] }))
  await until('one to be gone', () => keys() === 'n1/a,n2/c' || undefined)
  // It is rolled: the satellite is with the other one before it ends.
  b.streams[0]?.write(eventOf('change', { changed: [view('n1', 'a')], gone: [] }))
  hubs = { ...hubs, all: [b.access] }
  a.streams[0]?.end()
  // Two streams: the end of one may be heard before the last of the other. It lasts until hubs are looked for.
  await until('the other alone', () =>
    told.find((one) => one.incomplete?.[0]?.hub === 'hub-a' && keysOf(one) === 'n1/a,n2/c')
  )
  await until('nobody to miss it', () => told.at(-1)?.incomplete === undefined || undefined)
  stop.abort()
  await running
})
