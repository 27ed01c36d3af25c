import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import type { Observation } from '../../../../src/api/gen/hub.js'
import {
  createDiscovery,
  type Discovery,
  type SavedDiscovery
} from '../../../../webhook/hub/observations/discovery.js'
import { openDiscovery } from '../../../../webhook/hub/observations/discovery-file.js'
import type { ObservationFinding } from '../../../../webhook/hub/observations/read-observation.js'
import { collectLog } from '../rig.js'

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

  const second = createDiscovery(
    JSON.parse(JSON.stringify(Object.fromEntries(first.saved()))) as SavedDiscovery
  )
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

test('a call that never succeeded is none of the workload, before and after a restart of the hub', (t) => {
  const first = createDiscovery()
  const finding = {
    target: { ref: { namespace: 'shop', name: 'web' } },
    ...{ id: 'n1/a', part: 'entry', set: { x86_64: ['read'] }, events: ['start'] },
    ...{ firstSeen: '2026-01-01T00:00:00.000Z', lastSeen: '2026-01-01T00:00:09.000Z' }
  } as unknown as ObservationFinding
  const syscalls = [
    { name: 'read', count: 1 },
    { name: 'keyctl', count: 2 }
  ]
  const told = { abis: [{ abi: 'x86_64', syscalls }] } as unknown as Observation
  first.note(told, finding)
  t.strictSame(read(first), { counts: { read: 1 }, told: ['n1/a start 1 1'] })
  const second = createDiscovery(
    JSON.parse(JSON.stringify(Object.fromEntries(first.saved()))) as SavedDiscovery
  )
  note(second, 'n1/b', { read: 1, write: 1 }, ['start'])
  t.strictSame(read(second).told.at(-1), 'n1/b start 1 2')
  t.end()
})

test('a stop has the time at which the container ended, other events that of their report', (t) => {
  const discovery = createDiscovery()
  const report = (events: string[], endedAt?: string) => {
    const finding = {
      target: { ref: { namespace: 'shop', name: 'web' } },
      ...{ id: 'n1/a', part: 'entry', set: { x86_64: ['read'] }, events },
      ...{ firstSeen: '2026-01-01T00:00:00.000Z', lastSeen: '2026-01-01T00:00:09.000Z' }
    } as unknown as ObservationFinding
    const syscalls = [{ name: 'read', count: 1 }]
    const observation = { abis: [{ abi: 'x86_64', syscalls }], endedAt }
    discovery.note(observation as unknown as Observation, finding)
  }
  report(['start'])
  report(['start', 'serve'])
  report(['start', 'serve', 'probe', 'stop'], '2026-01-01T00:03:30.500Z')
  t.same(
    discovery.of('shop', 'web').events.map(({ what, at }) => `${what} ${at.slice(14, 23)}`),
    ['start 00:00.000', 'serve 00:09.000', 'probe 00:09.000', 'stop 03:30.500']
  )
  const killed = createDiscovery()
  for (const what of ['killed', 'killed SIGSEGV', 'ended'])
    killed.note(
      { abis: [], endedAt: '2026-01-01T00:03:30.500Z' } as unknown as Observation,
      {
        target: { ref: { namespace: 'shop', name: 'web' } },
        ...{ id: `n1/${what}`, part: 'entry', set: {}, events: ['start', what] },
        ...{ firstSeen: '', lastSeen: '2026-01-01T00:00:09.000Z' }
      } as unknown as ObservationFinding
    )
  t.same(
    killed.of('shop', 'web').events.map(({ at, what }) => `${what} ${at.slice(14, 19)}`),
    ['killed', 'killed SIGSEGV', 'ended'].flatMap((what) => ['start 00:09', `${what} 03:30`]),
    'whatever the end was, it was then'
  )
  const unseen = createDiscovery()
  for (const endedAt of [undefined, 'never'])
    unseen.note(
      { abis: [], endedAt } as unknown as Observation,
      {
        target: { ref: { namespace: 'shop', name: 'web' } },
        ...{ id: `n1/${String(endedAt)}`, part: 'entry', set: {}, events: ['stop'] },
        ...{ firstSeen: '', lastSeen: '2026-01-01T00:00:09.000Z' }
      } as unknown as ObservationFinding
    )
  t.same([...new Set(unseen.of('shop', 'web').events.map(({ at }) => at.slice(14, 19)))], ['00:09'])
  t.end()
})

test('of many instances the newest are remembered one by one, and no call is lost', (t) => {
  const discovery = createDiscovery()
  for (let at = 0; at < 40; at += 1) note(discovery, `n1/${at}`, { read: 1 }, ['start'])
  const saved = Object.fromEntries(discovery.saved())
  t.equal(Object.keys(saved['shop/web']?.instances ?? {}).length, 16)
  t.strictSame(read(createDiscovery(saved)).counts, { read: 40 })
  t.end()
})

const damages: [what: string, text: string, reason: RegExp, left: string[]][] = [
  ['no JSON', '{"shop/web":', /JSON/, []],
  ['a list', '[]', /not an object/, []],
  [
    'an entry without its counts',
    '{"shop/web":{"events":[]},"shop/api":{"events":[],"counts":{"read":2},"instances":{}}}',
    /1: shop\/web/,
    ['shop/api']
  ]
]

for (const [what, text, reason, left] of damages) {
  test(`a file with ${what} is kept aside, and the rest is known`, async (t) => {
    const path = join(t.testdir({ 'discovery.json': text }), 'discovery.json')
    const { logger, lines } = collectLog()
    const discovery = await openDiscovery(path, logger)
    t.match(lines, [{ code: 'STORE_CORRUPT', where: path, reason, kept: `${path}.unreadable` }])
    note(discovery, 'n1/a', { read: 3 }, ['start'])
    await discovery.flush()
    t.equal(await readFile(`${path}.unreadable`, 'utf8'), text)
    const again = await openDiscovery(path, logger)
    t.strictSame(
      [...again.saved()].map(([key]) => key).sort(),
      [...left, 'shop/web'].sort(),
      'what could be read, and what came later'
    )
    t.strictSame(read(again).counts, { read: 3 })
  })
}

test('a start is listed only where it was seen, as the evidence says', (t) => {
  const discovery = createDiscovery()
  note(discovery, 'n1/a', { read: 1 }, [])
  note(discovery, 'n1/b', { read: 1, write: 1 }, ['start'])
  t.strictSame(read(discovery).told, ['n1/a found 1 1', 'n1/b start 1 2'])
  t.end()
})
