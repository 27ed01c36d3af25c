import { connect } from 'node:http2'
import { join } from 'node:path'
import { test } from 'tap'
import { credentials, status } from '@grpc/grpc-js'
import { Hello, HubClient, SatelliteMessage } from '../../../../src/api/gen/hub.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { digestOf } from '../../../../src/lib/digest.js'
import type { Store } from '../../../../src/store/store.js'
import { profileOf } from '../../../src/store/contract.js'
import { within } from '../../../helpers/until.js'
import { collectLog, createRig, nodeStatus, observationOf, until } from '../rig.js'

test('authentication: foreign authorities, other names, no certificate', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  const { port } = hub.address
  const foreign = join(rig.dir, 'foreign')
  const stranger = await rig.clientTls('node-x', foreign)
  await rig.uplink(port, 'node-x', { tls: { ...stranger, ca: rig.serverTls.ca } })
  t.match(await rig.log.seen(/connection rejected/), {
    code: 'UNAUTHENTICATED',
    peerName: 'node-x'
  })
  await rig.log.seen(/no hub: the hub closed the connection/)

  await rig.uplink(port, 'node-y', { tls: await rig.clientTls('node-z') })
  t.match(await rig.log.seen(/Hello names node/), {
    level: 'warn',
    node: 'node-z',
    code: 'UNAUTHENTICATED'
  })
  await rig.log.seen(/no hub: the hub rejects this node/)

  const misled = collectLog()
  await rig.uplink(port, 'node-w', {
    tls: await rig.clientTls('node-w', foreign),
    logger: misled.logger
  })
  await misled.seen(/not signed by this node's authority/)
  t.same(hub.nodes(), [], 'nobody came in')

  const real = await rig.uplink(port, 'node-a')
  await rig.log.seen(/connected to the hub/)
  hub.setCertificate(rig.serverTls)
  t.throws(() => hub.setCertificate({ ...rig.serverTls, key: stranger.key }), {
    code: 'CERTIFICATE_INVALID'
  })
  t.equal(real.connected, true)
})

test('a satellite that sends too much is read more slowly', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub({ timing: { perSecond: 1, burst: 1 } })
  const uplink = await rig.uplink(hub.address.port, 'node-a', { timing: { flushMs: 200 } })
  await rig.log.seen(/connected to the hub/)
  for (let nth = 0; nth < 20; nth += 1) uplink.offer(observationOf(`node-a/b/${nth}`, ['read']))
  const waiting = () => uplink.backlog().waiting
  const every = (f: () => void) => {
    const timer = setInterval(f, 5)
    return () => clearInterval(timer)
  }
  // A message that was received is not left half read: what it owes delays the next one.
  await until(() => waiting() === 0, every)
  uplink.offer(observationOf('node-a/b/last', ['write']))
  await new Promise((wake) => setTimeout(wake, 5000))
  t.equal(waiting(), 1, 'twenty at once at one a second: nothing is read for some time')
  t.equal(hub.node('node-a')?.connected, true, 'and the stream stays')
})

test('acks come after the write is durable, never before', async (t) => {
  const rig = await createRig()
  const gates: (() => void)[] = []
  const openers: NodeJS.Timeout[] = []
  t.teardown(async () => {
    // A hub that closes waits for its writes.
    await rig.dispose()
    for (const opener of openers) clearInterval(opener)
  })
  let fail = true
  const held: Store = {
    ...rig.store,
    update: async (kind, ref, change) => {
      if (fail) throw new SeccoError('WRITE_FAILED', 'injected: no space')
      const done = await rig.store.update(kind, ref, change)
      await new Promise<void>((resolve) => gates.push(resolve))
      return done
    }
  }
  const hub = await rig.hub({ store: held })
  const uplink = await rig.uplink(hub.address.port, 'node-a', { timing: { flushMs: 100 } })
  uplink.offer(observationOf('node-a/b/1', ['read']))
  await rig.log.seen(/injected.*observations not written/)
  await uplink.flush()
  t.equal(uplink.backlog().waiting, 1, 'a failed write is not acked')
  await rig.store.apply('SeccompProfile', profileOf('default', 'web'))
  fail = false
  await until(
    () => gates.length > 0,
    (f) => {
      const timer = setInterval(f, 5)
      return () => clearInterval(timer)
    }
  )
  t.equal(uplink.backlog().waiting, 1, 'nor is one that is not yet finished')
  openers.push(setInterval(() => gates.shift()?.(), 5))
  await until(
    () => uplink.backlog().waiting === 0,
    (f) => {
      const timer = setInterval(f, 5)
      return () => clearInterval(timer)
    }
  )
  t.same(
    (await rig.store.get('SeccompProfile', { namespace: 'default', name: 'web' }))?.status
      ?.observed,
    { x86_64: ['read'] }
  )
})

