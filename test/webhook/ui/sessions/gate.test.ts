import { t, test } from 'tap'
import { isLoopbackHost } from '../../../../webhook/ui/sessions/gate.js'
import { BoundedReviews } from '../../../../webhook/access/bounded-reviews.js'
import { createSessions } from '../../../../webhook/access/sessions.js'
import { localIdentity } from '../../../../webhook/access/rights.js'
import { startUiRig } from '../rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('host names: only this machine by its loopback names', (t) => {
  for (const host of ['localhost', 'localhost:9445', '127.0.0.1:1', '[::1]:9445'])
    t.ok(isLoopbackHost(host), host)
  for (const host of [
    undefined,
    '',
    'example.org',
    'localhost.example.org',
    '127.0.0.1.example.org',
    '10.0.0.1:9445'
  ]) {
    t.notOk(isLoopbackHost(host), host ?? 'none')
  }
  t.end()
})

test('who comes in: links once, sessions for a while, the token; nobody else', async (t) => {
  const rig = await startUiRig()
  const { app, ui, token } = rig
  t.teardown(() => app.close())
  const plain = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ url, headers: { host: 'localhost', ...headers } })

  const stranger = await plain('/')
  t.equal(stranger.statusCode, 401)
  t.match(stranger.body, /secco ui link/)
  t.notMatch(stranger.body, /checkout/)
  t.match(await plain('/api/v1/profiles'), { statusCode: 401 })
  t.match((await plain('/api/v1/profiles')).json(), { code: 'UNAUTHENTICATED' })
  t.equal((await plain('/', { host: 'example.org' })).statusCode, 403, 'rebinding')

  const code = ui.sessions.link(localIdentity('anna', 'admin'))
  const opened = await plain(`/login/${code}`)
  t.equal(opened.statusCode, 200)
  const cookie = String(opened.headers['set-cookie'])
  t.match(cookie, /^secco-0=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  const session = cookie.split(';')[0] ?? ''
  t.match((await plain('/', { cookie: session })).body, /anna/)
  t.match(await plain(`/login/${code}`), { statusCode: 401, body: /used already/ }, 'replayed')
  t.equal((await plain('/login/short')).statusCode, 400)
  t.strictSame(ui.audit.list(), [
    {
      ...{ at: '2026-01-02T00:00:00.000Z', user: 'anna', action: 'openSession', status: 200 },
      ...{ object: '', detail: 'by a one-time link' }
    }
  ])

  t.equal((await plain('/api/v1/profiles', { authorization: `Bearer ${token}` })).statusCode, 200)
  t.equal((await plain('/api/v1/profiles', { authorization: 'Bearer other' })).statusCode, 401)

  rig.pass(13 * 3_600_000)
  t.match(await plain('/', { cookie: session }), { statusCode: 401, body: /session is over/ })
})

test('sessions and links end by themselves', async (t) => {
  let now = 0
  const sessions = createSessions(() => now, { idleMs: 10, lifeMs: 25, linkMs: 5 })
  const identity = localIdentity('a', 'viewer')
  const late = sessions.link(identity)
  now = 6
  t.equal(sessions.redeem(late), undefined, 'a link that nobody opened')
  const id = sessions.open(identity)
  for (now of [10, 18, 26]) t.equal((await sessions.find(id))?.user, 'a', `used at ${now}`)
  now = 32
  t.equal(await sessions.find(id), undefined, 'older than any session')
  const other = sessions.open(identity)
  now = 43
  t.equal(await sessions.find(other), undefined, 'idle')
  const closed = sessions.open(identity)
  sessions.close(closed)
  t.equal(await sessions.find(closed), undefined)
})

