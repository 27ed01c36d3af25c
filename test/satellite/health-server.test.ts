import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'tap'
import { serveHealth } from '../../satellite/health-server.js'
import { nodeStatus } from '../webhook/hub/rig.js'

test('it keeps answering, whatever is requested', async (t) => {
  const server = await serveHealth(
    { host: '127.0.0.1', port: 0 },
    { status: () => nodeStatus, connected: () => true, waiting: () => 0, held: () => 0 }
  )
  t.teardown(() => server.close())
  const ask = async (line: string): Promise<string> => {
    const socket = connect(server.address.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end(`${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    return text(socket)
  }
  for (const [line, answer] of [
    ['GET /livez', /^HTTP\/1.1 200/],
    ['GET /readyz?verbose', /^HTTP\/1.1 200 [^]*hub/],
    ['GET //', /^HTTP\/1.1 404/],
    ['GET http://[', /^HTTP\/1.1 404/],
    ['GET /%zz?%', /^HTTP\/1.1 404/],
    ['POST /livez', /^HTTP\/1.1 405/],
    ['GET /metrics', /^HTTP\/1.1 200 [^]*secco_/]
  ] as const) {
    t.match(await ask(line), answer, line)
  }
})
