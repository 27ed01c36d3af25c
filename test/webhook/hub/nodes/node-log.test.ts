import { revisionPath } from '../../../../src/api/names.js'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { NodeStatus, RevisionStatus } from '../../../../src/api/gen/hub.js'
import { createLogger } from '../../../../src/lib/log.js'
import { recordLine } from '../../../../src/lib/record-log.js'
import { createNodeLog, loadKnownNodes } from '../../../../webhook/hub/nodes/node-log.js'
import { createNodes, type Nodes } from '../../../../webhook/hub/nodes/nodes.js'
import { quiet } from '../../../helpers/quiet.js'
import { collectLog, nodeStatus } from '../rig.js'

const logger = createLogger('test', quiet)
const start = '2026-11-01T10:00:00.000Z'
const digestOf = (nth: number) => `sha256:${String(nth).padStart(64, '0')}`
const pathOf = (nth: number) => revisionPath('shop', 'web', digestOf(nth))

function connect(nodes: Nodes, name: string, held: readonly number[] = []): void {
  nodes.connected(
    {
      ...{ node: name, bootId: 'b', version: '0.1.0', status: NodeStatus.fromPartial(nodeStatus) },
      ...{ holding: held.map(pathOf), takesAcksTogether: true, takesTraces: true },
      ...{ startedAt: start, sendsRevisions: true }
    },
    start
  )
}

const hold = (nodes: Nodes, name: string, nth: number, ready = true) =>
  nodes.revision(
    name,
    RevisionStatus.fromPartial({
      ...{ namespace: 'shop', profile: 'web', digest: digestOf(nth), ready },
      code: ready ? '' : 'NOT_FOUND'
    })
  )

/** Returns what a file has, by node: the numbers of the revisions that it holds. */
async function read(dir: string): Promise<Record<string, number[]>> {
  const known = await loadKnownNodes(dir, logger)
  return Object.fromEntries(
    known.map(({ name, holding }) => [
      name,
      [...holding].map((path) => Number(path.slice(-10, -5))).sort((a, b) => a - b)
    ])
  )
}

async function saved(dir: string, change: (nodes: Nodes) => void, nodes = createNodes([])) {
  change(nodes)
  const log = createNodeLog(dir, nodes, 0, logger)
  log.changed()
  await log.settled()
  return { nodes, log }
}

test('nodes are known after a restart, and what has changed is appended', async (t) => {
  const dir = t.testdir({})
  const { nodes, log } = await saved(dir, (all) => {
    connect(all, 'n1', [1, 2])
    connect(all, 'n2')
  })
  t.strictSame(await read(dir), { n1: [1, 2], n2: [] })
  const before = await readFile(join(dir, 'nodes.log'), 'utf8')
  hold(nodes, 'n2', 9)
  hold(nodes, 'n1', 1, false)
  log.changed()
  await log.close()
  t.strictSame(await read(dir), { n1: [2], n2: [9] })
  const after = await readFile(join(dir, 'nodes.log'), 'utf8')
  t.ok(after.startsWith(before), 'nothing was written again')
  const [first] = await loadKnownNodes(dir, logger)
  t.equal(first?.status?.kernel, nodeStatus.kernel)
  t.strictSame(await readdir(dir), ['nodes.log'])
})

test('a node that was connected was seen until the last write, one that has left was not', async (t) => {
  const dir = t.testdir({})
  const { log } = await saved(dir, (all) => {
    connect(all, 'n1')
    connect(all, 'n2')
    all.disconnected('n2', start)
  })
  await log.close()
  const known = await loadKnownNodes(dir, logger)
  const seen = new Map(known.map(({ name, lastSeen }) => [name, lastSeen]))
  t.ok((seen.get('n1') ?? '') > start)
  t.equal(seen.get('n2'), start)
})

test('a forgotten node is forgotten', async (t) => {
  const dir = t.testdir({})
  const { nodes, log } = await saved(dir, (all) => connect(all, 'n1', [1]))
  nodes.forget('n1')
  log.changed()
  await log.close()
  t.strictSame(await read(dir), {})
})

test('a log that has grown is written again', async (t) => {
  const dir = t.testdir({})
  const { nodes, log } = await saved(dir, (all) => connect(all, 'n1'))
  let [largest, size] = [0, 0]
  for (let nth = 0; size >= largest && nth < 2000; nth += 1) {
    for (let node = 0; node < 100; node += 1) connect(nodes, `n${node}`, [nth])
    log.changed()
    await log.settled()
    largest = Math.max(largest, size)
    size = (await readFile(join(dir, 'nodes.log'))).length
  }
  t.ok(size < largest / 2, `${largest} bytes became ${size}`)
  await log.close()
  t.equal(Object.keys(await read(dir)).length, 100)
})

