import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { test } from 'tap'
import { limitBodies } from '../../../webhook/admission/body-budget.js'

const mebi = 2 ** 20

test('large bodies wait for earlier ones, small bodies do not', async (t) => {
  const app = Fastify({ bodyLimit: 2 * mebi, forceCloseConnections: true })
  limitBodies(app, 2 * mebi, 4 * mebi)
  app.addContentTypeParser('text/x', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body)
  )
  let answer: () => void = () => undefined
  const mayAnswer = new Promise<void>((resolve) => (answer = resolve))
  let read = 0
  let heard: () => void = () => undefined
  const reads = (count: number) =>
    new Promise<void>((resolve) => {
      heard = () => {
        if (read >= count) resolve()
      }
      heard()
    })
  app.post<{ Body: Buffer }>('/', async ({ body }) => {
    if (body.length > mebi) {
      read++
      heard()
      await mayAnswer
    }
    return 'ok'
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const send = (bytes: number, headers: Record<string, string | number>) => {
    const outgoing = request({
      port,
      method: 'POST',
      headers: { 'content-type': 'text/x', ...headers }
    })
    const status = new Promise<number>((resolve) => {
      outgoing.on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      })
      outgoing.on('error', () => resolve(0))
    })
    outgoing.end(Buffer.alloc(bytes))
    return { status, outgoing }
  }
  const known = (bytes: number) => send(bytes, { 'content-length': bytes })
  const unknown = (bytes: number) => send(bytes, { 'transfer-encoding': 'chunked' })
  const first = [known(2 * mebi), unknown(1.5 * mebi)]
  await reads(2)
  const later = [unknown(2 * mebi), known(2 * mebi), known(2 * mebi)]
  const given = known(2 * mebi)
  t.equal(await known(1000).status, 200, 'a small one')
  const announced = send(0, { 'content-length': 3 * mebi })
  t.equal(await announced.status, 413, 'one that is rejected')
  t.equal(read, 2, 'no more than two are read')
  given.outgoing.destroy()
  t.equal(await given.status, 0, 'one that gave up while it waited')
  answer()
  t.strictSame(
    await Promise.all([...first, ...later].map(({ status }) => status)),
    [200, 200, 200, 200, 200]
  )
  t.equal(await known(2 * mebi).status, 200, 'all of the room is given back')
})
