import { revisionPath } from '../../../../src/api/names.js'
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { test } from 'tap'
import { NodeStatus } from '../../../../src/api/gen/hub.js'
import {
  decodeSummary,
  encodeSummary,
  mostBytes
} from '../../../../webhook/cluster/replicas/hub-summary.js'
import { mostReplacements } from '../../../../webhook/cluster/replicas/summary-blocks.js'
import { nodeState, pathOf } from '../cluster-objects.js'
import { runs } from '../../../helpers/fuzz.js'

test('a summary has what the hub knows of each node and path', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 }),
      fc.array(fc.tuple(fc.uniqueArray(fc.integer({ min: 0, max: 30 })), fc.boolean()), {
        maxLength: 12
      }),
      (wanted, held) => {
        const nodes = held.map(([holding, connected], at) =>
          nodeState(`node-${at}`, holding.map(pathOf), connected)
        )
        const summary = decodeSummary(encodeSummary(nodes, wanted.map(pathOf)))
        if (summary === undefined) return false
        const connected = nodes.filter((node) => node.connected).map(({ name }) => name)
        if ([...summary.connected].join() !== connected.join()) return false
        for (let at = 0; at <= 31; at += 1) {
          const lacking = nodes
            .filter(({ holding }) => !wanted.includes(at) || !holding.has(pathOf(at)))
            .map(({ name }) => name)
          if ([...summary.lacking(pathOf(at))].sort().join() !== lacking.sort().join()) return false
        }
        return true
      }
    ),
    { numRuns: runs(250) }
  )
  t.equal(decodeSummary(Buffer.from('nonsense')), undefined)
  t.end()
})

test('content that is no summary does not crash a replica', (t) => {
  const bytes = encodeSummary([nodeState('node-1', [pathOf(1)], true)], [pathOf(1), pathOf(2)])
  const wire = JSON.parse(gunzipSync(bytes).toString()) as Record<string, unknown>
  const read = (change: Record<string, unknown>) =>
    decodeSummary(gzipSync(JSON.stringify({ ...wire, ...change })))
  t.ok(read({}))
  const blocks = { block: 'b', replaced: [0], digests: '', closed: [1] }
  t.ok(read({ blocks }))
  const failure = { node: 0, path: 'p', code: 'c', message: 'm' }
  t.ok(read({ failures: [failure], more: 1 }))
  for (const change of [
    { version: 1 },
    ...[
      'nodes',
      'away',
      'seen',
      'kinds',
      'statuses',
      'groups',
      'failures',
      'runtimes',
      'machines'
    ].flatMap((member) => [{ [member]: null }, { [member]: [null] }, { [member]: [{}] }]),
    { paths: 7 },
    { groups: [{ nodes: [0], lacks: ['x'] }] },
    { failures: [{ ...failure, node: 'node-1' }] },
    { runtimes: [{ name: 'runc' }] },
    { blocks: null },
    { blocks: { ...blocks, block: 7 } },
    { blocks: { ...blocks, digests: [] } },
    { blocks: { ...blocks, replaced: ['x'] } },
    { blocks: { ...blocks, closed: {} } }
  ]) {
    t.equal(read(change), undefined, JSON.stringify(change))
  }
  t.equal(decodeSummary(gzipSync('null')), undefined)
  t.end()
})

test('a summary is bounded, and small for a complete fleet', (t) => {
  const paths = Array.from({ length: 4000 }, (_, at) =>
    revisionPath('shop', `p${at}`, `sha256:${at.toString(16).padStart(64, '0')}`)
  )
  const complete = Array.from({ length: 2000 }, (_, at) =>
    nodeState(`ip-10-0-${at}.ec2.internal`, paths)
  )
  const calm = encodeSummary(complete, paths)
  t.ok(calm.length < 80_000, `2,000 nodes, 4,000 revisions: ${calm.length} bytes`)
  const torn = complete.map((node, at) =>
    at % 2 === 0
      ? node
      : nodeState(
          node.name,
          paths.filter((_, index) => (index * 7 + at) % 13 !== 0)
        )
  )
  const worst = encodeSummary(torn, paths)
  t.ok(worst.length <= mostBytes, `each second node lacks others: ${worst.length} bytes`)
  const read = decodeSummary(worst)
  const said = (path: string, name: string): boolean => read?.lacking(path).has(name) === true
  const wrong = torn.filter(
    ({ name, holding }) => !holding.has(paths[5] ?? '') && !said(paths[5] ?? '', name)
  )
  t.same(wrong, [], 'what is cut off is never said to be there')
  t.end()
})

