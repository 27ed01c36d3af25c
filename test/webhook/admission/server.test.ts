import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { test, type Test } from 'tap'
import { createAuthority } from '../../../certs/authority.js'
import { ensureClientLeaf, ensureServerLeaf } from '../../../certs/files.js'
import { createLeaf } from '../../../certs/leaf.js'
import { watchPair } from '../../../certs/reload.js'
import { createLogger } from '../../../src/lib/log.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { type AdmissionServerOptions, createAdmissionServer } from '../../../webhook/server.js'
import { reviewOn } from '../../helpers/review-on-socket.js'
import { realisticReview, testPod, testReview } from '../../helpers/review.js'
import { testProfile, testRule } from '../../helpers/rules.js'

const snapshot = buildSnapshot({
  rules: [
    testRule('web', {
      podSelector: { matchLabels: { app: 'web' } },
      profile: { name: 'checkout.app' }
    })
  ],
  profiles: [testProfile('shop', 'checkout.app')]
})
const good = JSON.stringify(testReview(testPod({ labels: { app: 'web' } })))

interface Answer {
  status: number
  text: string
}

async function start(t: Test, options: Partial<AdmissionServerOptions> = {}) {
  const dir = join(t.testdir(), 'certs')
  const pair = await ensureServerLeaf(dir, ['localhost', '127.0.0.1'])
  const lines: string[] = []
  const logger = createLogger('webhook', { write: (line) => lines.push(line) })
  const server = createAdmissionServer({
    tls: pair,
    getSnapshot: () => snapshot,
    logger,
    ...options
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= server.shutdown())
  t.teardown(stop)
  const send = (
    body: string | Buffer,
    {
      agent,
      method = 'POST',
      path = '/mutate',
      headers = {},
      cert,
      key
    }: {
      agent?: Agent
      method?: string
      path?: string
      headers?: Record<string, string>
      cert?: string
      key?: string
    } = {}
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          ca: pair.ca,
          method,
          path,
          headers: { 'content-type': 'application/json', ...headers },
          agent: agent ?? false,
          ...(cert === undefined ? {} : { cert, key })
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        }
      )
      outgoing.on('error', (error) =>
        reject(Object.assign(error, { reused: outgoing.reusedSocket }))
      )
      outgoing.end(body)
    })
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port, ca: pair.ca })
    await once(socket, 'secureConnect')
    return socket
  }
  return { dir, pair, server, port, lines, stop, send, open }
}

test('a review over TLS', async (t) => {
  const { send, lines } = await start(t)
  const { status, text } = await send(good)
  t.equal(status, 200)
  t.match(JSON.parse(text), { response: { allowed: true, patchType: 'JSONPatch' } })
  t.match(JSON.parse(lines[0] ?? ''), { msg: 'admission decision', decision: 'patched' })
  t.equal((await send(good, { path: '/mutate?timeout=2s' })).text, text, 'the same answer again')
})

test('health and metrics', async (t) => {
  let problem: string | undefined = 'not loaded'
  const { send, stop } = await start(t, { checks: [{ name: 'rules', problem: () => problem }] })
  const get = (path: string) => send('', { method: 'GET', path })
  t.strictSame(await get('/livez'), { status: 200, text: 'ok' })
  t.matchOnly(await get('/readyz'), { status: 503, text: /\[-\]rules failed: not loaded/ })
  problem = undefined
  t.strictSame(await get('/readyz'), { status: 200, text: 'ok' })
  t.equal(
    (await get('/readyz?verbose')).text,
    '[+]serving ok\n[+]tls ok\n[+]rules ok\nreadyz check passed\n'
  )
  await send(good)
  await send('{')
  const { text } = await get('/metrics')
  t.match(text, /secco_admission_requests_total\{decision="patched",reason="ready"\} 1/)
  t.match(text, /secco_admission_rejected_total\{code="INVALID_REVIEW"\} 1/)
  t.match(text, /secco_rules 1\n/)
  t.match(text, /secco_tls_cert_not_after_timestamp_seconds \d{10}/)
  t.match(text, /secco_build_info\{version="[0-9.]+"\} 1/)
  t.equal((await get('/nothing')).status, 404)
  await stop()
})

