import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import { test } from 'tap'
import { createApiCall } from '../../../src/store/kubernetes-call.js'

test('a call on a connection that the API server has closed', async (t) => {
  const seen: string[] = []
  /** Connections whose next request is not answered but cut off, as by an API server that was restarted. */
  const cut = new Set<Socket>()
  const server = createServer((request, response) => {
    if (cut.has(request.socket)) {
      request.socket.destroy()
      return
    }
    seen.push(request.method ?? '')
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  const config = new KubeConfig()
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const cluster = { name: 'here', server: address, skipTLSVerify: true }
  config.loadFromClusterAndUser(cluster, { name: 'ann' })
  const call = createApiCall(config)

  await call('GET', '/one')
  t.same(await call('GET', '/two'), {})
  t.equal(sockets.length, 1, 'the connection is kept')
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'] as const) {
    await call('GET', '/kept')
    for (const socket of sockets) cut.add(socket)
    seen.length = 0
    t.same(await call(method, '/again', { body: {} }), {}, method)
    t.same(seen, [method], 'once')
  }
  // The first finds the cut connection, the second makes the one that is kept.
  for (const path of ['/cut', '/kept']) await call('GET', path)
  const before = sockets.length
  await call('POST', '/created', { body: {} })
  t.equal(sockets.length, before + 1, 'what creates an object has a connection of its own')
  await call('POST', '/review', { body: {}, isRepeatable: true })
  t.equal(sockets.length, before + 1, 'a review does not')
})