test('what a block leaves of revisions is bounded, and what does not fit is closed', (t) => {
  const digest = (at: number) => `sha256:${createHash('sha256').update(String(at)).digest('hex')}`
  const pathTo = (at: number) => revisionPath('shop', `p${at}`, digest(at))
  const less = (at: number) => digest(-1 - at)
  // [what, revisions, nodes that lack others of them]
  const table: [what: string, revisions: number, torn: number, replaced: number][] = [
    ['few', 10, 0, 10],
    ['more than a summary lists', mostReplacements + 100, 0, mostReplacements],
    ['a fleet that makes it too large as well', 45_000, 40, 0]
  ]
  for (const [what, revisions, torn, replaced] of table) {
    const all = Array.from({ length: revisions }, (_, at) => at)
    const paths = all.map(pathTo)
    const digests = new Map(all.map((at) => [pathTo(at), less(at)]))
    const nodes = Array.from({ length: Math.max(torn, 1) }, (_, nth) =>
      nodeState(
        `node-${nth}`,
        torn === 0 ? paths : paths.filter((_path, at) => (at * 7 + nth) % 13 !== 0)
      )
    )
    const bytes = encodeSummary(nodes, paths, { block: 'b', digests })
    t.ok(bytes.length <= mostBytes, `${what}: ${bytes.length} bytes`)
    const { blocks } = decodeSummary(bytes) ?? {}
    const left = all.map((at) => blocks?.without(pathTo(at), digest(at)))
    t.same(left.slice(0, replaced), all.slice(0, replaced).map(less), `${what}: the first ones`)
    t.ok(
      left.slice(replaced).every((one) => one === undefined),
      `${what}: no revision that allows what is blocked is left as it is`
    )
  }
  t.end()
})

test('a damaged list of replacements opens no revision', (t) => {
  const wide = `sha256:${'1'.repeat(64)}`
  const digests = new Map([[pathOf(1), `sha256:${'a'.repeat(64)}`]])
  const bytes = encodeSummary([nodeState('a', [pathOf(1)])], [pathOf(1)], { block: 'b', digests })
  const wire = JSON.parse(gunzipSync(bytes).toString()) as { blocks: object }
  for (const change of [{ digests: '' }, { digests: 'x' }, { digests: '='.repeat(43) }]) {
    const damaged = { ...wire, blocks: { ...wire.blocks, ...change } }
    const read = decodeSummary(gzipSync(JSON.stringify(damaged)))
    t.equal(read?.blocks?.without(pathOf(1), wide), undefined, JSON.stringify(change))
  }
  t.end()
})

test('a summary has what the next active hub needs of each node', (t) => {
  const status = (arch: string, version: string) =>
    NodeStatus.fromPartial({ arch, kernel: '6.18.0', runtimes: [{ name: 'runc', version }] })
  const nodes = [
    { ...nodeState('a', []), status: status('x86_64', '1.1.5') },
    { ...nodeState('b', [], false), status: status('x86_64', '1.1.5') },
    { ...nodeState('c', []), status: status('aarch64', '1.2.8') },
    nodeState('d', [])
  ]
  const summary = decodeSummary(encodeSummary(nodes, []))
  const known = summary?.nodes.map(({ name, lastSeen, status: of }) =>
    [name, lastSeen, of?.arch, of?.runtimes.map(({ version }) => version).join()].join(' ')
  )
  t.strictSame(known, [
    'a  x86_64 1.1.5',
    'b 2026-11-24T10:00:00.000Z x86_64 1.1.5',
    'c  aarch64 1.2.8',
    'd   '
  ])
  const later = nodes.map((node) => ({ ...node, lastSeen: '2026-11-25T10:00:00.000Z' }))
  const same = later.map((node) =>
    node.connected ? node : { ...node, lastSeen: '2026-11-24T10:00:00.000Z' }
  )
  t.ok(encodeSummary(nodes, []).equals(encodeSummary(same, [])), 'time alone is no change')
  t.end()
})
