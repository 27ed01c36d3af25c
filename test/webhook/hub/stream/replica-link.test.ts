import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { type Test, test } from 'tap'
import { ensureClientLeaf, ensureServerLeaf } from '../../../../certs/files.js'
import { pagesProtocol, ReplicaLink } from '../../../../webhook/hub/stream/replica-link.js'
import { openTlsListener } from '../../../../webhook/hub/stream/tls-listener.js'
import { collectLog } from '../rig.js'

/** A listener of one replica, the folder of its authority, and what it served. */
async function replica(t: Test) {
  const certs = t.testdir({})
  const tls = await ensureServerLeaf(certs, ['127.0.0.1'])
  const link = new ReplicaLink(tls)
  const rejected: string[] = []
  const listener = await openTlsListener({
    ...{ listen: { host: '127.0.0.1', port: 0 }, tls, logger: collectLog().logger, tokens: true },
    onConnection: (socket) => socket.destroy(),
    onReplica(socket) {
      const problem = link.accept(socket)
      if (problem !== undefined) rejected.push(problem)
      return problem
    }
  })
  t.teardown(() => listener.close())
  return { certs, tls, link, rejected, address: `127.0.0.1:${listener.address.port}` }
}

const echo = (socket: TLSSocket): void => {
  ReplicaLink.welcome(socket)
  socket.pipe(socket)
}

test('a replica with the same certificate is served, and bytes go both ways', async (t) => {
  const { tls, link, address } = await replica(t)
  link.serve(echo)
  const socket = await new ReplicaLink(tls).dial(address)
  t.teardown(() => socket.destroy())
  socket.write('GET / HTTP/1.1')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.equal(answer.toString(), 'GET / HTTP/1.1')
})

test('nobody else is served: no certificate, that of a satellite, that of another authority', async (t) => {
  const { certs, link, rejected, address } = await replica(t)
  link.serve(() => t.fail('served'))
  const other = await ensureServerLeaf(t.testdir({ other: {} }), ['127.0.0.1'])
  const satellite = await ensureClientLeaf(certs, 'node-a')
  const port = Number(address.split(':')[1])
  for (const [who, { cert, key }] of Object.entries({
    nobody: { cert: undefined, key: undefined },
    satellite,
    other
  })) {
    const socket = connect({
      ...{ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [pagesProtocol] },
      ...(cert === undefined ? {} : { cert, key })
    })
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'close')
    t.equal(rejected.pop(), 'not a replica of this hub', who)
  }
  const { message } = await new ReplicaLink(other).dial(address).then(
    () => new Error('connected'),
    (error: unknown) => error as Error
  )
  t.match(message, /no replica of this hub/, 'and no replica sends anything to a stranger')
})

test('a standby gets no answer of another standby; a renewed certificate and the one before it count', async (t) => {
  const { tls, link, address } = await replica(t)
  const peer = new ReplicaLink(tls)
  link.serve((socket) => socket.destroy())
  await t.rejects(peer.dial(address), { code: 'UNAVAILABLE' })
  link.serve(echo)
  const renewed = await ensureServerLeaf(t.testdir({ renewed: {} }), ['127.0.0.1'])
  link.setCertificate(renewed)
  ;(await peer.dial(address)).destroy()
  const third = await ensureServerLeaf(t.testdir({ third: {} }), ['127.0.0.1'])
  link.setCertificate(third)
  await t.rejects(peer.dial(address), { code: 'UNAVAILABLE' })
})
