import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import type { Observation } from '../../../../src/api/gen/hub.js'
import {
  historyName,
  parseHistory,
  type WorkloadHistory
} from '../../../../src/history/workload-history.js'
import { freePort } from '../../../helpers/child-program.js'
import { runs } from '../../../helpers/fuzz.js'
import { seededRandom } from '../../../helpers/random.js'
import { until } from '../../../helpers/until.js'
import { createRig, observationOf } from '../rig.js'

const program = fileURLToPath(new URL('./hub-process.js', import.meta.url))
const seed = Number(process.env['SECCO_TEST_SEED'] ?? Date.now() % 1_000_000)
const kills = runs(8)
const perKill = 12

/** Starts the hub as a process; resolves when it listens. */
async function startHubProcess(dir: string, port: number): Promise<[ChildProcess, number]> {
  const child = spawn(process.execPath, [program, dir, String(port)], {
    stdio: ['pipe', 'pipe', 'ignore']
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return [child, Number(line)]
}

const timeOf = (nth: number, ms = 0): string =>
  new Date(Date.parse('2026-11-24T10:00:00.000Z') + nth * 1000 + ms).toISOString()

/** What the node reports of its nth container after `calls` denied calls; all of it again each time. */
function reportOf(nth: number, calls: number, ended: boolean): Observation {
  const detail = {
    ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: `app-${nth % 2}`, expected: false },
    ...{ at: timeOf(nth, calls), firstAt: timeOf(nth, 1), succeeded: 0, arguments: '' }
  }
  return observationOf(
    `node-a/boot/40265.${nth}.1`,
    ['read', `getsid`, nth === 3 ? 'mmap' : 'write'],
    {
      ...{ sequence: calls, ended, firstSeen: timeOf(nth), lastSeen: timeOf(nth, calls) },
      ...(ended ? { endedAt: timeOf(nth, calls) } : {}),
      container: {
        ...{
          id: `c${nth}`,
          runtime: 'runc',
          name: 'web',
          image: `web:${nth}`,
          labels: {},
          profile: ''
        },
        ...{ podNamespace: '', podName: '', podUid: '' }
      },
      denied: [{ name: 'getsid', count: calls, action: 'SCMP_ACT_ERRNO', detail }]
    }
  )
}

test('kill -9 of the hub at any moment: nothing is missing and nothing is counted twice', {
  timeout: 600_000
}, async (t) => {
  t.comment(`seed ${seed} (repeat with SECCO_TEST_SEED)`)
  const random = seededRandom(seed)
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const [first, port] = await startHubProcess(rig.dir, await freePort())
  let hub = first
  t.teardown(() => hub.kill('SIGKILL'))
  const uplink = await rig.uplink(port, 'node-a')
  const expected: { nth: number; calls: number }[] = []
  for (let kill = 0; kill < kills; kill += 1) {
    for (let each = 0; each < perKill; each += 1) {
      const nth = expected.length
      const calls = 1 + Math.floor(random() * 5)
      for (let call = 1; call <= calls; call += 1) {
        uplink.offer(reportOf(nth, call, call === calls))
        await delay(random() * 12)
      }
      expected.push({ nth, calls })
    }
    await delay(random() * 300)
    hub.kill('SIGKILL')
    await once(hub, 'exit')
    ;[hub] = await startHubProcess(rig.dir, port)
  }
  await until(
    'everything to be acked',
    () => {
      if (uplink.backlog().waiting === 0) return true
      throw new Error(JSON.stringify(uplink.backlog()))
    },
    { timeoutMs: 60_000 }
  )
  // What is acked is in the store: the hub gets no chance to write anything more.
  hub.kill('SIGKILL')
  await once(hub, 'exit')
  const workload = { namespace: 'default', kind: 'Container', name: 'web', container: '' }
  const stored = await rig.store.history.get(historyName(workload))
  const history = parseHistory(stored?.text ?? '') as WorkloadHistory
  t.strictSame(history.earlier, undefined, 'small enough to be compared one by one')
  t.strictSame(
    history.starts.map(({ run, at, ended, image }) => [run, at, ended, image]),
    expected.map(({ nth, calls }) => [
      `node-a/boot/40265.${nth}`,
      timeOf(nth),
      timeOf(nth, calls),
      `web:${nth}`
    ])
  )
  t.strictSame(
    history.denials.map(({ instance, count, first, last, processes }) =>
      JSON.stringify([instance, count, first, last, processes])
    ),
    expected.map(({ nth, calls }) =>
      JSON.stringify([
        `node-a/boot/40265.${nth}.1`,
        ...[calls, timeOf(nth, 1), timeOf(nth, calls), [`app-${nth % 2}`]]
      ])
    )
  )
  const calls = history.calls.flatMap(({ names, run }) => names.map((name) => `${name} ${run}`))
  // getsid was denied each time, so nothing used it.
  t.strictSame(calls.sort(), [
    'mmap node-a/boot/40265.3',
    'read node-a/boot/40265.0',
    'write node-a/boot/40265.0'
  ])
})
