import { setTimeout as delay } from 'node:timers/promises'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import {
  emptyHistory,
  historyName,
  parseHistory,
  type WorkloadHistory
} from '../../../../src/history/workload-history.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import type { HistoryStore } from '../../../../src/store/history-store.js'
import type { HistoryTiming } from '../../../../webhook/hub/history/history-timing.js'
import { HistoryWriter } from '../../../../webhook/hub/history/history-writer.js'
import { collectLog } from '../rig.js'
import { memoryStore } from './memory-store.js'

const since = '2026-11-24T10:00:00.000Z'
const quick: HistoryTiming = {
  ...{ historyWaitMs: 5, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
}
const keyOf = (name: string) => ({ namespace: 'shop', kind: 'Deployment', name, container: 'app' })

/** What one report of a container brings. */
function denied(name: string, count: number, node = 'n1'): WorkloadHistory {
  return {
    ...emptyHistory(keyOf(name), since),
    denials: [
      {
        ...{ instance: `${node}/b/1.2.3`, abi: 'x86_64', syscall: 'getsid', count },
        ...{ action: 'SCMP_ACT_ERRNO', answer: 'EPERM', first: since, last: since, processes: [] }
      }
    ]
  }
}

function writerOn(store: HistoryStore, timing: Partial<HistoryTiming> = {}) {
  const log = collectLog()
  return { log, writer: new HistoryWriter(store, { ...quick, ...timing }, log.logger) }
}

test('what is durable is in the store, and what the store has is written once', async (t) => {
  const { store, written, counts } = memoryStore()
  const { writer } = writerOn(store)
  t.teardown(() => writer.close())
  await writer.add(denied('web', 3))
  t.same(counts(), [3])
  await Promise.all([writer.add(denied('web', 3)), writer.add(denied('web', 2))])
  t.equal(written.length, 1, 'nothing new')
  await Promise.all([3, 4, 5, 6].map((count) => writer.add(denied('web', count))))
  t.equal(written.length, 2, 'together')
  t.same(counts(), [6])
  t.match(await writer.get(keyOf('web')), { denials: [{ count: 6 }] })
  t.equal(await writer.get(keyOf('other')), undefined)
})

test('a flood is two writes in a window, and everything is in the last', async (t) => {
  const { store, written, counts } = memoryStore()
  const { writer } = writerOn(store, { historyWindowMs: 400 })
  t.teardown(() => writer.close())
  const waiting: Promise<void>[] = []
  const began = performance.now()
  for (let count = 1; count <= 100; count += 1) {
    waiting.push(writer.add(denied('web', count)))
    await delay(10)
  }
  t.match(
    await writer.get(keyOf('web')),
    { denials: [{ count: 100 }] },
    'known before it is written'
  )
  await Promise.all(waiting)
  t.same(counts(), [100])
  const times = written.map(({ at }) => at)
  for (const [nth, at] of times.entries()) {
    const third = times[nth + 2]
    if (third !== undefined) t.ok(third - at >= 395, `${third - at} ms between every second one`)
  }
  const windows = (performance.now() - began) / 400
  t.ok(times.length >= 4 && times.length <= 2 * windows + 2, `${times.length} in ${windows}`)
})

test('a program that ends waits for no window', async (t) => {
  const { store, counts } = memoryStore()
  const { writer } = writerOn(store, { historyWindowMs: 600_000, historySpacingMs: 600_000 })
  t.teardown(() => writer.close())
  await writer.add(denied('web', 1))
  const waiting = [writer.add(denied('web', 2)), writer.add(denied('api', 1))]
  t.same(counts(), [1], 'the rest waits for its turn')
  await writer.hurry()
  await Promise.all(waiting)
  // What comes now is written as it comes.
  for (const count of [3, 4, 5, 6]) await writer.add(denied('web', count))
  t.same([...counts()].sort(), [1, 6])
})

test('many workloads share the API server: one write in a spacing', async (t) => {
  const { store, written } = memoryStore()
  const { writer } = writerOn(store, { historySpacingMs: 20 })
  t.teardown(() => writer.close())
  await Promise.all(Array.from({ length: 20 }, (_, at) => writer.add(denied(`w${at}`, 1))))
  t.equal(new Set(written.map(({ about }) => about)).size, 20)
  const [first, last] = [written[0]?.at ?? 0, written.at(-1)?.at ?? 0]
  t.ok(last - first >= 19 * 19, `${last - first} ms`)
})

test('a store that fails loses nothing, and nobody is told that it has it', async (t) => {
  const { store, fail, counts } = memoryStore()
  const { writer, log } = writerOn(store)
  t.teardown(() => writer.close())
  fail(new SeccoError('UNAVAILABLE', 'no API server'))
  let isStored = false
  const stored = writer.add(denied('web', 1)).then(() => (isStored = true))
  await log.seen(/history not written/)
  const later = writer.add(denied('web', 2))
  await delay(50)
  t.equal(isStored, false)
  fail(undefined)
  await Promise.all([stored, later])
  t.same(counts(), [2])
  t.equal(log.lines.filter(({ msg }) => msg === 'history not written').length, 1, 'logged once')
})

test('two hubs that write one workload lose nothing of each other', async (t) => {
  const { store, counts } = memoryStore()
  const hubs = [writerOn(store).writer, writerOn(store).writer]
  t.teardown(() => Promise.all(hubs.map((one) => one.close())))
  await Promise.all(
    hubs.flatMap((writer, hub) =>
      Array.from({ length: 10 }, async (_, nth) => {
        await delay(nth * 3)
        await writer.add(denied('web', nth + 1, `n${hub}`))
      })
    )
  )
  t.same(counts(), [10, 10])
})

test('a document that somebody broke begins again, and everything else goes on', async (t) => {
  const { store, documents, counts, aside } = memoryStore()
  const first = writerOn(store).writer
  await first.add(denied('web', 7))
  await first.close()
  for (const [name, one] of documents) documents.set(name, { ...one, text: one.text.slice(1) })
  const [broken] = [...documents.values()].map(({ text }) => text)
  const { writer, log } = writerOn(store)
  t.equal(await writer.get(keyOf('web')), undefined)
  t.same(aside, [], 'who reads moves nothing')
  await writer.add(denied('web', 8))
  await log.seen(/STORE_CORRUPT.*shop\/Deployment\/web\/app.*"kept":"aside\/secco-history-/)
  t.same(aside, [broken], 'nothing is lost')
  t.same(counts(), [8])
  const history = await writer.get(keyOf('web'))
  t.match(history?.since, since)
  const text = /^the history begins again: .*kept as aside\/secco-history-/
  t.match(history?.events, [{ what: 'secco', at: since, text }])
  const pending = writer.add(denied('web', 9))
  await writer.close()
  await pending
  t.same(counts(), [9], 'the end of the hub writes what waits')
  t.equal(aside.length, 1)
})

test('a record that could not be read again is not written; those beside it are', async (t) => {
  const { store, documents } = memoryStore()
  const { writer } = writerOn(store)
  t.teardown(() => writer.close())
  const event = { id: 'approval 1', at: since, what: 'approval', text: 'approved' } as const
  const wrong = [
    { ...event, id: 'x'.repeat(2049) },
    { ...event, id: 'no time', at: '2024-99-99T99:99:99Z' }
  ]
  const [denial] = denied('web', 3).denials
  const news = {
    ...denied('web', 3),
    denials: denial === undefined ? [] : [denial, { ...denial, syscall: 'mount', count: -1 }],
    events: [...wrong, event]
  }
  await writer.add(news)
  const [stored] = [...documents.values()].map(({ text }) => parseHistory(text))
  t.match(stored, { denials: [{ syscall: 'getsid' }], events: [event] })
  t.equal(stored?.events.length, 1)
  t.equal(stored?.denials.length, 1)
})

test('a folder keeps every byte of a document that is none', async (t) => {
  const folder = t.testdir({})
  const { history: store } = await openDirectoryStore(folder)
  const name = historyName(keyOf('web'))
  const path = join(folder, 'secco-system', 'configmaps', `${name}.yaml`)
  const first = writerOn(store).writer
  await first.add(denied('web', 7))
  await first.close()
  const bytes = Buffer.concat([readFileSync(path).subarray(0, 300), Buffer.from([0, 255, 10])])
  writeFileSync(path, bytes)
  const { writer, log } = writerOn(store)
  await writer.add(denied('web', 8))
  await log.seen(/STORE_CORRUPT/)
  t.same(readFileSync(`${path}.unreadable`), bytes)
  t.match(await writer.get(keyOf('web')), { denials: [{ count: 8 }], events: [{ what: 'secco' }] })
  await writer.close()
  await writer.forget(name)
  t.same(
    readdirSync(dirname(path)).filter((file) => !file.startsWith('.')),
    [],
    'and no longer'
  )
})
