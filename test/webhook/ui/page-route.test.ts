import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { Duplex } from 'node:stream'
import { type Test, test } from 'tap'
import { ensureServerLeaf } from '../../../certs/files.js'
import { routePages } from '../../../webhook/ui/page-route.js'
import { until } from '../../helpers/until.js'
import { collectLog } from '../hub/rig.js'

const waitMs = 600

test('a connection that another replica passed on is what it was there', async (t) => {
  const { cert, key, ca } = await ensureServerLeaf(t.testdir({}), ['127.0.0.1'])
  const server = createServer(({ socket }, response) =>
    response.end(JSON.stringify([(socket as { encrypted?: boolean }).encrypted, socket.localPort]))
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const route = {
    isHere: () => true,
    address: () => undefined,
    dial: () => Promise.reject(new Error('nobody asks'))
  }
  const routed = routePages(server, route, collectLog().logger, waitMs)
  const tunnel = createTlsServer({ cert, key }, (socket) => routed.serve(socket))
  tunnel.listen(0, '127.0.0.1')
  await once(tunnel, 'listening')
  t.teardown(() => {
    routed.close()
    server.closeAllConnections()
    server.close()
    tunnel.close()
  })
  const { port } = tunnel.address() as AddressInfo
  const socket = connectTls({ host: '127.0.0.1', port, ca })
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
  let answer = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString()
  // Of https the cookie would be another one, and the origin of a browser on http a foreign one.
  t.same(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), [
    false,
    (server.address() as AddressInfo).port
  ])
})

/** Two replicas: `far` has the active hub at first, `near` is the one that is asked. */
async function replicas(t: Test) {
  const state = { active: 'far' as 'near' | 'far' | 'none' }
  const listen = async (name: string): Promise<Server> => {
    const server = createServer((_request, response) => response.end(name))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return server
  }
  const [near, far] = [await listen('near'), await listen('far')]
  const portOf = (server: Server): number => (server.address() as AddressInfo).port
  const dial = async (address: string): Promise<Duplex> => {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }
  const route = {
    isHere: () => state.active === 'near',
    address: () => (state.active === 'far' ? `127.0.0.1:${portOf(far)}` : undefined),
    dial
  }
  const routed = routePages(near, route, collectLog().logger, waitMs)
  t.teardown(() => routed.close())
  const ask = () => fetch(`http://127.0.0.1:${portOf(near)}/`, { headers: { connection: 'close' } })
  return { state, ask, portOf, near }
}

test('the replica with the active hub answers, whichever replica is asked', async (t) => {
  const { state, ask } = await replicas(t)
  t.equal(await (await ask()).text(), 'far')
  state.active = 'near'
  t.equal(await (await ask()).text(), 'near')
})

test('a request waits for the next active hub, and gets an error with a hint when none comes', async (t) => {
  const { state, ask } = await replicas(t)
  state.active = 'none'
  const waiting = ask()
  setTimeout(() => (state.active = 'near'), waitMs / 3)
  t.equal(await (await waiting).text(), 'near')
  state.active = 'none'
  const answer = await ask()
  t.equal(answer.status, 503)
  t.match(await answer.json(), {
    code: 'UNAVAILABLE',
    message: /no hub is active/,
    hint: /try again/
  })
})

test('connections end when the hub of this replica is active no longer', async (t) => {
  const { state, portOf, near } = await replicas(t)
  state.active = 'near'
  const socket = connect(portOf(near), '127.0.0.1')
  t.teardown(() => socket.destroy())
  let closed = false
  socket.on('close', () => (closed = true))
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(answer.toString(), /near/)
  state.active = 'far'
  await until('the end of the connection', () => closed || undefined, { timeoutMs: 5000 })
})