test('cut anywhere, as a crash does, the log has all that was written before', async (t) => {
  const dir = t.testdir({})
  const { nodes, log } = await saved(dir, (all) => connect(all, 'n1', [1]))
  const path = join(dir, 'nodes.log')
  const whole = [(await readFile(path)).length]
  for (let nth = 2; nth < 6; nth += 1) {
    hold(nodes, 'n1', nth)
    log.changed()
    await log.settled()
    whole.push((await readFile(path)).length)
  }
  await log.close()
  const bytes = await readFile(path)
  for (let end = whole[0] ?? 0; end <= bytes.length; end += 7) {
    await writeFile(path, bytes.subarray(0, end))
    const batches = whole.filter((size) => size <= end).length
    const held = (await read(dir))['n1'] ?? []
    t.ok(held.length >= batches, `${end} bytes: ${batches} batches, ${held.length} revisions`)
    t.strictSame(held, [1, 2, 3, 4, 5].slice(0, held.length))
  }
})

const node = { node: 'n2', seen: start, connected: false, held: '' }
const damages: [what: string, damage: (line: string) => string, reason: RegExp][] = [
  ['a changed character', (line) => line.replace('"n1"', '"m1"'), /checksum/],
  ['a line cut in the middle', (line) => line.slice(0, 30), /checksum/],
  ['nonsense', () => '\u0000\u0001', /checksum/],
  ['a record of something else', () => recordLine({ color: 'red' }).trim(), /no record/],
  ['a node without what it holds', () => recordLine({ node: 'n1' }).trim(), /no record/]
]

for (const [what, damage, reason] of damages) {
  test(`${what} loses that record, is logged and kept aside`, async (t) => {
    const dir = t.testdir({})
    const path = join(dir, 'nodes.log')
    const lost = recordLine({ node: 'n1', seen: start, connected: false, held: '' }).trim()
    await writeFile(path, `${damage(lost)}\n${recordLine(node)}`)
    const { logger: log, lines } = collectLog()
    const known = await loadKnownNodes(dir, log)
    t.strictSame(
      known.map(({ name }) => name),
      ['n2']
    )
    t.match(lines, [
      { line: 1, reason, where: path },
      { lost: 1, kept: `${path}.unreadable` }
    ])
    const kept = await readFile(`${path}.unreadable`, 'utf8')
    const { log: next } = await saved(dir, () => undefined, createNodes(known))
    await next.close()
    t.strictSame(await read(dir), { n2: [] }, 'and the next write writes the whole file again')
    t.equal(await readFile(`${path}.unreadable`, 'utf8'), kept)
  })
}

test('the list of an earlier release is read, and replaced', async (t) => {
  const earlier = [
    { name: 'n1', lastSeen: start, holding: [pathOf(1)], status: nodeStatus },
    { name: 5 },
    { name: 'n2', lastSeen: start }
  ]
  const dir = t.testdir({ 'nodes.json': JSON.stringify(earlier) })
  const known = await loadKnownNodes(dir, logger)
  const { log } = await saved(dir, () => undefined, createNodes(known))
  await log.close()
  t.strictSame(await readdir(dir), ['nodes.log'])
  t.strictSame(await read(dir), { n1: [1], n2: [] })
})

test('a list of an earlier release that cannot be read is kept aside', async (t) => {
  const dir = t.testdir({ 'nodes.json': '{"n1":' })
  const { logger: log, lines } = collectLog()
  t.strictSame(await loadKnownNodes(dir, log), [])
  t.match(lines, [{ kept: join(dir, 'nodes.json.unreadable') }])
  const { log: next } = await saved(dir, (all) => connect(all, 'n1'))
  await next.close()
  t.equal(await readFile(join(dir, 'nodes.json.unreadable'), 'utf8'), '{"n1":')
})

test('a folder that cannot be written loses nothing: the next write has all', async (t) => {
  const dir = t.testdir({})
  const { logger: log, lines } = collectLog()
  const nodes = createNodes([])
  connect(nodes, 'n1', [1])
  const records = createNodeLog(join(dir, 'missing'), nodes, 0, log)
  records.changed()
  await records.settled()
  t.match(lines, [{ code: 'WRITE_FAILED', msg: 'nodes not saved' }])
  await records.close()
})
