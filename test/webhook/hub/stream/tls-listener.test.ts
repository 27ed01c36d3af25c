import { once } from 'node:events'
import { connect as connectRaw, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { ensureServerLeaf } from '../../../../certs/files.js'
import { openTlsListener, type TlsListener } from '../../../../webhook/hub/stream/tls-listener.js'
import { isNightly } from '../../../helpers/fuzz.js'
import { until } from '../../../helpers/until.js'
import { collectLog } from '../../hub/rig.js'

const slow = { timeout: 240_000 }
/** Connections of an attack: more than all that may wait for their token, which is 512. */
const flood = isNightly ? 2000 : 800

/** A listener that believes whoever sends something, as the hub does when it has reviewed a token. */
async function listen(t: Test) {
  const pair = await ensureServerLeaf(join(t.testdir(), 'certs'), ['127.0.0.1'])
  const log = collectLog()
  const open = new Set<TLSSocket>()
  const listener: TlsListener = await openTlsListener({
    ...{ listen: { host: '127.0.0.1', port: 0 }, tls: pair, logger: log.logger },
    tokens: true,
    onConnection(socket) {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      socket.once('data', () =>
        listener.proven(`${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`)
      )
    }
  })
  t.teardown(() => listener.close())
  return { listener, pair, log, open }
}

test('connections that never authenticate cut no satellite', slow, async (t) => {
  const { listener, pair, open } = await listen(t)
  const { port } = listener.address
  async function dial(localAddress: string): Promise<TLSSocket> {
    const socket = connect({
      ...{ host: '127.0.0.1', port, localAddress, ca: pair.ca, ALPNProtocols: ['h2'] }
    })
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    return socket
  }
  async function satellite(i: number): Promise<TLSSocket> {
    const socket = await dial(`127.0.1.${i + 1}`)
    socket.write('token')
    return socket
  }
  const first = await Promise.all(Array.from({ length: 20 }, (_, i) => satellite(i)))
  const later: Promise<TLSSocket>[] = []
  let left = flood
  const attack = async (address: string): Promise<void> => {
    while (left-- > 0) {
      // Satellites that restart in the middle of it.
      if (left % (flood / 20) === 0) later.push(satellite(20 + later.length))
      await dial(address).catch(() => undefined)
    }
  }
  await Promise.all(Array.from({ length: 32 }, (_, i) => attack(`127.0.0.${2 + (i % 16)}`)))
  const satellites = [...first, ...(await Promise.all(later))]
  t.equal(satellites.length, 40)
  t.equal(satellites.filter(({ destroyed }) => destroyed).length, 0, 'none is cut')
  const unproven = open.size - satellites.length
  t.ok(unproven > 0 && unproven <= 512, `${unproven} others are open`)
})

test('satellites behind the address of an attacker', slow, async (t) => {
  const pair = await ensureServerLeaf(join(t.testdir(), 'certs'), ['127.0.0.1'])
  const reviews = new Map<string, { text: string; end: (isAccepted: boolean) => void }>()
  let waiting = 0
  const listener: TlsListener = await openTlsListener({
    ...{ listen: { host: '127.0.0.1', port: 0 }, tls: pair, logger: collectLog().logger },
    tokens: true,
    onConnection(socket) {
      const peer = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
      waiting += 1
      socket.once('close', () => (waiting -= 1))
      socket.once('data', (chunk: Buffer) => {
        listener.reviewing(peer, true)
        reviews.set(peer, {
          text: chunk.toString(),
          end: (isAccepted) => {
            if (isAccepted) listener.proven(peer)
            else listener.reviewing(peer, false)
          }
        })
      })
    }
  })
  t.teardown(() => listener.close())
  // A gateway: all of them come from one address.
  const dial = async (): Promise<TLSSocket> => {
    const { port } = listener.address
    const to = { host: '127.0.0.1', port, localAddress: '127.0.1.1', ca: pair.ca }
    const socket = connect({ ...to, ALPNProtocols: ['h2'] })
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    return socket
  }
  const send = async (text: string): Promise<TLSSocket> => {
    const socket = await dial()
    socket.write(text)
    return socket
  }
  const reviewed = (count: number) =>
    until('tokens to be reviewed', () => (reviews.size === count ? true : undefined))
  const satellites = await Promise.all(Array.from({ length: 40 }, () => send('good')))
  await reviewed(40)
  // Half of them are known before the attack; the API server takes its time for the others.
  for (const { end } of [...reviews.values()].slice(0, 20)) end(true)
  const invented = await Promise.all(Array.from({ length: 100 }, () => send('bad')))
  await reviewed(140)
  let left = flood
  const attack = async (): Promise<void> => {
    while (left-- > 0) await dial().catch(() => undefined)
  }
  await Promise.all(Array.from({ length: 16 }, attack))
  t.equal(satellites.filter(({ destroyed }) => destroyed).length, 0, 'none is cut')
  for (const { text, end } of [...reviews.values()].slice(20)) end(text === 'good')
  // A rejected token is no proof: 64 connections of an address may be without one.
  await until('room to be made', () =>
    waiting <= 40 + 64 && invented.filter(({ destroyed }) => destroyed).length >= 36
      ? true
      : undefined
  )
  t.equal(satellites.filter(({ destroyed }) => destroyed).length, 0, 'still none')
})

test('a resumed session without a certificate is no proof', slow, async (t) => {
  const { listener, pair, log } = await listen(t)
  const dial = (session?: Buffer): TLSSocket => {
    const { port } = listener.address
    const to = { host: '127.0.0.1', port, ca: pair.ca, ALPNProtocols: ['h2'] }
    const socket = connect({ ...to, ...(session && { session }) })
    socket.on('error', () => undefined)
    return socket
  }
  const [session] = (await once(dial(), 'session')) as [Buffer]
  for (let i = 0; i < 64; i++) {
    const socket = dial(session)
    await once(socket, 'secureConnect')
    t.ok(socket.isSessionReused())
  }
  // One address has at most 64 connections without proof.
  t.match(await log.seen(/connection rejected/), { reason: 'made room for a newer connection' })
})

test('peers that reset after the handshake take no place', slow, async (t) => {
  const { listener, pair, log } = await listen(t)
  const { port } = listener.address
  async function dial(): Promise<{ raw: Socket; socket: TLSSocket }> {
    const raw = connectRaw({ host: '127.0.0.1', port })
    raw.on('error', () => undefined)
    const socket = connect({ socket: raw, host: '127.0.0.1', ca: pair.ca, ALPNProtocols: ['h2'] })
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    return { raw, socket }
  }
  // More than wait for their token in total.
  for (let i = 0; i < 600; i++) {
    const { raw } = await dial()
    await new Promise((resolve) => setImmediate(resolve))
    raw.resetAndDestroy()
  }
  const waiting = [await dial(), await dial()]
  // A listener that cuts one of them does so while it accepts the last one.
  const [cut] = await Promise.all([
    Promise.race([...waiting.map(({ socket }) => once(socket, 'close')), delay(500)]),
    dial()
  ])
  t.equal(cut, undefined, 'all have room')
  t.notMatch(JSON.stringify(log.lines), /made room for a newer connection/)
})

test('3,000 TCP connections without a handshake cut no satellite', slow, async (t) => {
  const { listener, pair, log } = await listen(t)
  const { port } = listener.address
  const bare = new Set<Socket>()
  t.teardown(() => {
    for (const socket of bare) socket.destroy()
  })
  async function attack(i: number): Promise<void> {
    const socket = connectRaw({ host: '127.0.0.1', port, localAddress: `127.0.0.${2 + (i % 16)}` })
    socket.on('error', () => undefined)
    bare.add(socket)
    socket.once('close', () => bare.delete(socket))
    await once(socket, 'connect')
    // Half of them begin a handshake.
    if (i % 2 === 0) socket.write(Buffer.from([22, 3, 1, 2, 0, 1]))
  }
  async function satellite(i: number): Promise<TLSSocket> {
    const to = { host: '127.0.0.1', port, localAddress: `127.0.1.${i + 1}`, ca: pair.ca }
    const socket = connect({ ...to, ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.write('token', resolve))
    return socket
  }
  const satellites = await Promise.all(Array.from({ length: 20 }, (_, i) => satellite(i)))
  for (let i = 0; i < 3000; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, j) => attack(i + j)))
    // A satellite that restarts in the middle of it: a handshake that was cut would reject.
    if (i % 300 === 0) satellites.push(await satellite(satellites.length))
  }
  t.match(await log.seen(/connection rejected/), { reason: 'made room for a newer connection' })
  t.equal(satellites.length, 30)
  t.equal(satellites.filter(({ destroyed }) => destroyed).length, 0, 'none is cut')
  // The ends of the others may be on their way.
  await until('others to be closed', () => (bare.size <= 1024 ? bare.size : undefined))
})

test(
  'rejected connections are a few lines of the log, whatever their addresses',
  slow,
  async (t) => {
    const { listener, log } = await listen(t)
    const { port } = listener.address
    const attack = async (localAddress: string): Promise<void> => {
      const socket = connectRaw({ ...{ host: '127.0.0.1', port, localAddress } })
      t.teardown(() => socket.destroy())
      socket.on('error', () => undefined)
      socket.write('no handshake\r\n')
      await once(socket.resume(), 'close')
    }
    const addresses = Array.from({ length: 400 }, (_, n) => `127.0.${2 + (n >> 8)}.${n & 255}`)
    await Promise.all(addresses.map(attack))
    const { length } = log.lines
    t.ok(length >= 50 && length < 300, `${length} lines of 400 rejections`)
  }
)