test('a way in is on record: who made it, for whom, whether it was rejected; never what opens it', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const made = await rig.send('POST', '/api/v1/links', { role: 'viewer' })
  t.equal(made.statusCode, 200)
  const { path } = made.json<{ path: string }>()
  t.equal((await rig.send('POST', '/api/v1/links', {}, { role: 'viewer' })).statusCode, 403)
  await rig.app.inject({ url: path, headers: { host: 'localhost' } })
  const token = { token: rig.token }
  t.equal((await rig.send('POST', '/api/v1/session', token)).statusCode, 200)
  const list = rig.ui.audit
    .list()
    .map(({ user, action, detail, status }) => [user, action, detail, status])
  t.same(list.reverse(), [
    ['admin', 'makeLink', 'for viewers', 200],
    ['viewer', 'makeLink', 'for admins', 403],
    ['admin', 'openSession', 'by a one-time link', 200],
    ['local', 'openSession', 'by a token', 200]
  ])
  const { body } = await rig.get('/audit')
  t.match(body, /logged in[^]*made a log-in link/)
  const code = path.replace('/login/', '')
  t.notOk(body.includes(code) || JSON.stringify(rig.ui.audit.list()).includes(code))
})

test('too many unknown tokens are answered with when to try again', async (t) => {
  const reviews = new BoundedReviews<string | undefined>({
    review: () => Promise.resolve(undefined),
    isAccepted: (user) => user !== undefined,
    keptMs: () => 10_000,
    mostAnswers: 100,
    ofOne: { perSecond: 2, burst: 20 },
    ofAll: { perSecond: 20, burst: 200 },
    now: () => 0
  })
  const rig = await startUiRig({
    rights: {
      kind: 'cluster',
      ofToken: async (token, _said, client = '') => {
        const user = await reviews.answerOf(token, client)
        return user === undefined ? undefined : localIdentity(user, 'viewer')
      }
    }
  })
  t.teardown(() => rig.app.close())
  const bearer = (token: string, remoteAddress: string) =>
    rig.app.inject({
      ...{ url: '/api/v1/profiles', remoteAddress },
      headers: { host: 'localhost', authorization: `Bearer ${token}` }
    })
  const login = (token: string, remoteAddress: string) =>
    rig.app.inject({
      ...{ method: 'POST', url: '/api/v1/session', remoteAddress, payload: { token } },
      headers: { host: 'localhost', origin: 'http://localhost' }
    })
  for (const [send, address] of [
    [bearer, '10.0.0.1'],
    [login, '10.0.0.2']
  ] as const) {
    for (let i = 0; i < 20; i++) t.equal((await send(`${address}-${i}`, address)).statusCode, 401)
    const limited = await send('one-more', address)
    t.match(limited, { statusCode: 429, headers: { 'retry-after': '1' } })
    t.match(limited.json(), { code: 'UNAVAILABLE', hint: /try again in a second/ })
  }
  t.equal((await bearer('one-more', '10.0.0.3')).statusCode, 401, 'another client is asked about')
})

test('log-ins, and the writes of a person, are limited', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const guess = () =>
    rig.app.inject({ url: `/login/${'x'.repeat(43)}`, headers: { host: 'localhost' } })
  const codes: number[] = []
  for (let nth = 0; nth < 25; nth += 1) codes.push((await guess()).statusCode)
  t.same([...new Set(codes)], [401, 429], 'guesses of a link')
  t.equal(codes.indexOf(429), 20)
  const write = () => rig.send('DELETE', '/api/v1/rules/shop/absent')
  const writes: number[] = []
  for (let nth = 0; nth < 125; nth += 1) writes.push((await write()).statusCode)
  t.equal(writes.indexOf(429), 120, 'two writes a second are enough for a person')
  t.equal((await rig.get('/api/v1/profiles')).statusCode, 200, 'reading goes on')
  const other = await rig.send('DELETE', '/api/v1/rules/shop/absent', undefined, { role: 'viewer' })
  t.equal(other.statusCode, 403, 'somebody else at the same address has a limit of their own')
  const check = () => rig.send('POST', '/api/v1/rules/test', { document: 'kind: Service' })
  const checks: number[] = []
  for (let nth = 0; nth < 130; nth += 1) checks.push((await check()).statusCode)
  t.same([...new Set(checks)], [400], 'a pipeline checks many files')
})

