import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SyscallCount } from '../../src/api/gen/hub.js'
import { boundHistory } from '../../src/history/bound-history.js'
import { mergeHistories } from '../../src/history/merge-history.js'
import {
  emptyHistory,
  historyName,
  type WorkloadHistory,
  type WorkloadKey
} from '../../src/history/workload-history.js'
import { historyObject } from '../../src/store/history-store.js'
import { until } from '../helpers/until.js'
import { createRig, observationOf } from '../webhook/hub/rig.js'
import { type BenchRow, type Limit, toRow } from './row.js'

const workloads = 1000
/** A node may bring so many new profiles a minute, and no more. */
const nodes = 20
const perSecond = 50
const seconds = 30
const settleMs = 20_000
const program = fileURLToPath(new URL('./history-hub.js', import.meta.url))
const since = '2026-11-01T00:00:00.000Z'

const what = `history of ${workloads} workloads, ${perSecond} denials a second`
const cpuShare = `${what}: CPU, share of a core`
const memory = `${what}: memory`
const writeRate = `${what}: writes`

export const historyLimits: readonly Limit[] = [
  { case: cpuShare, of: 'median', most: 10 },
  { case: memory, of: 'median', most: 100 },
  { case: writeRate, of: 'median', most: 20 }
]

const keyOf = (nth: number): WorkloadKey => ({
  ...{ namespace: 'default', kind: 'Container', name: `w${nth}`, container: '' }
})

/** Returns a history that is as large as one may be: each write of it costs the most. */
function fullHistory(): WorkloadHistory {
  let history = emptyHistory(keyOf(0), since)
  for (let nth = 0; nth < 1500; nth += 1) {
    const at = new Date(Date.parse(since) + nth * 60_000).toISOString()
    const run = `node-b/boot/40265.${nth}`
    const denial = { abi: 'x86_64', action: 'SCMP_ACT_ERRNO', answer: 'EPERM', processes: ['app'] }
    const denials = ['getsid', `call_${nth % 300}`].map((syscall) => ({
      ...{ ...denial, instance: `${run}.1`, syscall, count: nth + 1, first: at, last: at }
    }))
    const starts = [{ run, node: 'node-b', at, complete: true, image: `web:${nth}`, ended: at }]
    history = mergeHistories(history, { ...emptyHistory(keyOf(0), since), starts, denials })
    if (nth % 100 === 0) history = boundHistory(history)
  }
  return boundHistory(history)
}

async function prefill(dir: string, full: WorkloadHistory): Promise<void> {
  const folder = join(dir, 'objects', 'secco-system', 'configmaps')
  await mkdir(folder, { recursive: true })
  for (let nth = 0; nth < workloads; nth += 1) {
    const name = historyName(keyOf(nth))
    const text = JSON.stringify({ ...full, workload: keyOf(nth) })
    const document = historyObject(name, name, text)
    await writeFile(join(folder, `${name}.yaml`), `${JSON.stringify(document)}\n`)
  }
}

interface Cost {
  cpuMs: number
  rssMb: number
  writes: number
}

const reportOf = (nth: number, count: number) =>
  observationOf(`node-${nth % nodes}/boot/40266.${nth}.1`, ['read', 'write'], {
    ...{ sequence: count, firstSeen: since, lastSeen: new Date().toISOString() },
    container: {
      ...{ id: `c${nth}`, runtime: 'runc', name: `w${nth}`, image: 'web:1', labels: {} },
      ...{ profile: '', podNamespace: '', podName: '', podUid: '' }
    },
    denied: [SyscallCount.fromPartial({ name: 'mount', count, action: 'SCMP_ACT_ERRNO' })]
  })

/** Returns what a hub costs while its workloads are denied calls, per second. */
async function measure(mode: 'on' | 'off', full: WorkloadHistory): Promise<Cost> {
  const rig = await createRig()
  await prefill(rig.dir, full)
  const hub = spawn(process.execPath, [program, rig.dir, mode], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  try {
    const lines = createInterface({ input: hub.stdout })
    const next = async () => String((await once(lines, 'line'))[0])
    const port = Number(await next())
    const timing = { heartbeatMs: 20_000, coalesceMs: 200, resendMs: 30_000 }
    const uplinks = await Promise.all(
      Array.from({ length: nodes }, (_, nth) => rig.uplink(port, `node-${nth}`, { timing }))
    )
    const report = (nth: number, count: number) => uplinks[nth % nodes]?.offer(reportOf(nth, count))
    for (let nth = 0; nth < workloads; nth += 1) report(nth, 1)
    const cost = async (): Promise<Cost> => {
      hub.stdin.write('\n')
      return JSON.parse(await next()) as Cost
    }
    // The first reports are written within a minute; without histories the hub has nothing to write for so long.
    const first = mode === 'on' ? workloads : 0
    await delay(settleMs)
    await until('the first reports', async () => (await cost()).writes >= first || undefined, {
      ...{ timeoutMs: 300_000, everyMs: 1000 }
    })
    const [before, began] = [await cost(), performance.now()]
    for (let call = 0; call < seconds * perSecond; call += 1) {
      report(call % workloads, 2 + Math.floor(call / workloads))
      await delay(Math.max(0, began + (call * 1000) / perSecond - performance.now()))
    }
    const [after, lasted] = [await cost(), (performance.now() - began) / 1000]
    return {
      cpuMs: (after.cpuMs - before.cpuMs) / lasted,
      rssMb: after.rssMb,
      writes: (after.writes - before.writes) / lasted
    }
  } finally {
    hub.kill('SIGKILL')
    await rig.dispose()
  }
}

/** What histories cost a hub: the same hub with and without them, one after the other. */
export async function benchHistory({ rounds }: { rounds: number }): Promise<BenchRow[]> {
  const full = fullHistory()
  const pairs: { on: Cost; off: Cost }[] = []
  for (let round = 0; round < rounds; round += 1)
    pairs.push({ on: await measure('on', full), off: await measure('off', full) })
  const of = (value: (pair: { on: Cost; off: Cost }) => number) => pairs.map(value)
  const ratio = toRow(
    '',
    '',
    of(({ on, off }) => on.cpuMs / off.cpuMs)
  ).median
  return [
    toRow(
      cpuShare,
      '%',
      of(({ on, off }) => (on.cpuMs - off.cpuMs) / 10),
      {
        'the same hub without': ratio
      }
    ),
    toRow(
      memory,
      'MB',
      of(({ on, off }) => on.rssMb - off.rssMb)
    ),
    toRow(
      writeRate,
      '1/s',
      of(({ on }) => on.writes)
    )
  ]
}
