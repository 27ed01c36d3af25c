import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { emptyHistory, type WorkloadHistory } from '../../../../src/history/workload-history.js'
import { installationKey } from '../../../../webhook/hub/history/installation.js'
import { RestoredDenials } from '../../../../webhook/hub/history/restored-denials.js'
import { createRig, observationOf, until } from '../rig.js'

test('a hub with an empty disk knows the denials of the store, and counts on', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const at = '2026-11-24T10:00:00.000Z'
  const report = (nth: number, count: number, ended: boolean) => {
    const detail = {
      ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: 'app', at, firstAt: at },
      ...{ expected: false, succeeded: 0, arguments: '' }
    }
    uplink.offer(
      observationOf(`node-a/boot/40265.${nth}.1`, ['read'], {
        ...{ sequence: count, ended, firstSeen: at, lastSeen: at },
        denied: [{ name: 'getsid', count, action: 'SCMP_ACT_ERRNO', detail }]
      })
    )
  }
  report(1, 3, true)
  report(2, 1, false)
  await uplink.flush()
  const rowsOf = (one: typeof hub) =>
    one.denialRows
      .list()
      .map(({ instance, count, comm, answer, firstSeen, workload, profile }) =>
        [instance, count, comm, answer, firstSeen, workload, profile].join(' ')
      )
  await hub.close()
  await rm(join(rig.dir, 'revisions'), { recursive: true })
  const again = await rig.hub({ listen: hub.address })
  t.strictSame(rowsOf(again).sort(), [
    `node-a/boot/40265.1.1 3 app EPERM ${at} Container/web web`,
    `node-a/boot/40265.2.1 1 app EPERM ${at} Container/web web`
  ])
  t.ok(again.denialRows.knownSince() < new Date().toISOString())
  await until(
    () => again.nodes()[0]?.connected === true,
    (listener) => again.onChange(listener)
  )
  report(2, 1, false)
  report(2, 4, false)
  await uplink.flush()
  t.match(rowsOf(again).join('\n'), /40265\.2\.1 4 app EPERM/, 'three more')
  t.equal(again.denialRows.list().length, 2)
})

/** Returns what histories restore. */
function restoredDenials(histories: readonly WorkloadHistory[]) {
  const restored = new RestoredDenials()
  for (const one of histories) restored.add(one)
  return restored.saved()
}

/** A report of calls that a container was denied: who made how many of them, in all reports so far. */
const denied = (instance: string, comm: string, count: number, more: object = {}) => {
  const at = new Date().toISOString()
  const detail = {
    ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm, at, firstAt: at },
    ...{ expected: false, succeeded: 0, arguments: '', ...more }
  }
  return observationOf(instance, ['read'], {
    ...{ sequence: count, firstSeen: at, lastSeen: at },
    denied: [{ name: 'socket', count, action: 'SCMP_ACT_ERRNO', detail }]
  })
}

test('each caller, answer and argument has its own row again, with its count and its times', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const uplink = await rig.uplink(hub.address.port, 'node-a')
  const reports: readonly [string, number, object?][] = [
    ['curl', 5],
    ['sh', 7],
    ['sh', 8, { errno: 13 }],
    ['sh', 11, { arguments: '26 5 0 ? ? ?' }],
    ['curl', 12]
  ]
  for (const [comm, count, more] of reports) {
    uplink.offer(denied('node-a/boot/40265.1.1', comm, count, more))
    await uplink.flush()
  }
  const rowsOf = (one: typeof hub) =>
    one.denialRows
      .list()
      .map((row) =>
        [row.comm, row.answer, row.arguments, row.count, row.firstSeen, row.at].join(' ')
      )
      .sort()
  const before = rowsOf(hub)
  t.equal(before.length, 4)
  await hub.close()
  await rm(join(rig.dir, 'revisions'), { recursive: true })
  const again = await rig.hub({ listen: hub.address })
  t.strictSame(rowsOf(again), before)
  await until(
    () => again.nodes()[0]?.connected === true,
    (listener) => again.onChange(listener)
  )
  uplink.offer(denied('node-a/boot/40265.1.1', 'sh', 13))
  await uplink.flush()
  t.same(
    again.denialRows
      .list()
      .map(({ comm, answer, count }) => `${comm} ${answer} ${count}`)
      .sort(),
    ['curl EPERM 6', 'sh EACCES 1', 'sh EPERM 3', 'sh EPERM 3'],
    'one more call of sh'
  )
})

test('a denial is of the profile that denied it, and of nobody where its callers are not known apart', (t) => {
  const workload = { namespace: 'shop', kind: 'Job', name: 'once', container: 'app' }
  const at = '2026-11-24T10:00:00.000Z'
  const denial = {
    ...{ instance: 'n1/boot/1.1.1', abi: 'x86_64', syscall: 'getsid', action: 'SCMP_ACT_ERRNO' },
    ...{ answer: 'EPERM', count: 9, first: at, last: at, processes: ['curl', 'sh'] }
  }
  const restored = (more: object) => {
    const history = { ...emptyHistory(workload, at), profiles: ['shop/my-web', 'shop/web.srv'] }
    const installation = emptyHistory(installationKey, at)
    const saved = restoredDenials([installation, { ...history, denials: [{ ...denial, ...more }] }])
    return saved?.rows.map(({ profile, comm, count }) => [profile, comm, count])
  }
  t.same(restored({}), [['my-web', '', 9]], 'as an earlier release recorded it')
  t.same(restored({ processes: ['sh'], profile: 'web.srv' }), [['web.srv', 'sh', 9]])
  const callers = ['curl', 'sh'].map((comm) => ({
    ...{ comm, answer: 'EPERM', count: 4, first: at, last: at }
  }))
  t.same(
    restored({ callers }),
    [
      ['my-web', 'curl', 4],
      ['my-web', 'sh', 4],
      ['my-web', '', 1]
    ],
    'the sum is that of the satellite'
  )
  t.same(
    restored({ callers, count: 6 }),
    [
      ['my-web', 'curl', 4],
      ['my-web', 'sh', 2]
    ],
    'what two hubs counted apart is not counted twice'
  )
  t.end()
})

test('since when denials are known: the begin of the history, or the last one without a row', (t) => {
  t.equal(restoredDenials([]), undefined)
  const since = '2026-11-01T00:00:00.000Z'
  const installation = emptyHistory(installationKey, since)
  t.match(restoredDenials([installation]), { since, rows: [] })
  const last = '2026-11-05T00:00:00.000Z'
  const sums = [
    { what: 'denial x86_64 getsid EPERM', count: 7, records: 2, first: since, last },
    { what: 'start', count: 9, records: 9, first: since, last: '2026-11-09T00:00:00.000Z' }
  ]
  const workload = { namespace: 'shop', kind: 'Job', name: 'once', container: 'app' }
  const busy = { ...emptyHistory(workload, since), earlier: { sums, counted: '' } }
  t.match(restoredDenials([installation, busy]), { since: last, rows: [] })
  t.end()
})