test('peers that misbehave: stalled, silent, too large, rude, twice the same', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  await rig.store.apply('SeccompProfile', profileOf('default', 'web', ['read']))
  const hub = await rig.hub({
    render: (_profile, { mode }) => {
      const json = JSON.stringify({ mode, padding: 'x'.repeat(300_000) })
      return { json, digest: digestOf(json) }
    },
    timing: { stallMs: 1000, heartbeatMs: 2000 }
  })
  const open = async (node: string) => {
    const { ca, key, cert } = await rig.clientTls(node)
    const pem = [ca, key, cert].map((text) => Buffer.from(text))
    const client = new HubClient(`localhost:${hub.address.port}`, credentials.createSsl(...pem))
    const call = client.connect()
    t.teardown(() => client.close())
    const ended = new Promise<{ code: number }>((resolve) =>
      call.on('error', (error) => resolve(error as unknown as { code: number }))
    )
    const failed = () => within(`the end of the stream of ${node}`, ended)
    const hello = () =>
      call.write({
        body: { $case: 'hello', value: Hello.fromPartial({ node, status: nodeStatus }) }
      })
    return { call, failed, hello }
  }
  // grpc-js reads ahead whatever the application does: a reader that stalls is made of bare HTTP/2.
  const { ca, key, cert } = await rig.clientTls('stalled')
  const session = connect(`https://localhost:${hub.address.port}`, { ca, key, cert })
  const bare = session.request({
    ':method': 'POST',
    ':path': '/secco.v1alpha1.Hub/Connect',
    'content-type': 'application/grpc',
    te: 'trailers'
  })
  const cut = new Promise((resolve) => bare.on('close', resolve))
  for (const emitter of [session, bare]) emitter.on('error', () => undefined)
  const message = SatelliteMessage.encode({
    body: { $case: 'hello', value: Hello.fromPartial({ node: 'stalled', status: nodeStatus }) }
  }).finish()
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  bare.write(Buffer.concat([header, message]))
  t.match(await rig.log.seen(/stopped reading/), { node: 'stalled' })
  await within('the end of the connection', cut)

  const silent = await open('silent')
  silent.call.resume()
  silent.hello()
  t.match(await rig.log.seen(/sent no heartbeat/), { node: 'silent' })
  await silent.failed()

  const large = await open('large')
  large.call.resume()
  large.hello()
  large.call.write({
    body: { $case: 'observation', value: observationOf('x'.repeat(2_000_000), ['read']) }
  })
  t.equal((await large.failed()).code, status.RESOURCE_EXHAUSTED)

  const rude = await open('rude')
  rude.call.resume()
  rude.call.write({ body: { $case: 'heartbeat', value: { sequence: 1 } } })
  t.equal((await rude.failed()).code, status.FAILED_PRECONDITION)

  const first = await open('twin')
  first.call.resume()
  first.hello()
  await until(
    () => hub.nodes().some(({ name, connected }) => name === 'twin' && connected),
    (f) => hub.onChange(f)
  )
  const beat = setInterval(
    () => first.call.write({ body: { $case: 'heartbeat', value: { sequence: 1 } } }),
    100
  )
  const second = await open('twin')
  second.call.resume()
  second.hello()
  const replacedBy = await first.failed()
  clearInterval(beat)
  t.equal(replacedBy.code, status.ABORTED, 'the newer connection of a node replaces the older')
  t.ok(hub.nodes().some(({ name, connected }) => name === 'twin' && connected))
  second.call.cancel()
})
