import { test } from 'tap'
import type { Observation } from '../../../../src/api/gen/hub.js'
import {
  createDiscovery,
  type Discovery,
  type SavedDiscovery
} from '../../../../webhook/hub/observations/discovery.js'
import type { ObservationFinding } from '../../../../webhook/hub/observations/read-observation.js'

type Counts = Record<string, number>

function note(discovery: Discovery, id: string, counts: Counts, events: string[]): void {
  const syscalls = Object.entries(counts).map(([name, count]) => ({ name, count }))
  const finding = {
    target: { ref: { namespace: 'shop', name: 'web' } },
    ...{ id, part: 'entry', set: { x86_64: Object.keys(counts) }, events },
    ...{ firstSeen: '2026-01-01T00:00:00.000Z', lastSeen: '2026-01-01T00:00:09.000Z' }
  } as unknown as ObservationFinding
  discovery.note({ abis: [{ abi: 'x86_64', syscalls }] } as unknown as Observation, finding)
}

const read = (discovery: Discovery) => {
  const { events, counts } = discovery.of('shop', 'web')
  const told = events.map(({ instance, what, count, all }) => `${instance} ${what} ${count} ${all}`)
  return { counts: Object.fromEntries(counts), told }
}

test('an instance that runs on is counted once, whichever hub hears of it again', (t) => {
  const first = createDiscovery()
  note(first, 'n1/a', { read: 3, write: 2 }, ['start'])
  note(first, 'n1/b', { read: 1 }, ['start'])
  const known = { counts: { read: 4, write: 2 }, told: ['n1/a start 2 2', 'n1/b start 0 2'] }
  t.strictSame(read(first), known)

  const second = createDiscovery(JSON.parse(JSON.stringify(first.saved())) as SavedDiscovery)
  t.strictSame(read(second), known, 'as saved')
  note(second, 'n1/a', { read: 3, write: 2 }, ['start'])
  t.strictSame(read(second), known, 'the same again')
  note(second, 'n1/a', { read: 5, write: 2, openat: 1 }, ['start', 'serve'])
  t.strictSame(read(second), {
    counts: { read: 6, write: 2, openat: 1 },
    told: [...known.told, 'n1/a serve 1 3']
  })
  t.end()
})

test('of many instances the newest are remembered one by one, and no call is lost', (t) => {
  const discovery = createDiscovery()
  for (let at = 0; at < 40; at += 1) note(discovery, `n1/${at}`, { read: 1 }, ['start'])
  const saved = discovery.saved()
  t.equal(Object.keys(saved['shop/web']?.instances ?? {}).length, 16)
  t.strictSame(read(createDiscovery(saved)).counts, { read: 40 })
  t.end()
})