test('bad input: a 4xx answer, no crash, nothing of it in the log', async (t) => {
  const { send, lines } = await start(t)
  const secret = 'hunter2-do-not-log'
  const deep = [
    '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE",',
    `"resource":{"resource":"pods"},"object":${'{"a":'.repeat(170_000)}1${'}'.repeat(170_000)}}}`
  ].join('')
  const table: [string, string | Buffer, Record<string, string>, number][] = [
    ['malformed', `{"password": "${secret}"`, {}, 400],
    ['empty', '', {}, 400],
    ['not JSON at all', secret, {}, 400],
    ['binary', Buffer.from([0xff, 0xfe, 0, 1, 2]), {}, 400],
    ['wrong content type', good, { 'content-type': 'text/plain' }, 415],
    ['no review', `{"secret": "${secret}"}`, {}, 400],
    ['poisoned', `{"__proto__": {"secret": "${secret}"}}`, {}, 400],
    ['poisoned, escaped', `{"\\u005f_proto__": {"secret": "${secret}"}}`, {}, 400],
    ['poisoned constructor', `{"constructor": {"prototype": "${secret}"}}`, {}, 400],
    ['170,000 deep', deep, {}, 200],
    ['1,000,000 lists deep', '['.repeat(1_000_000) + ']'.repeat(1_000_000), {}, 413],
    ['2,000,000 objects', `[${'{},'.repeat(1_999_999)}{}]`, {}, 413],
    ['25 MiB', Buffer.alloc(25 * 2 ** 20, 0x20), {}, 413],
    ['huge header', good, { 'x-big': 'x'.repeat(20_000) }, 431]
  ]
  for (const [name, body, headers, status] of table) {
    const answer = await send(body, { headers }).catch((error: unknown) => {
      // A body over the limit is rejected before it has been read: the writer may meet a reset.
      const { code } = error as NodeJS.ErrnoException
      return { status: code === 'EPIPE' || code === 'ECONNRESET' ? 413 : 0, text: '' }
    })
    t.equal(answer.status, status, name)
    t.notMatch(answer.text, secret, `${name}: not sent back`)
  }
  t.equal((await send('', { method: 'GET' })).status, 404, 'GET /mutate')
  t.notMatch(lines.join(''), secret, 'not logged')
  t.equal((await send(good)).status, 200, 'still serving')
  t.equal(({} as Record<string, unknown>)['secret'], undefined, 'no prototype was touched')
})

test('slow and half-sent requests end and delay no others', async (t) => {
  const { open, port, send } = await start(t)
  const closes = async (socket: TLSSocket): Promise<string> => {
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('error', () => undefined)
    await once(socket, 'close')
    return text.split('\r\n')[0] ?? ''
  }
  // An API server dials in advance, and uses it when it has something to ask.
  const early = await open()
  const partialHead = await open()
  partialHead.write('POST /mutate HTTP/1.1\r\nHost: x\r\nContent-')
  const partialBody = await open()
  partialBody.write(
    'POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"a"'
  )
  const dripping = await open()
  dripping.write(
    'POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  )
  const drip = setInterval(() => dripping.write('1\r\n \r\n'), 200)
  t.teardown(() => clearInterval(drip))
  const gone = await open()
  gone.write(
    'POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nContent-Type: application/json\r\n\r\n{'
  )
  gone.destroy()
  const silent = connectTcp(port, '127.0.0.1')
  const garbage = connectTcp(port, '127.0.0.1')
  garbage.write('GET / HTTP/1.1\r\n\r\n')
  const closed = [silent, garbage].map((plain) => {
    plain.on('error', () => undefined)
    return once(plain, 'close')
  })
  const began = performance.now()
  t.equal((await send(good)).status, 200, 'others are served meanwhile')
  t.ok(performance.now() - began < 5000)
  const [head, body, slow] = await Promise.all([
    closes(partialHead),
    closes(partialBody),
    closes(dripping),
    ...closed
  ])
  t.match(head, /408/, 'a partial header')
  t.match(body, /408/, 'a partial body')
  t.match(slow, /408|^$/, 'a body that drips')
  t.ok(performance.now() - began < 15_000)
  t.equal((await send(good)).status, 200)
  const answer = once(early, 'data')
  early.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')
  const [first] = (await answer) as [Buffer]
  t.match(first.toString(), /^HTTP\/1.1 200/, 'a connection that was silent until now')
  early.destroy()
})

test('only HTTP/1.1 and TLS from 1.2', async (t) => {
  const { port, pair } = await start(t)
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: pair.ca,
    ALPNProtocols: ['h2', 'http/1.1']
  })
  await once(socket, 'secureConnect')
  t.equal(socket.alpnProtocol, 'http/1.1')
  socket.destroy()
  const old = connect({
    host: '127.0.0.1',
    port,
    ca: pair.ca,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0'
  })
  await t.rejects(once(old, 'secureConnect'))
})

