import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'tap'
import { openEventStream } from '../../../../webhook/confinement/containers/event-stream.js'
import { until } from '../../../helpers/until.js'

test('onClose is called for a client that left before or after its stream was opened', async (t) => {
  const server = createServer()
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  async function ask() {
    const request = get({ host: '127.0.0.1', port })
    request.on('error', () => undefined)
    const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
    return { request, response }
  }

  const stays = await ask()
  const stream = openEventStream(stays.response)
  let closed = 0
  stream.onClose(() => (closed += 1))
  stream.send('one', { at: 1 })
  const [answer] = (await once(stays.request, 'response')) as [NodeJS.ReadableStream]
  const [chunk] = (await once(answer, 'data')) as [Buffer]
  t.match(chunk.toString(), /: connected/)
  stays.request.destroy()
  await once(stays.response, 'close')
  t.equal(closed, 1)

  const left = await ask()
  left.request.destroy()
  await once(left.response, 'close')
  const late = openEventStream(left.response)
  late.onClose(() => (closed += 1))
  late.send('one', {})
  t.equal(closed, 2, 'there will be no event of its going any more')
})

test('streams beyond the limit are rejected, and the place of one that ended is free', async (t) => {
  const server = createServer((_request, response) => {
    openEventStream(response)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = async (): Promise<IncomingMessage> => {
    const request = get({ host: '127.0.0.1', port })
    request.on('error', () => undefined)
    return ((await once(request, 'response')) as [IncomingMessage])[0]
  }
  const first = await Promise.all(Array.from({ length: 500 }, open))
  t.same(new Set(first.map(({ statusCode }) => statusCode)), new Set([200]))
  const beyond = await open()
  t.match([beyond.statusCode, beyond.headers['retry-after']], [503, '5'])
  t.match((await beyond.toArray()).join(''), /500 clients follow events already/)
  first[0]?.destroy()
  await until('a place to be free', async () => {
    const next = await open()
    const { statusCode } = next
    if (statusCode !== 200) next.resume()
    return statusCode === 200 || undefined
  })
  t.pass('it is')
})
