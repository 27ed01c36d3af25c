import { once } from 'node:events'
import { Socket } from 'node:net'
import { test } from 'tap'
import { OpenConnections } from '../../webhook/open-connections.js'

function socketOf(remoteAddress: string, remotePort: number): Socket {
  const peer = { remoteAddress: { value: remoteAddress }, remotePort: { value: remotePort } }
  return Object.defineProperties(new Socket(), peer)
}

/** Adds connections of an address, each with TLS. */
function fill(open: OpenConnections, address: string, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const [socket, tls] = [socketOf(address, i), socketOf(address, i)]
    const isAdded = open.add(socket)
    open.secure(tls, false)
    return { socket, tls, isAdded }
  })
}

test('a new connection takes the place of the idle one of its address that was used first', (t) => {
  const open = new OpenConnections()
  const [busy, used, idle] = fill(open, 'a', 1024)
  if (busy === undefined || used === undefined || idle === undefined) throw new Error('none')
  open.use(busy.tls, true)
  open.use(used.tls, true)
  open.use(used.tls, false)
  t.ok(open.add(socketOf('a', 2000)))
  t.strictSame(
    [busy, used, idle].map(({ socket }) => socket.destroyed),
    [false, false, true]
  )
  t.ok(open.add(socketOf('b', 1)), 'another address')
  t.end()
})

test('where all have requests, the new one is closed', (t) => {
  const open = new OpenConnections()
  for (const { tls } of fill(open, 'a', 1024)) open.use(tls, true)
  t.notOk(open.add(socketOf('a', 2000)))
  t.end()
})

test('addresses with requests alone keep no other one out', (t) => {
  const open = new OpenConnections()
  const held = ['a', 'b', 'c', 'd'].map((address) => fill(open, address, 1024))
  for (const { tls } of held.flat()) open.use(tls, true)
  t.ok(open.add(socketOf('server', 1)))
  t.ok(held[0]?.[0]?.socket.destroyed, 'the oldest of an address with most')
  t.equal(held.flat().filter(({ socket }) => socket.destroyed).length, 1)
  t.end()
})

test('the requests of an API server are not cut, however many addresses have connections', (t) => {
  const open = new OpenConnections()
  const requests = fill(open, 'server', 400)
  for (const { tls } of requests) open.use(tls, true)
  for (let n = 0; n < 3696; n++) open.add(socketOf(`10.0.${n >> 8}.${n & 255}`, n))
  t.ok(open.add(socketOf('10.1.0.0', 1)), 'in place of an idle one')
  t.notOk(requests.some(({ socket }) => socket.destroyed))
  t.end()
})

test('where nobody is idle, a new one cuts no request of an API server', (t) => {
  const open = new OpenConnections()
  const requests = fill(open, 'server', 400)
  const others = Array.from({ length: 3696 }, (_, n) => fill(open, `10.0.${n >> 8}.${n & 255}`, 1))
  for (const { tls } of [requests, ...others].flat()) open.use(tls, true)
  t.notOk(open.add(socketOf('10.1.0.0', 1)))
  t.notOk([requests, ...others].flat().some(({ socket }) => socket.destroyed))
  t.end()
})

test('an address without idle ones does not keep the places of others that have some', (t) => {
  const open = new OpenConnections()
  const busy = fill(open, 'a', 512)
  for (const { tls } of busy) open.use(tls, true)
  const idle = ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((one) => fill(open, one, 448))
  for (let n = 0; n < 200; n++) t.ok(open.add(socketOf('server', n)))
  t.notOk(busy.some(({ socket }) => socket.destroyed))
  t.equal(idle.flat().filter(({ socket }) => socket.destroyed).length, 200)
  t.end()
})

test('neighbours in the network of an API server cut their own', (t) => {
  const open = new OpenConnections()
  const server = fill(open, '2001:db8::1', 96)
  const [request] = server
  if (request === undefined) throw new Error('none')
  open.use(request.tls, true)
  const others = ['2001:db8::2', '2001:db8::3', '2001:db8::4', '2001:db8::5'].map((one) =>
    fill(open, one, 1000)
  )
  for (const { tls } of others.flat()) open.use(tls, true)
  for (const newcomer of ['2001:db8::6', '2001:db8::2', '2001:db8:1::1'])
    t.ok(open.add(socketOf(newcomer, 5000)), newcomer)
  t.notOk(server.some(({ socket }) => socket.destroyed))
  t.equal(
    others.flat().filter(({ socket }) => socket.destroyed).length,
    2,
    'and the new one of the second'
  )
  t.end()
})

test('the addresses of an IPv6 network are one', (t) => {
  const open = new OpenConnections()
  const few = fill(open, '2001:db8:1::1', 10)
  const many = Array.from({ length: 4086 }, (_, n) => socketOf(`2001:db8::${n.toString(16)}`, n))
  for (const socket of many) open.add(socket)
  for (let n = 0; n < 100; n++) t.ok(open.add(socketOf('2001:db8:1::2', n)))
  t.notOk(few.some(({ socket }) => socket.destroyed))
  t.equal(many.filter(({ destroyed }) => destroyed).length, 100)
  t.end()
})

test('the address with most connections makes room for the others', async (t) => {
  const open = new OpenConnections()
  const [most] = fill(open, 'a', 1000)
  const others = ['b', 'c', 'd', 'e'].flatMap((address) => fill(open, address, 774))
  t.notOk([...others].some(({ socket }) => socket.destroyed))
  t.ok(open.add(socketOf('f', 1)))
  t.ok(most?.socket.destroyed)
  const [closing] = others
  closing?.socket.destroy()
  await once(closing?.socket ?? new Socket(), 'close')
  const left = fill(open, 'g', 1)
  t.ok(left[0]?.isAdded)
  t.notOk(
    others.slice(1).some(({ socket }) => socket.destroyed),
    'there was room again'
  )
})
