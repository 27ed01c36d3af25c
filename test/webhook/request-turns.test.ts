import { once } from 'node:events'
import { createServer } from 'node:https'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { test, type Test } from 'tap'
import { ensureClientLeaf, ensureServerLeaf } from '../../certs/files.js'
import { createLogger } from '../../src/lib/log.js'
import { FairTurns } from '../../webhook/admission/fair-turns.js'
import { takeTurns } from '../../webhook/request-turns.js'
import { type AdmissionServerOptions, createAdmissionServer } from '../../webhook/server.js'
import { testPod, testReview } from '../helpers/review.js'
import { labels, snapshot } from '../helpers/reviews.js'
import { until } from '../helpers/until.js'

const slow = { timeout: 120_000 }
const [attacker, honest] = ['127.0.0.2', '127.0.0.3']
const mebi = 2 ** 20

function head(length: number, more = 'content-type: application/json', path = '/mutate'): string {
  return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n${more}\r\n\r\n`
}

const review = (text = ''): string =>
  JSON.stringify(
    testReview(testPod({ labels }, { containers: [{ name: 'app', image: 'i', args: [text] }] }))
  )

async function start(t: Test, options: Partial<AdmissionServerOptions> = {}) {
  const { cert, key, ca } = await ensureServerLeaf(join(t.testdir(), 'certs'), ['127.0.0.1'])
  const lines: string[] = []
  const server = createAdmissionServer({
    tls: { cert, key },
    getSnapshot: () => snapshot,
    logger: createLogger('webhook', { write: (line) => lines.push(line) }),
    ...options
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => server.shutdown())
  /** Opens a connection, and collects what is answered on it. */
  async function dial(localAddress: string, pair: { cert?: string; key?: string } = {}) {
    const socket: TLSSocket = connect({ ...{ host: '127.0.0.1', port, localAddress, ca }, ...pair })
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    const answer = { text: '', isClosed: false }
    socket.on('data', (chunk: Buffer) => (answer.text += chunk.toString('latin1')))
    socket.on('close', () => (answer.isClosed = true))
    return { socket, answer }
  }
  return { port, dial, lines }
}

const answered = ({ answer }: { answer: { text: string } }) =>
  until('an answer', () => (answer.text.startsWith('HTTP/1.1 200') ? true : undefined))

test('a client with many requests does not delay another one', slow, async (t) => {
  const { dial } = await start(t)
  const [many, one] = await Promise.all([
    Promise.all(Array.from({ length: 100 }, () => dial(attacker))),
    dial(honest)
  ])
  const hostile = review('x'.repeat(60_000))
  for (const { socket } of many) socket.write(head(hostile.length) + hostile)
  const own = review()
  one.socket.write(head(own.length) + own)
  let before = 0
  one.socket.once('data', () => (before = many.filter(({ answer }) => answer.text !== '').length))
  await answered(one)
  t.ok(before < 50, `${before} of 100 were answered before it, although it came last`)
  await Promise.all(many.map(answered))
  t.pass('the others are answered, too')
})

test('handshakes and requests that are no reviews wait for turns', slow, async (t) => {
  const { cert, key, ca } = await ensureServerLeaf(join(t.testdir(), 'certs'), ['127.0.0.1'])
  const events: string[] = []
  class NotedTurns extends FairTurns {
    override take(client: string): Promise<void> {
      events.push(`turn of ${client}`)
      return new Promise((start) => setImmediate(start))
    }
  }
  const server = createServer({ cert, key }, ({ url = '' }, response) => {
    events.push(url)
    response.end()
  })
  server.on('secureConnection', () => events.push('handshake'))
  takeTurns(server, {
    turns: new NotedTurns(),
    ...{ isProven: () => false, onRequest: () => undefined }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ ...{ host: '127.0.0.1', port, localAddress: attacker, ca } })
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  socket.write(`${head(2)}{}`)
  await once(socket, 'data')
  const turn = `turn of ${attacker}`
  // A review waits when its body is there: see the plugin of admission.
  t.same(events, [turn, 'handshake', turn, '/metrics', '/mutate'])
})

test('requests that do not wait for answers end the connection', slow, async (t) => {
  const { dial } = await start(t)
  const caller = await dial(attacker)
  const own = review()
  caller.socket.write((head(own.length) + own).repeat(300))
  const count = () => caller.answer.text.split('HTTP/1.1').length - 1
  await until('its end', () => (caller.answer.isClosed || count() === 300 ? true : undefined))
  const answers = count()
  t.ok(answers < 10, `${answers} answers`)
  const polite = await dial(attacker)
  for (let i = 0; i < 20; i++) {
    polite.answer.text = ''
    polite.socket.write(head(own.length) + own)
    while (!polite.answer.text.includes('patch')) await once(polite.socket, 'data')
  }
  t.notOk(polite.answer.isClosed, 'one after the other is fine')
})

test('a request behind an answer that ends the connection holds nothing', slow, async (t) => {
  const { dial } = await start(t)
  const chunked = head(0).replace('content-length: 0', 'transfer-encoding: chunked')
  // While clients take turns, the second request ends the connection; alone, the first one is answered at once.
  for (let answers = 0; answers < 3; ) {
    const caller = await dial(attacker)
    caller.socket.write(`GET /x HTTP/1.1\r\nhost: x\r\n\r\n${chunked}1\r\n{`)
    await until('its end', () => (caller.answer.isClosed ? true : undefined))
    if (caller.answer.text.startsWith('HTTP/1.1 404')) answers += 1
  }
  const own = review('x'.repeat(200_000))
  for (const client of [attacker, honest]) {
    const one = await dial(client)
    one.socket.write(head(own.length) + own)
    await answered(one)
    t.pass('a large review is answered')
  }
})

test('nothing but reviews has a body that is read', slow, async (t) => {
  const { dial } = await start(t)
  for (const path of ['/metrics', '/mutate/x', '/']) {
    const caller = await dial(attacker)
    caller.socket.write(head(24 * mebi, undefined, path))
    await until(`the answer of ${path}`, () => (caller.answer.isClosed ? true : undefined))
    t.match(caller.answer.text, /^HTTP\/1.1 404/, 'before the body comes')
  }
})

test('a large body that does not come gives its room to another client', slow, async (t) => {
  const { dial } = await start(t)
  const held = [await dial(attacker), await dial(attacker)]
  for (const { socket } of held) socket.write(head(24 * mebi) + '{')
  const one = await dial(honest)
  const own = review('x'.repeat(200_000))
  one.socket.write(head(own.length) + own)
  await answered(one)
  t.match(
    held.find(({ answer }) => answer.isClosed)?.answer.text,
    /^$/,
    'one of them was ended, before its time to arrive was over'
  )
})

test(
  'addresses that announce large bodies again and again take turns with another client',
  slow,
  async (t) => {
    const { dial } = await start(t)
    const addresses = ['127.0.0.4', '127.0.0.5', '127.0.0.6']
    const held = await Promise.all(
      addresses.flatMap((from) => Array.from({ length: 10 }, () => dial(from)))
    )
    const one = await dial(honest)
    for (const { socket } of held) socket.write(head(24 * mebi) + '{')
    const own = review('x'.repeat(200_000))
    one.socket.write(head(own.length) + own)
    let ended = 0
    one.socket.once('data', () => (ended = held.filter(({ answer }) => answer.isClosed).length))
    await answered(one)
    t.ok(ended < 15, `${ended} of 30 ended before`)
  }
)

test(
  'addresses that come back at once do not come before the next body of another',
  slow,
  async (t) => {
    const { dial } = await start(t)
    let [ended, isOver] = [0, false]
    t.teardown(() => (isOver = true))
    const attack = async (from: string): Promise<void> => {
      const { socket } = await dial(from)
      socket.once('close', () => {
        ended += 1
        if (!isOver) attack(from).catch(() => undefined)
      })
      socket.write(head(24 * mebi) + '{')
    }
    const addresses = ['127.0.0.4', '127.0.0.5', '127.0.0.6', '127.0.0.7']
    await Promise.all([...addresses, ...addresses, ...addresses].map(attack))
    const own = review('x'.repeat(200_000))
    for (let bodies = 0; bodies < 3; bodies += 1) {
      const [one, other] = [await dial(honest), await dial(honest)]
      const before = ended
      for (const { socket } of [one, other]) socket.write(head(own.length) + own)
      await Promise.all([answered(one), answered(other)])
      t.ok(ended - before < 12, `${ended - before} ended before both`)
    }
    isOver = true
  }
)

/** Opens connections without TLS. */
async function bare(t: Test, port: number, localAddress: string): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, localAddress })
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const closed = (sockets: readonly Socket[]): number =>
  sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length

test('connections that are opened and reset, and too many of them', slow, async (t) => {
  const { port, dial } = await start(t)
  for (let i = 0; i < 300; i++) (await bare(t, port, attacker)).resetAndDestroy()
  const open = await Promise.all(Array.from({ length: 1100 }, () => bare(t, port, attacker)))
  await until('the surplus to be closed', () => (closed(open) >= 76 ? true : undefined))
  const one = await dial(honest)
  const own = review()
  one.socket.write(head(own.length) + own)
  await answered(one)
  t.pass('another client is served')
})

test(
  'with a client authority no stranger at the same address takes a connection',
  slow,
  async (t) => {
    const { ca, cert, key } = await ensureClientLeaf(join(t.testdir(), 'clients'), 'api-server')
    const { port, dial } = await start(t, { clientCa: ca })
    const own = review()
    const ask = async ({ socket, answer }: Awaited<ReturnType<typeof dial>>) => {
      answer.text = ''
      socket.write(head(own.length) + own)
      await answered({ answer })
    }
    const first = await dial(attacker, { cert, key })
    await ask(first)
    const others = await Promise.all(
      Array.from({ length: 20 }, () => dial(attacker, { cert, key }))
    )
    const open = await Promise.all(Array.from({ length: 1200 }, () => bare(t, port, attacker)))
    await until('the surplus to be closed', () => (closed(open) >= 176 ? true : undefined))
    for (const one of [first, ...others, await dial(attacker, { cert, key })]) await ask(one)
    t.pass('all are served')
  }
)

test('a flood of rejected requests is a few lines of the log', slow, async (t) => {
  const { dial, lines } = await start(t)
  const caller = await dial(attacker)
  for (let i = 0; i < 400; i++) {
    caller.answer.text = ''
    caller.socket.write(`${head(2)}{[`)
    while (!caller.answer.text.includes('INVALID_REVIEW')) await once(caller.socket, 'data')
  }
  const rejected = lines.filter((line) => line.includes('request rejected'))
  t.ok(rejected.length < 200, `${rejected.length} lines for 400 requests`)
})
