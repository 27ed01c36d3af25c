import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { parseHistory } from '../../../../src/history/workload-history.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { runKey } from '../../../../webhook/hub/denials/denial-sums.js'
import { RestoredDenials } from '../../../../webhook/hub/history/restored-denials.js'
import type { Hub } from '../../../../webhook/hub/hub.js'
import { createRig, observationOf } from '../rig.js'

const minutes = 60_000
const digest = `sha256:${'a'.repeat(64)}`

test('a clock that is wrong loses no denial when the hub is restarted, and counts none twice', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const clocks = [
    ['ahead', 5 * minutes],
    ['behind', -5 * minutes],
    ['right', 0]
  ] as const
  const began = Date.now()
  const first = await rig.hub()
  /** A time by the clock of a node, in milliseconds after the begin of its container. */
  const at = (offset: number, ms: number) => new Date(began - 1000 + offset + ms).toISOString()
  const report = (node: string, offset: number, count: number) => {
    const times = { firstSeen: at(offset, 0), lastSeen: at(offset, 20 + count) }
    const detail = {
      ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: 'app', expected: false },
      ...{ at: at(offset, 10 + count), firstAt: at(offset, 10), succeeded: 0, arguments: '' }
    }
    return observationOf(`${node}/boot/40265.1.1`, ['read'], {
      ...{ sequence: count, ...times, revision: digest },
      denied: [{ name: 'getsid', count, action: 'SCMP_ACT_ERRNO', detail }]
    })
  }
  /** What a hub knows of each node: calls of the run, in the list of its container, and when the hub heard of them. */
  const knownTo = (hub: Pick<Hub, 'denialRows'>) =>
    clocks.map(([node, offset]) => {
      const run = { node, id: 'c1', startedAt: at(offset, 0) }
      const rows = hub.denialRows.listOf(run)
      const isHeard = rows.every(({ lastSeen }) => Date.parse(lastSeen) >= began)
      const next = { ...run, startedAt: at(offset, 10 * minutes) }
      return [
        ...[node, hub.denialRows.ofContainer(run).denials, rows.map(({ count }) => count), isHeard],
        hub.denialRows.ofContainer(next).denials
      ]
    })
  const known = (count: number) => clocks.map(([node]) => [node, count, [count], true, 0])
  const reportAll = async (hub: Hub, count: number) => {
    for (const [node, offset] of clocks) {
      const uplink = await rig.uplink(hub.address.port, node)
      uplink.offer(report(node, offset, count))
      await uplink.flush()
      await uplink.close()
    }
  }
  await reportAll(first, 2)
  await reportAll(first, 3)
  t.same(knownTo(first), known(3))
  await first.close()

  const sameDisk = await rig.hub()
  t.same(knownTo(sameDisk), known(3), 'on the same disk')
  await reportAll(sameDisk, 3)
  t.same(knownTo(sameDisk), known(3), 'a report that is repeated counts once')
  await sameDisk.close()

  const restored = new RestoredDenials()
  for await (const { text } of rig.store.history.list()) {
    const history = parseHistory(text)
    if (history !== undefined) restored.add(history)
  }
  const { rows = [], runs = {} } = restored.saved() ?? {}
  const learned = new DenialRows({ since: at(0, 0), rows: [], runs: {} })
  for (const row of rows) learned.learn(row, row.count, runs[runKey(row)])
  t.same(knownTo({ denialRows: learned }), known(3), 'to a hub that takes over')

  await rm(join(rig.dir, 'revisions'), { recursive: true })
  const emptyDisk = await rig.hub()
  t.same(knownTo(emptyDisk), known(3), 'on an empty disk')
  await reportAll(emptyDisk, 4)
  t.same(knownTo(emptyDisk), known(4), 'one more')
})
