import {
  createSecureServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { ensureServerLeaf } from '../../../certs/files.js'
import { HubConnection } from '../../../satellite/uplink/hub-connection.js'
import { HubMessage } from '../../../src/api/gen/hub.js'
import { activeHubKey, unreachableHubKey } from '../../../src/api/hub-metadata.js'
import { until } from '../../helpers/until.js'
import { collectLog } from '../../webhook/hub/rig.js'

const timing = { heartbeatMs: 500, firstMs: 20, baseMs: 100, mostMs: 2000 }

type ServerLeaf = Awaited<ReturnType<typeof ensureServerLeaf>>
type OnStream = (stream: ServerHttp2Stream, nth: number, headers: IncomingHttpHeaders) => void

/** A hub in front of which nothing is hidden: `onStream` decides what becomes of each stream. */
async function hubOf(t: Test, onStream: OnStream, given?: ServerLeaf) {
  const tls = given ?? (await ensureServerLeaf(t.testdir({}), ['localhost', '127.0.0.1']))
  const dialled: number[] = []
  const server = createSecureServer({ cert: tls.cert, key: tls.key })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    dialled.push(performance.now())
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true }
    )
    stream.on('wantTrailers', () =>
      stream.sendTrailers(trailers.get(stream) ?? { 'grpc-status': '0' })
    )
    onStream(stream, dialled.length, headers)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const log = collectLog()
  let lost = 0
  const connection = new HubConnection({
    hub: `localhost:${(server.address() as AddressInfo).port}`,
    ...{ tls: { ca: tls.ca }, timing, logger: log.logger },
    greeting: () => Promise.resolve({ $case: 'heartbeat', value: { sequence: 0 } }),
    onMessage: ({ body }) => {
      if (body?.$case === 'welcome') connection.welcome()
    },
    ...{ onWritable: () => undefined, onHeartbeat: () => undefined, facts: () => ({}) },
    onLost: () => (lost += 1)
  })
  t.teardown(() => {
    connection.end()
    connection.close()
  })
  const { port } = server.address() as AddressInfo
  return { tls, port, connection, dialled, log, lost: () => lost }
}

const trailers = new WeakMap<ServerHttp2Stream, OutgoingHttpHeaders>()

/** Ends a stream as a hub on standby does. */
function sendTo(stream: ServerHttp2Stream, address: string): void {
  trailers.set(stream, { 'grpc-status': '14', [activeHubKey]: address })
  stream.end()
}

function welcome(stream: ServerHttp2Stream): void {
  const value = { hub: 'hub', version: '1', resendMs: 0, observationsAtOnce: 1 }
  const message = HubMessage.encode({ body: { $case: 'welcome', value } }).finish()
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  stream.write(Buffer.concat([header, message]))
}

test('a hub that accepts this node and drops it at once is not dialled in a tight loop', async (t) => {
  const hub = await hubOf(t, (stream) => {
    welcome(stream)
    stream.end()
  })
  hub.connection.open()
  await new Promise((wake) => setTimeout(wake, 3000))
  // Without growing waits there would be more than a hundred.
  t.ok(hub.dialled.length >= 2 && hub.dialled.length < 30, `dialled ${hub.dialled.length} times`)
})

test('a satellite leaves a hub that is silent, and finds it again', async (t) => {
  const hub = await hubOf(t, (stream, nth) => {
    welcome(stream)
    const beat = setInterval(() => nth > 1 && welcome(stream), 50)
    stream.once('close', () => clearInterval(beat))
  })
  hub.connection.open()
  t.match(await hub.log.seen(/the hub is silent/), { code: 'UNAVAILABLE' })
  await until('another stream', () => hub.dialled.length > 1 || undefined, { timeoutMs: 20_000 })
  await until('its welcome', () => hub.connection.welcomed || undefined, { timeoutMs: 20_000 })
  await new Promise((wake) => setTimeout(wake, 6 * timing.heartbeatMs))
  t.ok(hub.connection.welcomed, 'a hub that speaks is not left')
  t.equal(hub.lost(), 1)
})

test('a renewed certificate makes no hub unreachable: no stream waits on a standby', async (t) => {
  const active = await hubOf(t, (stream) => welcome(stream))
  const unreachable: unknown[] = []
  const standby: OnStream = (stream, _nth, headers) => {
    unreachable.push(headers[unreachableHubKey])
    sendTo(stream, `localhost:${active.port}`)
  }
  const service = await hubOf(t, standby, active.tls)
  service.connection.open()
  const welcomed = (what: string) =>
    until(what, () => service.connection.welcomed || undefined, { timeoutMs: 20_000 })
  await welcomed('the active hub')
  service.connection.setTls({ ca: active.tls.ca })
  t.notOk(service.connection.welcomed)
  await welcomed('the active hub again')
  t.strictSame(unreachable, [undefined, undefined])
  t.equal(active.dialled.length, 2)
})