test('each sign of a request from elsewhere is enough', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const write = async (headers: Record<string, string | undefined>) =>
    (await rig.send('POST', '/api/v1/rules/test', { document: 'kind: Pod' }, { headers }))
      .statusCode
  const token = { authorization: `Bearer ${rig.token}`, cookie: undefined }
  t.not(await write({}), 403)
  t.not(await write({ 'sec-fetch-site': 'same-origin' }), 403)
  t.not(await write({ 'sec-fetch-site': 'none' }), 403)
  t.not(await write({ ...token, origin: undefined }), 403, 'a program with the token has no origin')
  const table: [what: string, headers: Record<string, string | undefined>][] = [
    ['another origin', { origin: 'https://evil.example' }],
    ['another origin, with the token', { ...token, origin: 'https://evil.example' }],
    ['another port', { origin: 'http://localhost:8080' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    [
      'another site, with the token',
      { ...token, origin: undefined, 'sec-fetch-site': 'cross-site' }
    ],
    ['the same site, another origin', { 'sec-fetch-site': 'same-site' }],
    ['a cookie without an origin', { origin: undefined }],
    ['another name of this machine', { host: 'example.org', origin: 'http://example.org' }]
  ]
  for (const [what, headers] of table) t.equal(await write(headers), 403, what)
})

test('a cookie counts whatever header comes beside it, and nobody uses up the log-ins of others', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const { path } = (await rig.send('POST', '/api/v1/links', { role: 'admin' })).json<{
    path: string
  }>()
  const opened = await rig.app.inject({ url: path, headers: { host: 'localhost' } })
  const cookie = String(opened.headers['set-cookie']).split(';')[0] ?? ''
  const write = (headers: Record<string, string>) =>
    rig.app.inject({
      ...{ method: 'POST', url: '/api/v1/links', payload: { role: 'viewer' } },
      headers: { host: 'localhost', 'content-type': 'application/json', cookie, ...headers }
    })
  const own = 'http://localhost'
  for (const [what, headers, status] of [
    ['its own origin', { origin: own }, 200],
    ['no origin', {}, 403],
    ['no origin, and a basic authorization', { authorization: 'Basic eDp5' }, 403],
    ['no origin, and an invented token', { authorization: 'Bearer x' }, 403],
    ['another origin, and an authorization', { origin: 'http://evil', authorization: 'x' }, 403]
  ] as const) {
    t.equal((await write(headers)).statusCode, status, what)
  }
  const login = (token: string) => rig.send('POST', '/api/v1/session', { token })
  for (let i = 0; i < 60; i++) t.equal((await login(`wrong-${i}`)).statusCode, 401)
  t.equal((await login(rig.token)).statusCode, 200, 'another client still gets in')
  const same = await Promise.all(Array.from({ length: 30 }, () => login('again')))
  t.ok(
    same.some(({ statusCode }) => statusCode === 429),
    'one client is slowed down'
  )
})

test('a program that only looks uses no link up', async (t) => {
  const { app, ui } = await startUiRig()
  t.teardown(() => app.close())
  const url = `/login/${ui.sessions.link(localIdentity('anna', 'admin'))}`
  const headers = { host: 'localhost' }
  const looked = await app.inject({ method: 'HEAD', url, headers })
  t.notOk(looked.statusCode === 200 || looked.headers['set-cookie'], `HEAD: ${looked.statusCode}`)
  t.equal((await app.inject({ url, headers })).statusCode, 200)
})

test('an address that cannot be read is answered in the same form, and not repeated', async (t) => {
  const { app } = await startUiRig()
  t.teardown(() => app.close())
  for (const url of ['/%ff%3Cb%3E', `/workloads/${'a'.repeat(600)}/x`, '/workloads/%/x']) {
    const { statusCode, body, headers } = await app.inject({
      url,
      headers: { host: 'evil.example' }
    })
    t.ok(statusCode === 400 || statusCode === 414, `${url.slice(0, 20)}: ${statusCode}`)
    t.match(JSON.parse(body), { code: 'INVALID_ARGUMENT', message: /cannot be read/ })
    t.notMatch(body, /workloads|aaaa|%/)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  }
})

test('one person cannot end the sessions of others', async (t) => {
  const sessions = createSessions(() => 0)
  const other = sessions.open(localIdentity('olga', 'viewer'))
  const own = Array.from({ length: 1500 }, () => sessions.open(localIdentity('vera', 'viewer')))
  t.equal((await sessions.find(other))?.user, 'olga')
  t.equal(own.filter((id) => sessions.isOpen(id)).length, 50, 'her newest')
  t.ok(sessions.isOpen(own.at(-1) ?? ''))
})
