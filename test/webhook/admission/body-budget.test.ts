import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import { limitBodies } from '../../../webhook/admission/body-budget.js'
import { FairTurns } from '../../../webhook/admission/fair-turns.js'

const mebi = 2 ** 20

test('large bodies wait for earlier ones, small bodies do not', async (t) => {
  const app = Fastify({ bodyLimit: 2 * mebi, forceCloseConnections: true })
  limitBodies(app, 2 * mebi, 4 * mebi, new FairTurns())
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
  const send = (
    bytes: number,
    headers: Record<string, string | number>,
    localAddress = '127.0.0.1'
  ) => {
    const outgoing = request({
      ...{ host: '127.0.0.1', localAddress },
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
  const other = send(2 * mebi, { 'content-length': 2 * mebi }, '127.0.0.2')
  const later = [other, unknown(2 * mebi), known(2 * mebi), known(2 * mebi)]
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
    [200, 200, 200, 200, 200, 200]
  )
  t.equal(await known(2 * mebi).status, 200, 'all of the room is given back')
})

test('a body whose turn is late is not cut, and smaller ones that fit pass those that wait', async (t) => {
  const [late, stalled, large, small] = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']
  const turns = new Map<string, () => void>()
  const app = Fastify({ bodyLimit: 2 * mebi, forceCloseConnections: true })
  const take = (client: string) =>
    client === late || client === stalled
      ? new Promise<void>((resolve) => {
          turns.set(client, resolve)
          if (turns.size === 2) bothWait()
        })
      : undefined
  let bothWait: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => (bothWait = resolve))
  limitBodies(app, 2 * mebi, 4 * mebi, { take })
  app.addContentTypeParser('text/x', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body)
  )
  app.post('/', () => 'ok')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const send = (localAddress: string, bytes: number, isSent = true) =>
    new Promise<number>((resolve) => {
      const headers = { 'content-type': 'text/x', 'content-length': bytes }
      const outgoing = request({
        ...{ port, host: '127.0.0.1', localAddress },
        method: 'POST',
        headers
      })
      outgoing.on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      })
      outgoing.on('error', () => resolve(0))
      if (isSent) outgoing.end(Buffer.alloc(bytes))
      else outgoing.write('x')
    })
  const ofLate = send(late, 1.5 * mebi)
  const ofStalled = send(stalled, 2 * mebi, false)
  await waiting
  const ofLarge = send(large, 2 * mebi)
  t.equal(await send(small, 100_000), 200, 'there is room for this one')
  turns.get(stalled)?.()
  t.equal(await ofStalled, 0, 'a body that does not come is cut')
  t.equal(await ofLarge, 200, 'and gives its room to another client')
  turns.get(late)?.()
  t.equal(await ofLate, 200, 'a body whose turn comes late is read')
})

test('a body that has been read gives its room back before its answer', async (t) => {
  const app = Fastify({ bodyLimit: 2 * mebi, forceCloseConnections: true })
  const release = limitBodies(app, 2 * mebi, 2 * mebi, new FairTurns())
  app.addContentTypeParser('text/x', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body)
  )
  let answer: () => void = () => undefined
  const mayAnswer = new Promise<void>((resolve) => (answer = resolve))
  let read = 0
  app.post('/', async ({ raw }) => {
    read += 1
    release(raw)
    if (read === 3) answer()
    await mayAnswer
    return 'ok'
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const send = async () => {
    const headers = { 'content-type': 'text/x' }
    const body = Buffer.alloc(1.5 * mebi)
    return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })).status
  }
  t.same(await Promise.all([send(), send(), send()]), [200, 200, 200])
})

/** Sends large bodies of these addresses at once; returns their statuses and the order in which they were answered. */
async function orderOf(
  t: Test,
  addresses: readonly string[],
  maxBytes: number,
  answered: (ip: string) => Promise<void> | undefined = () => undefined
): Promise<{ statuses: number[]; order: string[] }> {
  const app = Fastify({ bodyLimit: 2 * mebi })
  limitBodies(app, 2 * mebi, maxBytes, { take: () => undefined })
  app.addContentTypeParser('text/x', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body)
  )
  const order: string[] = []
  app.post('/', async ({ ip }) => {
    order.push(ip)
    await answered(ip)
    return 'ok'
  })
  t.teardown(() => app.close())
  const headers = { 'content-type': 'text/x' }
  const payload = Buffer.alloc(1.5 * mebi)
  const sent = addresses.map((remoteAddress) =>
    app.inject({ method: 'POST', url: '/', remoteAddress, headers, payload })
  )
  const statuses = (await Promise.all(sent)).map(({ statusCode }) => statusCode)
  return { statuses, order }
}

test('the addresses of an IPv6 network wait for one share', async (t) => {
  const many = Array.from({ length: 20 }, (_, n) => `2001:db8::${(n + 1).toString(16)}`)
  const addresses = [...many, '10.0.0.1', '2001:db8:1::1', '10.0.0.1']
  const { statuses, order } = await orderOf(t, addresses, 2 * mebi)
  t.same([...new Set(statuses)], [200])
  t.same(order.slice(0, 3), ['2001:db8::1', '10.0.0.1', '2001:db8:1::1'])
  t.ok(order.lastIndexOf('10.0.0.1') <= 4, order.join(' '))
})

test('two bodies of one client are in memory at a time, although there is room', async (t) => {
  let answer: () => void = () => undefined
  const mayAnswer = new Promise<void>((resolve) => (answer = resolve))
  const many = Array.from({ length: 5 }, () => '10.0.0.1')
  const { statuses, order } = await orderOf(t, [...many, '10.0.0.2'], 16 * mebi, (ip) => {
    if (ip === '10.0.0.2') answer()
    return mayAnswer
  })
  t.same([...new Set(statuses)], [200])
  t.equal(order.indexOf('10.0.0.2'), 2, order.join(' '))
})
