import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import type { ClusterUser, Identity } from '../../../webhook/access/rights.js'
import { FrontProxy } from '../../../webhook/cluster/access/request-header.js'
import { openAggregatedApi } from '../../../webhook/ui/aggregated-api.js'
import { makePki, type PairPaths, type Pki } from '../../helpers/kubernetes/pki.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { startUiRig } from './rig.js'

const hub = '/apis/hub.secco.dev/v1alpha1/namespaces/shop/hubs/active/proxy'
const denials = `${hub}/api/v1/denials?namespace=shop`

/** What the API server publishes about its front proxy. */
const published = (ca: string) => ({
  data: {
    'requestheader-client-ca-file': ca,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]'
  }
})

interface Asked {
  status: number
  body: {
    user?: ClusterUser
    token?: string
    writer?: string
    url?: string
    headers?: string[]
    message?: string
  }
}

interface Peer {
  port: number
  host?: string
  pair?: PairPaths | undefined
}

/** Sends a request as the API server, or somebody else, would. */
async function ask(
  { port, host = '127.0.0.1', pair }: Peer,
  path: string,
  headers: Record<string, string | string[]> = {}
): Promise<Asked> {
  const proof =
    pair === undefined ? {} : { cert: await readFile(pair.cert), key: await readFile(pair.key) }
  const call = request({
    ...{ host, port, path, headers, agent: false, ...proof },
    // Its certificate is not what is tested here.
    rejectUnauthorized: false
  })
  call.end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode ?? 0, body: JSON.parse(text) as Asked['body'] }
}

/** The pages, which answer with who sent the request and what is left of it. */
function answeringPages(senders: WeakMap<IncomingMessage, Identity>, who: WeakMap<object, object>) {
  return createServer((incoming, response) => {
    const identity = senders.get(incoming)
    const known = identity === undefined ? {} : who.get(identity)
    const headers = Object.keys(incoming.headers)
    response.end(JSON.stringify({ ...known, url: incoming.url, headers }))
  })
}

