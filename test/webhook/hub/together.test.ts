import { credentials, type ServiceError, status } from '@grpc/grpc-js'
import { type Test, test } from 'tap'
import {
  Hello,
  HubClient,
  type HubMessage,
  Observations,
  SatelliteMessage
} from '../../../src/api/gen/hub.js'
import type { Hub } from '../../../webhook/hub/hub.js'
import { largestMessage, streamService } from '../../../webhook/hub/stream/stream-service.js'
import { until } from '../../helpers/until.js'
import { createRig, nodeStatus, observationOf } from './rig.js'
import { matchLists } from '../../helpers/match-lists.js'

type Rig = Awaited<ReturnType<typeof createRig>>

async function connect(t: Test, rig: Rig, hub: Hub, node: string, together: boolean) {
  const { ca, key, cert } = await rig.clientTls(node)
  const pem = [ca, key, cert].map((text) => Buffer.from(text))
  const client = new HubClient(`localhost:${hub.address.port}`, credentials.createSsl(...pem))
  t.teardown(() => client.close())
  const call = client.connect()
  const failures: number[] = []
  call.on('error', ({ code }: ServiceError) => failures.push(code))
  const received: NonNullable<HubMessage['body']>[] = []
  call.on('data', ({ body }: HubMessage) => {
    if (body !== undefined) received.push(body)
  })
  const send = (body: NonNullable<SatelliteMessage['body']>) => call.write({ body })
  const hello = Hello.fromPartial({ node, status: nodeStatus, takesAcksTogether: together })
  send({ $case: 'hello', value: hello })
  const welcome = await until('a welcome', () =>
    received.flatMap((body) => (body.$case === 'welcome' ? [body.value] : [])).at(0)
  )
  const acks = () =>
    received.flatMap((body) => {
      if (body.$case === 'observationAck') return [body.value.id]
      return body.$case === 'observationAcks' ? body.value.acks.map(({ id }) => id) : []
    })
  return { send, received, welcome, acks, failures, close: () => call.cancel() }
}

test('many observations in one message, and their acks in one', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub({ limits: { observationBytes: 10_000 } })
  const ids = Array.from({ length: 40 }, (_, n) => `node-a/b/${n}`)
  const observations = ids.map((id) => observationOf(id, ['read', 'write'], { ended: true }))
  const large = observationOf('node-a/b/large', [`x${'y'.repeat(11_000)}`])

  const newer = await connect(t, rig, hub, 'node-a', true)
  t.ok(newer.welcome.observationsAtOnce > ids.length)
  newer.send({ $case: 'observations', value: { observations: [...observations, large] } })
  await until('every ack', () => (newer.acks().length === ids.length ? true : undefined))
  t.same(newer.acks().sort(), [...ids].sort(), 'each once')
  const messages = newer.received.filter(({ $case }) => $case.startsWith('observationAck'))
  // A slow machine takes them in several turns, of which each has a write.
  t.ok(messages.length < ids.length / 2, 'told when the write is durable, together')
  matchLists(
    t,
    newer.received.filter(({ $case }) => $case === 'observationRejected'),
    [{ value: { id: 'node-a/b/large', reason: 'too-large' } }],
    'one that is too large does not take the others with it'
  )
  const stored = await rig.store.get('SeccompProfile', { namespace: 'default', name: 'web' })
  t.same(stored?.status?.observed, { x86_64: ['read', 'write'] })
  newer.close()

  const older = await connect(t, rig, hub, 'node-b', false)
  for (const n of [1, 2, 3]) {
    older.send({ $case: 'observation', value: observationOf(`node-b/b/${n}`, ['read']) })
  }
  await until('every ack', () => (older.acks().length === 3 ? true : undefined))
  t.notOk(
    older.received.some(({ $case }) => $case === 'observationAcks'),
    'one a message for whoever knows nothing else'
  )
  older.close()
})

test('too many observations in a message end its stream before they are decoded', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub({})
  const [rude, other] = [
    await connect(t, rig, hub, 'node-a', true),
    await connect(t, rig, hub, 'node-b', true)
  ]
  const most = rude.welcome.observationsAtOnce
  const empty = (count: number) =>
    Observations.fromPartial({ observations: Array.from({ length: count }, () => ({})) })
  const { requestDeserialize } = streamService.connect
  const bytesOf = (count: number): Buffer =>
    Buffer.from(
      SatelliteMessage.encode({ body: { $case: 'observations', value: empty(count) } }).finish()
    )
  const { body } = requestDeserialize(bytesOf(most))
  t.match(body, { $case: 'observations', value: { observations: { length: most } } })
  const half = bytesOf(500_000)
  t.ok(half.length < largestMessage, 'what gRPC lets in')
  for (const bytes of [bytesOf(most + 1), half, Buffer.concat([bytesOf(most), bytesOf(1)])])
    t.throws(() => requestDeserialize(bytes), { message: /more than \d+ observations/ })

  rude.send({ $case: 'observations', value: empty(most + 1) })
  await until('the end of that stream', () => rude.failures.at(0))
  t.same(rude.failures, [status.INTERNAL])
  const one = observationOf('node-b/b/1', ['read'], { ended: true })
  other.send({ $case: 'observations', value: { observations: [one] } })
  t.equal(await until('an ack of another', () => other.acks().at(0)), one.id)
  t.same(other.failures, [])
})
