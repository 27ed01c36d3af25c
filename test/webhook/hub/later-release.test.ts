import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { test } from 'tap'
import { NodeStatus } from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import { recordLine } from '../../../src/lib/record-log.js'
import { decodeSummary, encodeSummary } from '../../../webhook/cluster/replicas/hub-summary.js'
import { loadDenials } from '../../../webhook/hub/denial-file.js'
import { DenialRows } from '../../../webhook/hub/denials/denial-rows.js'
import { loadKnownNodes } from '../../../webhook/hub/nodes/node-log.js'
import { openDiscovery } from '../../../webhook/hub/observations/discovery-file.js'
import { withLaterMembers } from '../../helpers/later-members.js'
import { nodeState, pathOf } from '../cluster/cluster-objects.js'
import { collectLog, nodeStatus } from './rig.js'

const at = '2026-01-01T00:00:00.000Z'
const denial = {
  ...{
    key: 'k',
    node: 'n1',
    namespace: 'shop',
    workload: 'Pod/web',
    profile: 'web',
    container: 'c'
  },
  ...{
    containerName: 'app',
    pod: 'web',
    instance: 'i',
    revision: '',
    syscall: 'bpf',
    abi: 'x86_64'
  },
  ...{ arguments: '', action: 'SCMP_ACT_ERRNO', answer: 'EPERM', signal: '', comm: '', at },
  ...{ firstSeen: at, lastSeen: at, errno: 1, pid: 1, count: 1, succeeded: 0, expected: false }
}
const found = { at, instance: 'i', node: 'n', part: 'entry', what: 'start', names: ['read'] }
const discovery = {
  'shop/web': {
    ...{ events: [{ ...found, count: 1, own: 1, all: 1 }], counts: { read: 1 } },
    instances: { i: { counts: { read: 1 }, events: ['start'] } }
  }
}
const nodes = [
  { number: 0, path: 'secco/shop/web/a.json' },
  { node: 'n1', seen: at, connected: true, held: 'AQ==' },
  { node: 'n1', status: NodeStatus.fromPartial(nodeStatus) },
  { at }
]
const summary = JSON.parse(
  gunzipSync(encodeSummary([nodeState('n1', [pathOf(1)], true)], [pathOf(1), pathOf(2)])).toString()
) as unknown

/** Each record that only the hub writes: how it is read, and which of its objects are keyed by data. */
const stored: {
  what: string
  value: unknown
  read: (value: unknown, path: string, logger: Logger) => Promise<unknown>
  isMap?: (at: string) => boolean
}[] = [
  {
    what: 'denials',
    value: { since: at, rows: [denial], runs: { n1: 'boot' } },
    isMap: (place) => place === '/runs',
    async read(value, path, logger) {
      await writeFile(path, JSON.stringify(value))
      const saved = await loadDenials(path, logger)
      return saved && new DenialRows(saved).list().map(({ key, count }) => ({ key, count }))
    }
  },
  {
    what: 'discovery',
    value: discovery,
    isMap: (place) => place === '' || /\/(?:counts|instances)$/.test(place),
    async read(value, path, logger) {
      await writeFile(path, JSON.stringify(value))
      const opened = await openDiscovery(path, logger)
      return [...opened.saved()].map(([key, { events, counts, instances }]) => [
        ...[key, counts, Object.keys(instances)],
        events.map(({ what, names }) => ({ what, names }))
      ])
    }
  },
  {
    what: 'nodes',
    value: nodes,
    async read(value, path, logger) {
      await writeFile(path, (value as object[]).map(recordLine).join(''))
      return loadKnownNodes(join(path, '..'), logger)
    }
  },
  {
    what: 'nodes of an earlier release',
    value: [{ name: 'n1', lastSeen: at, holding: ['a'], status: nodes[2]?.status }],
    async read(value, path, logger) {
      await writeFile(join(path, '..', 'nodes.json'), JSON.stringify(value))
      return loadKnownNodes(join(path, '..'), logger)
    }
  },
  {
    what: 'the summary for other replicas',
    value: summary,
    read: (value) => {
      const known = decodeSummary(gzipSync(JSON.stringify(value)))
      const lacks = [...(known?.lacking(pathOf(2)) ?? [])]
      return Promise.resolve({ ...known, lacking: undefined, lacks })
    }
  }
]

for (const { what, value, read, isMap } of stored)
  test(`${what}: a member that a later release wrote hides nothing that is known`, async (t) => {
    const { logger, lines } = collectLog()
    const path = join(t.testdir({}), 'nodes.log')
    const expected = await read(value, path, logger)
    t.ok(JSON.stringify(expected).length > 20, 'the sample is read')
    const changed = withLaterMembers(value, isMap)
    t.ok(changed.length > 1)
    for (const { at: place, value: later } of changed)
      t.strictSame(await read(later, path, logger), expected, place)
    t.strictSame(lines, [])
  })
