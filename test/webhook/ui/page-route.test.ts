import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Test, test } from 'tap'
import { routePages } from '../../../webhook/ui/page-route.js'
import { until } from '../../helpers/until.js'
import { collectLog } from '../hub/rig.js'

const waitMs = 600

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