test('with a client authority only its callers and probes get answers', async (t) => {
  const clients = join(t.testdir(), 'clients')
  const caller = await ensureClientLeaf(clients, 'api-server')
  const { send } = await start(t, { clientCa: caller.ca })
  t.equal((await send(good)).status, 401)
  t.equal((await send(good, { cert: caller.cert, key: caller.key })).status, 200)
  const foreign = await createLeaf(
    { kind: 'client', node: 'api-server' },
    await createAuthority(new Date()),
    new Date()
  )
  t.equal((await send(good, foreign)).status, 401)
  t.equal((await send('', { method: 'GET', path: '/readyz' })).status, 200)
})

/** Sends a review on a connection of its own. Returns the status, the session for the next one, and whether one was used. */
async function sendOnce(to: ConnectionOptions) {
  const socket = connect(to)
  let session: Buffer | undefined
  socket.on('session', (one) => (session = one))
  const ended = once(socket, 'end')
  await once(socket, 'secureConnect')
  const isReused = socket.isSessionReused()
  const head = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${good.length}`
  socket.write(`${head}\r\nconnection: close\r\n\r\n${good}`)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  await ended
  return { status: answer.slice(9, 12), session, isReused }
}

test('a resumed session needs a certificate as much as a new one', async (t) => {
  const caller = await ensureClientLeaf(join(t.testdir(), 'clients'), 'api-server')
  const { port, pair } = await start(t, { clientCa: caller.ca })
  const to = { host: '127.0.0.1', port, ca: pair.ca }
  const table: [what: string, options: ConnectionOptions, status: string][] = [
    ['without a certificate', to, '401'],
    ['with one', { ...to, cert: caller.cert, key: caller.key }, '200']
  ]
  for (const [what, options, status] of table) {
    const first = await sendOnce(options)
    t.match(first, { status, isReused: false }, what)
    const second = await sendOnce({ ...options, ...(first.session && { session: first.session }) })
    t.matchOnly({ ...second, session: undefined }, { status, isReused: true }, `${what}, resumed`)
  }
})

test('with names of clients, other certificates of the authority get no answer', async (t) => {
  const clients = join(t.testdir(), 'clients')
  const { ca, cert, key } = await ensureClientLeaf(clients, 'api-server')
  const other = await ensureClientLeaf(clients, 'kubelet')
  t.equal(other.ca, ca, 'one authority')
  const table: [names: string[], ofApiServer: number, ofKubelet: number][] = [
    [[], 200, 200],
    [['api-server'], 200, 401],
    [['api-server', 'kubelet'], 200, 200],
    [['api'], 401, 401]
  ]
  for (const [clientNames, ofApiServer, ofKubelet] of table) {
    const { send } = await start(t, { clientCa: ca, clientNames })
    const what = `names: ${clientNames.join()}`
    t.equal((await send(good, { cert, key })).status, ofApiServer, what)
    t.equal((await send(good, { cert: other.cert, key: other.key })).status, ofKubelet, what)
  }
})

test('a certificate renewed while 50 connections keep sending', async (t) => {
  const { dir, pair, port, send, server } = await start(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  t.teardown(() => agent.destroy())
  let renewed: () => void = () => undefined
  const change = new Promise<void>((resolve) => (renewed = resolve))
  const watcher = watchPair({
    paths: pair.paths,
    current: pair,
    debounceMs: 50,
    onChange: (next) => {
      server.setCertificate(next)
      renewed()
    },
    onProblem: () => undefined
  })
  t.teardown(watcher.stop)
  const seen = async (): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca: pair.ca })
    await once(socket, 'secureConnect')
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }
  const body = JSON.stringify(realisticReview())
  let running = true
  let answered = 0
  const failed: unknown[] = []
  const senders = Array.from({ length: 50 }, async () => {
    while (running) {
      try {
        const { status } = await send(body, { agent })
        if (status === 200) answered++
        else failed.push(status)
      } catch (error) {
        failed.push(error)
      }
    }
  })
  const before = await seen()
  const soon = new Date(Date.now() + 70 * 86_400_000)
  const next = await ensureServerLeaf(dir, ['localhost', '127.0.0.1'], soon)
  await change
  // The renewed leaf begins later than now, so only its serial number is looked at, without verifying.
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const after = socket.getPeerCertificate().serialNumber
  socket.destroy()
  const half = answered
  while (answered < half + 500) await new Promise((resolve) => setImmediate(resolve))
  running = false
  await Promise.all(senders)
  t.strictSame(failed, [])
  t.ok(answered > 500, `${answered} answered`)
  t.not(after, before)
  t.not(next.cert, pair.cert)
  t.throws(() => server.setCertificate({ cert: next.cert, key: pair.key }), {
    code: 'CERTIFICATE_INVALID'
  })
})

test('shutdown under load drops nothing', async (t) => {
  const { send, server } = await start(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 10 })
  t.teardown(() => agent.destroy())
  // Open connections: one that is still in the kernel's queue when the listener closes is reset by the kernel.
  await Promise.all(Array.from({ length: 10 }, () => send(good, { agent })))
  const inFlight = Array.from({ length: 10 }, () => send(good, { agent }))
  const results = Promise.all(inFlight)
  await Promise.race(inFlight)
  const closing = server.shutdown({ delayMs: 5000 })
  t.matchOnly(await send('', { method: 'GET', path: '/readyz' }), {
    status: 503,
    text: /\[-\]serving failed/
  })
  t.ok((await results).every((answer) => answer.status === 200))
  await closing
  await t.rejects(send(good), { code: 'ECONNREFUSED' })
})

test('shutdown under load: busy connections end between two requests', async (t) => {
  const { send, server } = await start(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  t.teardown(() => agent.destroy())
  const ends: unknown[] = []
  let answered = 0
  const client = async (): Promise<void> => {
    for (;;) {
      const { status } = await send(good, { agent })
      if (status !== 200) throw new Error(`status ${status}`)
      answered += 1
      if (answered === 200) closing = server.shutdown()
    }
  }
  let closing: Promise<void> | undefined
  const clients = Array.from({ length: 20 }, () =>
    client().catch((error: unknown) => ends.push(error))
  )
  await Promise.all(clients)
  await closing
  // A new connection may still stand in the kernel's accept queue when the listener closes.
  for (const end of ends) {
    t.match(
      end,
      { code: /^ECONN(REFUSED|RESET)$/, reused: false },
      'only new connections are rejected'
    )
  }
})

test('shutdown waits neither for a silent connection nor for half of a request', async (t) => {
  const { port, server } = await start(t)
  const dial = async (said: string) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    socket.write(said)
    return { end: once(socket.resume(), 'close') }
  }
  // An API server dials some in advance; the other sends no more than it has.
  const dialed = [await dial(''), await dial('POST /mutate HTTP/1.1\r\nHost: x\r\n')]
  const began = performance.now()
  await server.shutdown()
  await Promise.all(dialed.map(({ end }) => end))
  // A pod that ends is killed after 30 seconds.
  t.ok(performance.now() - began < 20_000, `${performance.now() - began} ms`)
})

test('shutdown that waits for callers: a review on an idle connection is answered, however late', async (t) => {
  const { server, open } = await start(t)
  const [used, silent] = [await open(), await open()]
  const first = await reviewOn(used, good)
  t.match(first, /^HTTP\/1\.1 200 OK[^]*"patch":/)
  t.notMatch(first, /^connection: close\r$/im)
  let isDone = false
  const closing = server.shutdown({ callersMs: 60_000 }).then(() => (isDone = true))
  // Longer than the second after which idle connections are closed otherwise.
  await delay(1500)
  for (const socket of [used, silent]) {
    t.notOk(isDone)
    const ended = once(socket, 'close')
    const answer = await reviewOn(socket, good)
    t.match(answer, /^HTTP\/1\.1 200 OK[^]*"patch":/)
    t.match(answer, /^connection: close\r$/im)
    await ended
  }
  await closing
})

test('shutdown that waits for callers: one that never closes gets its time, and no more', async (t) => {
  const { server, open } = await start(t)
  const socket = await open()
  const ended = once(socket.resume(), 'close')
  const began = performance.now()
  await server.shutdown({ callersMs: 100 })
  await ended
  // Not even the five seconds of a peer that sent half of a request.
  t.ok(performance.now() - began < 4000, `${performance.now() - began} ms`)
})

test('a port in use is reported', async (t) => {
  const { port } = await start(t)
  const authority = await createAuthority(new Date())
  const tls = await createLeaf({ kind: 'server', names: ['localhost'] }, authority, new Date())
  const logger = createLogger('webhook', { write: () => undefined })
  const second = createAdmissionServer({ tls, getSnapshot: () => snapshot, logger })
  t.teardown(() => second.shutdown())
  await t.rejects(second.listen({ host: '127.0.0.1', port }), { code: 'PORT_IN_USE' })
})