async function rig(t: Test, options: { host?: string; port?: number; active?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-aggregated-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const pki = (name: string): Promise<Pki> => makePki(join(folder, name), ['localhost'])
  const [proxy, other] = [await pki('proxy'), await pki('other')]
  const senders = new WeakMap<IncomingMessage, Identity>()
  const who = new WeakMap<object, object>()
  const state = { ca: proxy.caPem }
  const logger = createLogger('test', quiet)
  const api = await openAggregatedApi({
    listen: { host: options.host ?? '127.0.0.1', port: options.port ?? 0 },
    tls: {
      cert: await readFile(proxy.serving.cert, 'utf8'),
      key: await readFile(proxy.serving.key, 'utf8')
    },
    frontProxy: await FrontProxy.open(() => Promise.resolve(published(state.ca)), logger, 20),
    ofUser(user, means) {
      const identity: Identity = { user: user.username, can: () => Promise.resolve(true) }
      who.set(identity, { user, ...means })
      return Promise.resolve(identity)
    },
    pages: answeringPages(senders, who),
    ...{ senders, logger },
    route:
      options.active === undefined
        ? undefined
        : { isHere: () => false, address: () => options.active }
  })
  t.teardown(() => api.close())
  const own = await proxy.issue('own', { commonName: 'front-proxy-client' })
  return { ...{ proxy, other, own, state }, port: api.address.port }
}

const anna = { 'x-remote-user': 'anna', 'x-remote-group': ['dev, ops', 'system:authenticated'] }

test('only the front proxy of the API server names a user', async (t) => {
  const { proxy, other, own, port } = await rig(t)
  const named = 'front-proxy-client'
  // [what, certificate, headers, status]
  const table: [string, PairPaths | undefined, Record<string, string | string[]>, number][] = [
    ['the front proxy', own, anna, 200],
    ['forged headers without a certificate', undefined, anna, 401],
    [
      'of another authority, with the name',
      await other.issue('it', { commonName: named }),
      anna,
      401
    ],
    [
      'of the authority, with another name',
      await proxy.issue('it', { commonName: 'x' }),
      anna,
      401
    ],
    ['the front proxy without a user', own, {}, 401],
    ['the front proxy with an empty user', own, { 'x-remote-user': '' }, 401],
    ['the front proxy with two users', own, { 'x-remote-user': ['anna', 'admin'] }, 401]
  ]
  for (const [what, pair, headers, status] of table) {
    const asked = await ask({ port, pair }, denials, headers)
    t.equal(asked.status, status, `${what}: ${JSON.stringify(asked.body)}`)
    if (status !== 200) t.match(asked.body, { message: /front proxy|no single user/ }, what)
  }
})

test('the hub gets the user, its own path, and no header that somebody could have forged', async (t) => {
  const { own, port } = await rig(t)
  const more = {
    ...anna,
    ...{ 'x-remote-uid': '7', 'x-remote-extra-example.com%2fscope': ['a', 'b'] },
    ...{
      cookie: 'secco-1=x',
      authorization: 'Bearer x',
      'x-secco-user': 'admin',
      'x-secco-token': 't',
      'x-secco-writer': 'w'
    }
  }
  const { body } = await ask({ port, pair: own }, denials, more)
  t.same(body.user, {
    ...{ username: 'anna', groups: ['dev, ops', 'system:authenticated'], uid: '7' },
    extra: { 'example.com/scope': ['a', 'b'] }
  })
  t.match(body, { token: 't', writer: 'w' })
  t.equal(body.url, '/api/v1/denials?namespace=shop')
  t.same(
    (body.headers ?? []).filter((name) => /remote|secco|cookie|auth/.test(name)),
    []
  )

  // [path, status]
  const table: [string, number][] = [
    ['/apis/hub.secco.dev/v1alpha1', 200],
    ['/apis/hub.secco.dev/v1alpha1?timeout=5s', 200],
    ['/apis/hub.secco.dev/v1alpha1/hubs/active/proxy/api/v1/denials', 200],
    [`${hub}/api/v1/session`, 404],
    [`${hub}/api/v1/links`, 404],
    [`${hub}/`, 404],
    [`${hub}/login`, 404],
    ['/api/v1/denials', 404],
    ['/', 404]
  ]
  for (const [path, status] of table)
    t.equal((await ask({ port, pair: own }, path, anna)).status, status, path)
})

test('an authority that was replaced counts no longer', async (t) => {
  const { other, own, state, port } = await rig(t)
  t.equal((await ask({ port, pair: own }, denials, anna)).status, 200)
  state.ca = other.caPem
  const next = await other.issue('next', { commonName: 'front-proxy-client' })
  const counts = async () => {
    const { status } = await ask({ port, pair: next }, denials, anna).catch(() => ({ status: 0 }))
    return status === 200 ? true : undefined
  }
  await until('the new authority to count', counts, { timeoutMs: 45_000 })
  t.equal((await ask({ port, pair: own }, denials, anna)).status, 401)
})

test('a replica on standby passes the connection on to the active one', async (t) => {
  const standby = await rig(t, { active: '127.0.0.2:1' })
  const { port } = standby
  const active = await rig(t, { host: '127.0.0.2', port })
  t.equal((await ask({ port, pair: active.own }, denials, anna)).status, 200)
  t.equal((await ask({ port, pair: standby.own }, denials, anna)).status, 401, 'it decides itself')
})

test('the port of the pages believes no header', async (t) => {
  const { app } = await startUiRig()
  t.teardown(() => app.close())
  const headers = { host: 'localhost', ...anna, 'x-secco-token': 'x' }
  t.equal((await app.inject({ url: '/api/v1/denials', headers })).statusCode, 401)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}${denials}`, {
    headers: { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' }
  })
  t.equal(answer.status, 401)
})
