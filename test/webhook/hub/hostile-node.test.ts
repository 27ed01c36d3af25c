import { createHash } from 'node:crypto'
import { credentials } from '@grpc/grpc-js'
import { t, type Test, test } from 'tap'
import {
  Hello,
  HubClient,
  Inventory,
  RevisionStatus,
  type SatelliteMessage,
  UsedSets
} from '../../../src/api/gen/hub.js'
import type { Hub } from '../../../webhook/hub/hub.js'
import type { NodeState } from '../../../webhook/hub/nodes/node-state.js'
import { until } from '../../helpers/until.js'
import { createRig, nodeStatus, observationOf } from './rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

type Rig = Awaited<ReturnType<typeof createRig>>

/** Connects with a valid certificate of a node that was taken over. */
async function takenOver(t: Test, rig: Rig, hub: Hub) {
  const { ca, key, cert } = await rig.clientTls('node-a')
  const pem = [ca, key, cert].map((text) => Buffer.from(text))
  const client = new HubClient(`localhost:${hub.address.port}`, credentials.createSsl(...pem))
  t.teardown(() => client.close())
  const call = client.connect()
  call.on('error', () => undefined)
  call.on('data', () => undefined)
  const send = (body: NonNullable<SatelliteMessage['body']>) =>
    new Promise<void>((taken) => call.write({ body }, () => taken()))
  await send({ $case: 'hello', value: Hello.fromPartial({ node: 'node-a', status: nodeStatus }) })
  return send
}

const digestOf = (n: number) => `sha256:${createHash('sha256').update(String(n)).digest('hex')}`

test('what a node says of revisions is bounded, in memory and in the log', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const send = await takenOver(t, rig, hub)
  const named = { namespace: 'shop', profile: 'web.app', ready: false, code: 'X' }
  const message = 'm'.repeat(2000)
  for (let n = 0; n < 1500; n += 1) {
    const value = RevisionStatus.fromPartial({ ...named, digest: digestOf(n), message })
    await send({ $case: 'revisionStatus', value })
  }
  const strange = { ...named, namespace: 'a/b', profile: 'p'.repeat(5000), digest: digestOf(1) }
  await send({ $case: 'revisionStatus', value: RevisionStatus.fromPartial(strange) })
  const last = RevisionStatus.fromPartial({ ...named, digest: digestOf(1499), message: 'the last' })
  await send({ $case: 'revisionStatus', value: last })
  const path = `secco/shop/web.app/${digestOf(1499).slice('sha256:'.length)}.json`
  const problems = await until('the last one', () => {
    const known = (hub.node('node-a') as NodeState | undefined)?.problems
    return known?.get(path)?.message === 'the last' ? known : undefined
  })
  t.equal(problems.size, 1000)
  t.ok([...problems.values()].every((one) => one.message.length <= 512))
  t.notOk([...problems.keys()].some((one) => one.includes('ppppp')))
  const lines = rig.log.lines.filter(({ msg }) => msg.startsWith('mmm'))
  t.ok(lines.length < 1400, `${lines.length} lines`)
  t.ok(lines.every(({ msg }) => msg.length <= 512))
})

test('texts of a denial are short', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const send = await takenOver(t, rig, hub)
  const text = 'z'.repeat(50_000)
  const detail = { abi: 'x86_64', errno: 1, comm: text }
  const denied = [{ name: 'mount', count: 1, action: 'SCMP_ACT_ERRNO', detail }]
  const container = { id: text, runtime: 'runc', name: 'web', podUid: text, podName: text }
  const more = { container, revision: text, denied } as unknown as Parameters<
    typeof observationOf
  >[2]
  await send({ $case: 'observation', value: observationOf('node-a/b/1', ['read'], more) })
  const [denial] = await until('the denial', () =>
    hub.denials().length > 0 ? hub.denials() : undefined
  )
  t.same([denial?.syscall, denial?.comm.length, denial?.container.length], ['mount', 15, 512])
  t.ok(JSON.stringify(denial).length < 3000, 'all of it')
  t.ok(JSON.stringify(hub.denialRows.list()).length < 4000)
})

test('bytes cost a node its turn, whatever they are', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub({ timing: { perSecond: 1, burst: 256 } })
  const send = await takenOver(t, rig, hub)
  const bitmap = Buffer.alloc(900_000)
  const value = UsedSets.fromPartial({ sets: [{ key: 'k', abis: [{ abi: 'x86_64', bitmap }] }] })
  for (let n = 0; n < 20; n += 1) void send({ $case: 'used', value })
  const rejected = () => hub.rejected()['status-too-large']
  await until('two megabytes', () => (rejected() >= 2 ? true : undefined))
  const uplink = await rig.uplink(hub.address.port, 'node-b')
  uplink.offer(observationOf('node-b/b/1', ['read'], { ended: true }))
  await until('an honest node', async () => {
    const stored = await rig.store.get('SeccompProfile', { namespace: 'default', name: 'web' })
    return stored?.status?.observed
  })
  t.ok(rejected() < 10, `${rejected()} of 20 were read`)
})

test('labels of a node have a limit together', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const send = await takenOver(t, rig, hub)
  const labels = { app: 'web', long: 'l'.repeat(60_000) }
  const report = (key: string) =>
    send({
      $case: 'inventory',
      value: Inventory.fromPartial({
        containers: [{ key, container: { id: key, name: key, labels } }]
      })
    })
  for (let n = 0; n < 400; n += 1) await report(`k${n}`)
  const all = await until('all of them', () => {
    const own = [...hub.inventory.of('node-a')]
    return own.length === 400 ? own : undefined
  })
  const length = all.reduce((sum, one) => sum + JSON.stringify(one.container?.labels).length, 0)
  t.ok(length < 17 * 1024 * 1024, `${length} characters`)
  t.match(all[0]?.container?.labels, labels)
  t.same(all.at(-1)?.container?.labels, {}, 'who comes later has none')
})
