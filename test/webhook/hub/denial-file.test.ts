import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import { DenialRows } from '../../../webhook/hub/denials/denial-rows.js'
import { createDenialSaver, loadDenials } from '../../../webhook/hub/denial-file.js'
import { hurryRecords } from '../../../webhook/hub/hub-records.js'
import { createDenials } from '../../../webhook/hub/denials/denials.js'
import type { Denial } from '../../../webhook/hub/denials/denial.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { matchLists } from '../../helpers/match-lists.js'

const logger = createLogger('test', quiet)
const since = '2026-01-01T00:00:00.000Z'

const denial = (count: number, more: Partial<Denial> = {}): Denial => ({
  ...{ namespace: 'shop', profile: 'web', node: 'n1', instance: 'n1/1', container: 'web' },
  ...{ workload: 'Pod/web', containerName: 'app', pod: 'web', revision: '', syscall: 'getsid' },
  ...{ abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', pid: 7, comm: 'app' },
  ...{ lastSeen: '2026-01-01T00:00:05Z', at: '2026-01-01T00:00:05Z', arguments: '' },
  ...{ expected: false, succeeded: 0, count, ...more }
})

/** What a hub keeps of denials, on a file. */
async function onFile(path: string) {
  const before = await loadDenials(path, logger)
  const rows =
    before === undefined ? new DenialRows({ since, rows: [], runs: {} }) : new DenialRows(before)
  const news: string[] = []
  const denials = createDenials(
    logger,
    (one, added) => {
      news.push(`${one.syscall} +${added}`)
      rows.grow(one, added, one.lastSeen)
    },
    rows.list()
  )
  const saver = createDenialSaver(path, rows.saved, 5, logger)
  rows.onNews(saver.changed)
  saver.changed()
  return { rows, denials, news, saver }
}

test('a restarted hub knows earlier denials', async (t) => {
  const path = join(t.testdir({}), 'denials.json')
  const first = await onFile(path)
  const nameless = { syscall: 'bpf', pid: 0, comm: '' }
  first.denials.note([
    denial(3),
    denial(2, nameless),
    denial(4, { syscall: 'clone3', expected: true })
  ])
  first.denials.note([denial(5, { comm: 'other' })])
  const listed = first.rows.list()
  await first.saver.close()

  const second = await onFile(path)
  t.strictSame(second.rows.list(), listed)
  t.strictSame(second.rows.heard(), [], 'nothing was reported to this one yet')
  t.equal(second.rows.knownSince(), since)
  const run = { node: 'n1', id: 'web', startedAt: since }
  t.strictSame(second.rows.ofContainer(run), first.rows.ofContainer(run))
  t.same(second.rows.ofContainer({ node: 'n1', id: 'web', startedAt: '2026-01-01T00:01:00Z' }), {
    denials: 0,
    expected: 0
  })
  t.strictSame(second.rows.listOf(run), first.rows.listOf(run))

  // The satellite reports again what it counted, and what came meanwhile.
  second.denials.note([denial(5), denial(2, nameless)])
  t.strictSame(second.news, [], 'what is known is no news')
  second.denials.note([denial(7), denial(2, { syscall: 'bpf' })])
  t.strictSame(second.news, ['getsid +2', 'bpf +0'])
  const counts = () => second.rows.list().map(({ syscall, comm, count }) => [syscall, comm, count])
  t.same(counts(), [
    ['clone3', 'app', 4],
    ['getsid', 'other', 2],
    ['getsid', 'app', 5],
    ['bpf', 'app', 2]
  ])
  await second.saver.close()
  matchLists(t, await loadDenials(path, logger), { since, rows: second.rows.list() })
})

test('after an unreadable file, earlier denials count as possible', async (t) => {
  const path = join(t.testdir({}), 'denials.json')
  const hub = await onFile(path)
  hub.denials.note([denial(1)])
  await hub.saver.close()
  const good = await readFile(path, 'utf8')
  for (const [what, content] of [
    ['cut short', good.slice(0, -2)],
    ['another thing', '[]'],
    ['a count that is none', good.replace('"count":1', '"count":-1')],
    ['a time that is none', good.replace(since, 'yesterday')],
    ['a row without a node', good.replace('"node":"n1",', '')]
  ] as const) {
    await writeFile(path, content)
    t.not(content, good, what)
    t.equal(await loadDenials(path, logger), undefined, what)
    t.equal(await readFile(`${path}.unreadable`, 'utf8'), content, `${what}: it is kept`)
  }
  await writeFile(path, good)
  matchLists(t, await loadDenials(path, logger), { since, rows: [{ count: 1 }] })
})

test('a failed write is repeated later, and nothing waits for it', async (t) => {
  const dir = join(t.testdir({}), 'gone')
  const path = join(dir, 'denials.json')
  let value = new DenialRows({ since, rows: [], runs: {} }).saved()
  const saver = createDenialSaver(path, () => value, 5, logger)
  saver.changed()
  await saver.settled()
  await t.rejects(readFile(path), { code: 'ENOENT' })
  value = { ...value, since: '2026-02-01T00:00:00.000Z' }
  t.testdir({ gone: {} })
  const written = await until('the next try', () => readFile(path, 'utf8').catch(() => undefined), {
    timeoutMs: 30_000
  })
  t.strictSame(JSON.parse(written), value)
  await saver.settled()
  await rm(dir, { recursive: true })
  await saver.close()
  await t.rejects(readFile(path), { code: 'ENOENT' }, 'nothing was left to write')
})

test('a saver that rests for long writes everything at once when its hub ends', async (t) => {
  // Longer than this test may take: a slow disk makes a saver rest for twenty times as long as a write.
  const restMs = 3_600_000
  const path = join(t.testdir({}), 'denials.json')
  const rows = new DenialRows({ since, rows: [], runs: {} })
  const saver = createDenialSaver(path, rows.saved, restMs, logger)
  const written = async () => (await loadDenials(path, logger))?.rows.map(({ count }) => count)
  const grow = (count: number) => {
    rows.grow(denial(count), 1, since)
    saver.changed()
  }
  grow(1)
  await saver.settled()
  grow(2)
  t.same(await written(), [1], 'it rests')
  await saver.hurry()
  t.same(await written(), [2])
  grow(3)
  await saver.settled()
  t.same(await written(), [3], 'and rests no more')
  await saver.close()
})

test('a hub that ends hurries all that satellites wait for', async (t) => {
  const hurried: string[] = []
  const part = (name: string) => ({ hurry: () => Promise.resolve(void hurried.push(name)) })
  await hurryRecords({ denialSaver: part('denials'), history: part('histories') })
  t.same(hurried.sort(), ['denials', 'histories'])
})
