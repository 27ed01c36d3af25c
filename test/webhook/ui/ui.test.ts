import { execFileSync } from 'node:child_process'
import process from 'node:process'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { t, test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { areaOf } from '../../../src/seccomp/data/kernel-areas.js'
import { syscallTables } from '../../../src/seccomp/gen/syscalls.js'
import { nodeMetrics } from '../../../webhook/hub/metrics.js'
import type { ForeignRoute } from '../../../webhook/ui/api/foreign.js'
import { routeOf } from '../../../webhook/ui/api/foreign.js'
import { routes } from '../../../webhook/ui/api/registry.js'
import { allRoutes } from '../../../webhook/ui/api/truth-routes.js'
import { actionWords } from '../../../webhook/ui/action-words.js'
import { isLoopbackHost } from '../../../webhook/ui/gate.js'
import { html } from '../../../webhook/ui/html.js'
import { abiOf, cellWords, gridOf } from '../../../webhook/ui/model/grid.js'
import { ruleLines } from '../../../webhook/ui/model/rules.js'
import { pages } from '../../../webhook/ui/pages/registry.js'
import { ageText, countText, shortDigest } from '../../../webhook/ui/parts.js'
import { createSessions } from '../../../webhook/ui/sessions.js'
import { type Identity, localIdentity, type Rights } from '../../../webhook/ui/rights.js'
import { lossesText, type NodeView, workloadOf } from '../../../webhook/ui/view.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { Truth } from '../../../webhook/truth/truth.js'
import { denial, hostile, node, profile, startUiRig } from './rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

/** Endpoints are described without anything behind them. */
const nothing = { sources: { now: Date.now, profiles: () => [] } } as unknown as Truth

const filled: Record<string, string> = {
  '/workloads/:namespace/:name': '/workloads/shop/checkout.app',
  '/review/:namespace/:name': '/review/shop/checkout.app',
  '/profiles/:namespace/:name': '/profiles/shop/checkout.app'
}

test('markup: everything put into it is escaped, and nothing reorders the text around it', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { markup } = html`<p>${text}</p>`
      return !/[<>"'\u202a-\u202e\u2066-\u2069]/.test(markup.slice('<p>'.length, -'</p>'.length))
    })
  )
  t.equal(
    html`<ul>${['a', '<b>'].map((each) => html`<li>${each}</li>`)}${undefined}${false}</ul>`.markup,
    '<ul><li>a</li><li>&lt;b&gt;</li></ul>'
  )
  t.end()
})

test('where a workload stands follows from its profile', (t) => {
  const approved = {
    ...profile,
    spec: { ...profile.spec, seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } }
  }
  const cases: [SeccompProfile, string | undefined][] = [
    [profile, 'learning'],
    [approved, 'approved'],
    [{ ...approved, status: { nodes: { ready: 1, total: 2 } } }, 'approved'],
    [{ ...approved, status: { nodes: { ready: 0, total: 0 } } }, 'approved'],
    [{ ...approved, status: { nodes: { ready: 2, total: 2 } } }, 'ready'],
    [{ ...profile, spec: {} }, undefined]
  ]
  for (const [given, state] of cases) t.equal(workloadOf(given)?.state, state)
  t.end()
})

test('numbers, ages and digests as people read them', (t) => {
  t.equal(countText(9_999), '9\u202f999')
  t.equal(countText(182_400), '182 k')
  t.equal(countText(1_800_000), '1.8 M')
  t.equal(ageText(500), '0 s')
  t.equal(ageText(185_000), '3 min')
  t.equal(ageText(26 * 3_600_000), '1 d')
  t.equal(shortDigest(`sha256:9f3c${'0'.repeat(58)}a1`), '9f3c…a1')
  t.end()
})

test('a node says whether it records and what it lost', async (t) => {
  const idle: NodeView = {
    ...node,
    hook: 'tp_btf',
    record: 'unprofiled',
    tracingUnavailable: '',
    conditions: []
  }
  const busy: NodeView = {
    ...idle,
    name: 'node-2',
    attached: true,
    losses: { ...node.losses, tableFull: 2, missed: 1 }
  }
  const { get } = await startUiRig({ nodes: () => [idle, busy] })
  const { body } = await get('/nodes')
  t.match(body, /node-2[^]*recording[^]*node-1[^]*ready/)
  t.match(body, /2 table full, 1 missed/)
  t.equal(lossesText(busy.losses), '2 table full, 1 missed')

  const registry = new Registry()
  nodeMetrics(registry, () => [idle, busy])
  for (const round of [1, 2]) {
    const text = await registry.metrics()
    const said = `read ${round} times`
    t.match(text, /secco_node_losses_total\{node="node-2",kind="table_full"\} 2\n/, said)
    t.match(text, /secco_node_losses_total\{node="node-1",kind="missed"\} 0\n/, said)
    t.match(text, /secco_node_attached\{node="node-1"\} 0\n/, said)
    t.match(text, /secco_node_attached\{node="node-2"\} 1\n/, said)
  }
})

test('nodes that speak to another replica: pages about what runs say that they are not the whole', async (t) => {
  let elsewhere = 2
  const { app, get } = await startUiRig({ elsewhere: () => elsewhere })
  t.teardown(() => app.close())
  const banner =
    /id="elsewhere"[^]*2 nodes speak to another replica of the hub.*secco ps --kubeconfig/
  for (const url of ['/', '/workloads', '/denials', '/nodes']) {
    t.match((await get(url)).body, banner, url)
  }
  for (const url of ['/rules', '/profiles', '/audit']) {
    t.notMatch((await get(url)).body, /id="elsewhere"/, `${url}: objects are the same everywhere`)
  }
  elsewhere = 0
  t.notMatch((await get('/')).body, /id="elsewhere"/)
})

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

test('every page: served, without anything inline, hostile names inert', async (t) => {
  const { app, get } = await startUiRig()
  t.teardown(() => app.close())
  for (const { path } of pages) {
    if (path === '/profiler/:id') continue
    const page = await get(filled[path] ?? path)
    t.equal(page.statusCode, 200, path)
    t.match(page.headers['content-security-policy'], /default-src 'none';script-src 'self'/)
    t.equal(page.headers['x-frame-options'], 'DENY')
    t.equal(page.headers['cache-control'], 'no-store')
    t.notMatch(
      page.body,
      /<script(?! src="\/assets\/)|\son\w+=|style="|<style|href="javascript:/i,
      path
    )
    t.notMatch(page.body, /[\u202e\u0007]/, path)
  }
  const page = await get('/workloads/shop/checkout.app')
  t.match(page.body, /&lt;script&gt;alert\(1\)/)
  t.equal((await get('/absent')).statusCode, 404)
  t.match(
    (await get('/workloads/shop/absent')).body,
    /no workload is learned as shop\/absent[^]*NOT_FOUND/
  )
  t.match((await get('/profiler/7')).body, /forgotten/)
})

test('an empty installation says what to do next', async (t) => {
  const { app, get } = await startUiRig({
    objects: [],
    nodes: () => [],
    denials: () => [],
    problems: () => []
  })
  t.teardown(() => app.close())
  const said: [string, RegExp][] = [
    ['/', /Nothing waits for you[^]*Nothing is learned yet[^]*secco render --learn/],
    ['/workloads', /Nothing is learned yet/],
    ['/review', /Nothing waits for review/],
    ['/denials', /Nothing was refused/],
    ['/profiles', /There is no profile yet/],
    ['/rules', /There is no rule yet/],
    ['/nodes', /No satellite has connected yet[^]*secco satellite/],
    ['/profiler', /No satellite runs on the machine/],
    ['/emergency', /Nothing is blocked/],
    ['/audit', /Nothing is recorded/],
    ['/doctor', /none has ever connected[^]*start one on each node/]
  ]
  for (const [path, words] of said) t.match((await get(path)).body, words, path)
})

test('assets: the same for all, named by their content', async (t) => {
  const { app, get } = await startUiRig()
  t.teardown(() => app.close())
  const page = await get('/')
  const [, style = ''] = /href="(\/assets\/secco\.css\?v=\w+)"/.exec(page.body) ?? []
  const first = await app.inject({ url: style, headers: { host: 'localhost' } })
  t.equal(first.statusCode, 200)
  t.match(first.headers, { 'content-type': /text\/css/, 'cache-control': /immutable/ })
  const etag = String(first.headers['etag'])
  const again = await app.inject({
    url: style,
    headers: { host: 'localhost', 'if-none-match': etag }
  })
  t.equal(again.statusCode, 304)
  t.doesNotThrow(
    () => execFileSync(process.execPath, ['bin/gen-ui.mjs', '--check'], { cwd: repositoryRoot }),
    'the generated assets are of the sources as they are: npm run gen'
  )
  t.doesNotThrow(
    () =>
      execFileSync('node_modules/.bin/tsc', ['-p', 'webhook/ui/browser'], { cwd: repositoryRoot }),
    'the types of what runs in the browser'
  )
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
  t.match(ui.audit.list(), [{ user: 'anna', action: 'openSession', detail: 'by a one-time link' }])

  t.equal((await plain('/api/v1/profiles', { authorization: `Bearer ${token}` })).statusCode, 200)
  t.equal((await plain('/api/v1/profiles', { authorization: 'Bearer other' })).statusCode, 401)

  rig.pass(13 * 3_600_000)
  t.match(await plain('/', { cookie: session }), { statusCode: 401, body: /session is over/ })
})

test('sessions and links end by themselves', (t) => {
  let now = 0
  const sessions = createSessions(() => now, { idleMs: 10, lifeMs: 25, linkMs: 5 })
  const identity = localIdentity('a', 'viewer')
  const late = sessions.link(identity)
  now = 6
  t.equal(sessions.redeem(late), undefined, 'a link that nobody opened')
  const id = sessions.open(identity)
  for (now of [10, 18, 26]) t.equal(sessions.find(id)?.user, 'a', `used at ${now}`)
  now = 32
  t.equal(sessions.find(id), undefined, 'older than any session')
  const other = sessions.open(identity)
  now = 43
  t.equal(sessions.find(other), undefined, 'idle')
  const closed = sessions.open(identity)
  sessions.close(closed)
  t.equal(sessions.find(closed), undefined)
  t.end()
})

test('who does something sees it done on the next page, however soon', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const path = '/review/shop/checkout.app'
  t.match((await rig.get(path)).body, /Include accept4/)
  const body = { reason: 'tests passed', allow: ['accept4', 'read', 'ptrace'] }
  await rig.send('POST', '/api/v1/profiles/shop/checkout.app/approve', body)
  t.match((await rig.get(path)).body, /Nothing changes/)
})

test('what changes something: JSON of this origin, by who may, and it is recorded', async (t) => {
  const rig = await startUiRig()
  const { app, send } = rig
  t.teardown(() => app.close())
  const url = '/api/v1/profiles/shop/checkout.app/approve'
  const body = { reason: 'tests passed', allow: ['accept4', 'read'] }

  t.equal(
    (await send('POST', url, body, { headers: { origin: 'https://evil.example' } })).statusCode,
    403
  )
  t.equal((await send('POST', url, body, { headers: { origin: undefined } })).statusCode, 403)
  t.equal(
    (await send('POST', url, body, { headers: { 'sec-fetch-site': 'cross-site' } })).statusCode,
    403
  )
  t.equal((await send('POST', url, body, { headers: { cookie: undefined } })).statusCode, 401)
  const viewer = await send('POST', url, body, { role: 'viewer' })
  t.match(viewer.json(), { code: 'FORBIDDEN', message: /viewer may not approve/ })
  const form = await app.inject({
    ...{ method: 'POST', url, payload: 'reason=x' },
    headers: {
      host: 'localhost',
      origin: 'http://localhost',
      cookie: rig.cookie('admin'),
      'content-type': 'application/x-www-form-urlencoded'
    }
  })
  t.equal(form.statusCode, 415, 'a form')
  const text = await app.inject({
    ...{ method: 'POST', url, payload: JSON.stringify(body) },
    headers: {
      host: 'localhost',
      origin: 'http://localhost',
      cookie: rig.cookie('admin'),
      'content-type': 'text/plain'
    }
  })
  t.equal(text.statusCode, 415, 'JSON that says it is text')
  t.equal((await send('POST', url, { ...body, surprise: 1 })).statusCode, 400, 'unknown members')
  t.equal(rig.profiles()[0]?.spec.seccomp, undefined, 'nothing of it happened')

  t.match((await send('POST', url, { ...body, expect: 'sha256:other' })).json(), {
    code: 'CONFLICT'
  })
  t.equal((await send('POST', url, body)).statusCode, 200)
  const after = rig.profiles()[0]
  t.same(after?.spec.seccomp?.syscalls?.[0]?.names, ['accept4', 'read'])
  t.match(after?.status?.approvals, [{ by: 'admin', reason: 'tests passed' }])
  t.same(after?.status?.observed, profile.status?.observed, 'what was observed stays')

  const calls = '/api/v1/profiles/shop/checkout.app/calls'
  t.equal(
    (await send('POST', calls, { reason: 'r', refuse: ['accept4'], allow: ['mkdir'] })).statusCode,
    200
  )
  const names = rig.profiles()[0]?.spec.seccomp?.syscalls?.flatMap((rule) => rule.names)
  t.same(names, ['read', 'mkdir'])
  t.match((await send('POST', calls, { reason: 'r', refuse: ['execve'] })).json(), {
    message: /every container needs it/
  })
  t.match((await send('POST', calls, { reason: 'r', allow: ['nonsense'] })).json(), {
    message: /no syscall table/
  })

  const { items } = (await rig.get('/api/v1/audit')).json<{
    items: { action: string; status: number }[]
  }>()
  t.ok(
    items.some(({ action, status }) => action === 'approveProfile' && status === 403),
    'refused ones too'
  )
  t.match(items[0], {
    action: 'decideCalls',
    user: 'admin',
    object: 'shop/checkout.app',
    status: 400
  })
  const page = (await rig.get('/audit')).body
  t.match(page, /decided on calls[^]*approved<[^]*tests passed/)
  t.notMatch(page, /approveProfile|decideCalls/, 'words, not names of operations')
  t.notMatch(page, /kept in the profile/, 'one line says the action and the approval')
})

test('a way in is on record: who made it, for whom, whether it was refused; never what opens it', async (t) => {
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

test('what somebody did has words and an object, and who only asked did nothing', async (t) => {
  const all = [...allRoutes(nothing).map(routeOf), ...routes]
  for (const { method, operationId, needs } of all) {
    if (method === 'GET' || needs.verb === 'list' || needs.verb === 'get') continue
    t.not(actionWords(operationId), operationId, `${operationId}: in words`)
  }
  const rig = await startUiRig({ foreign: allRoutes(nothing) })
  t.teardown(() => rig.app.close())
  const profile = 'shop/checkout.app'
  await rig.send('POST', '/api/v1/promote', { profile, mode: 'enforce', reason: 'a quiet week' })
  await rig.send('POST', '/api/v1/mute', { profile, syscall: 'mount', remove: true })
  await rig.send('POST', '/api/v1/block', { what: 'af-alg', reason: 'CVE', dryRun: true })
  await rig.send('POST', '/api/v1/traces', { container: 'web' })
  await rig.send('POST', '/api/v1/simulate', { profile })
  await rig.send('POST', '/api/v1/rules/test', { document: 'kind: Pod' })
  const list = rig.ui.audit.list().map(({ action, object, detail }) => [action, object, detail])
  t.same(list.reverse(), [
    ['postPromote', profile, 'a quiet week'],
    ['postMute', profile, 'taken back: syscall: mount'],
    ['postBlock', 'af-alg', 'dry run, nothing was changed: CVE'],
    ['startTrace', 'web', '']
  ])
})

test('a viewer sees no buttons that would be refused, and what is not offered has none', async (t) => {
  const actors: string[] = []
  const foreign = ['block', 'mute', 'promote'].map(
    (word): ForeignRoute => ({
      ...{ method: 'POST', url: `/api/v1/${word}`, summary: word, cli: `secco ${word}` },
      needs: { verb: 'update', resource: 'seccompprofiles' },
      handle: ({ actor }) => {
        actors.push(actor)
        return {}
      }
    })
  )
  const plain = await startUiRig()
  const rig = await startUiRig({ foreign })
  t.teardown(() => Promise.all([plain.app.close(), rig.app.close()]))
  const forms = (body: string) => body.match(/data-action|data-import|data-rule/g)?.length ?? 0
  const offered = ['/emergency', '/denials']
  const call = '/workloads/shop/checkout.app?call=mkdir'
  const always = [
    call,
    '/review/shop/checkout.app',
    '/profiles/shop/checkout.app',
    '/rules',
    '/profiles'
  ]
  for (const path of [...always, ...offered]) {
    t.ok(forms((await rig.get(path)).body) > 0, path)
    t.equal(forms((await rig.get(path, { cookie: rig.cookie('viewer') })).body), 0, path)
  }
  for (const path of offered)
    t.equal(forms((await plain.get(path)).body), 0, `${path}: not offered`)
  t.equal((await rig.send('POST', '/api/v1/block', {}, { role: 'viewer' })).statusCode, 403)
  t.equal((await rig.send('POST', '/api/v1/block', {})).statusCode, 200)
  t.same(actors, ['admin'])
  t.match(rig.ui.audit.list()[0], { action: 'postBlock', user: 'admin', status: 200 })
  const mute = { profile: 'shop/checkout.app', syscall: 'mkdir', reason: 'its agent tries it' }
  t.equal((await rig.send('POST', '/api/v1/mute', mute)).statusCode, 200)
  t.match(
    rig.ui.audit.list()[0],
    { action: 'postMute', object: 'shop/checkout.app', detail: 'mkdir: its agent tries it' },
    'whose it is, which call and why'
  )
})

test('who may see one namespace sees nothing of another', async (t) => {
  const other: SeccompProfile = {
    ...profile,
    metadata: { namespace: 'bank', name: 'vault.app' },
    spec: { workload: { kind: 'Deployment', name: 'vault' } }
  }
  const named = (namespaces: readonly string[]): Identity => ({
    user: 'anna',
    can: (verb, _resource, namespace) =>
      Promise.resolve(
        verb !== 'approve' && namespace !== undefined && namespaces.includes(namespace)
      )
  })
  const rights: Rights = {
    kind: 'cluster',
    ofToken: (token) => Promise.resolve(token === 'none' ? undefined : named(token.split('+')))
  }
  const { app } = await startUiRig({
    objects: [profile, other],
    denials: () => [denial, { ...denial, namespace: 'bank', profile: 'vault.app' }],
    rights
  })
  t.teardown(() => app.close())
  const get = (url: string, token: string) =>
    app.inject({ url, headers: { host: 'localhost', authorization: `Bearer ${token}` } })
  for (const path of [
    '/',
    '/workloads',
    '/denials',
    '/profiles',
    '/audit?kind=all',
    '/compare',
    '/api/v1/profiles',
    '/api/v1/denials',
    '/api/v1/workloads'
  ]) {
    const { statusCode, body } = await get(path, 'shop')
    t.equal(statusCode, 200, path)
    t.notMatch(body, /vault|bank/, path)
    t.match(
      (await get(path, 'shop+bank')).body,
      path === '/compare' ? /Choose two/ : /vault|bank/,
      path
    )
  }
  t.equal((await get('/workloads/bank/vault.app', 'shop')).statusCode, 403)
  t.equal((await get('/api/v1/profiles/bank/vault.app', 'shop')).statusCode, 403)
  t.match(await get('/', 'elsewhere'), { statusCode: 403, body: /anna may not list/ })
  t.equal((await get('/', 'none')).statusCode, 401)
})

test('profiles and rules: written, extended, imported, exported, compared, tried', async (t) => {
  const rig = await startUiRig()
  const { app, get, send } = rig
  t.teardown(() => app.close())
  const oci = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }]
  })
  const files = [{ name: 'web.json', text: oci }]
  t.match(
    (await send('POST', '/api/v1/import', { files, namespace: 'shop', dryRun: true })).json(),
    { imported: [{ name: 'web', calls: 2 }], dryRun: true }
  )
  t.equal(rig.profiles().length, 1, 'only tried')
  t.equal((await send('POST', '/api/v1/import', { files, namespace: 'shop' })).statusCode, 200)
  t.equal(rig.profiles().length, 2)
  t.equal(
    (await send('POST', '/api/v1/profiles/shop/web/extends', { add: ['shop/absent'] })).statusCode,
    404
  )
  t.equal(
    (await send('POST', '/api/v1/profiles/shop/web/extends', { add: ['secco-system/base'] }))
      .statusCode,
    200
  )
  t.same(rig.profiles()[1]?.spec.extends, ['secco-system/base'])
  t.match((await get('/profiles/shop/web')).body, /secco-system\/base[^]*Take away/)
  t.match((await get('/api/v1/profiles/shop/web/export?format=oci')).json(), {
    file: 'web.json',
    text: /"defaultAction"/
  })
  t.match(
    (await get('/api/v1/profiles/shop/web/export?format=yaml')).json<{ text: string }>().text,
    /kind: SeccompProfile/
  )
  t.match((await get('/api/v1/diff?left=RuntimeDefault&right=shop/web')).json(), {
    left: 'RuntimeDefault',
    right: 'shop/web'
  })
  t.match(
    (await get('/compare?left=RuntimeDefault&right=shop/web')).body,
    /From RuntimeDefault to shop\/web/
  )
  t.match((await get('/api/v1/diff?left=a/b&right=shop/web')).json(), { code: 'NOT_FOUND' })
  const pair = '/compare?left=RuntimeDefault&right=shop/web'
  const [one, two] = [(await get(pair)).body, (await get(`${pair}&page=2`)).body]
  const changed = (body: string) =>
    [...body.matchAll(/<tr data-key="(\w+)"/g)].map(([, name]) => name)
  t.match(one, /page 1 of \d+, \d+ differences/)
  t.equal(changed(one).length, 50)
  t.equal(
    new Set([...changed(one), ...changed(two)]).size,
    50 + changed(two).length,
    'no row twice'
  )
  t.match((await get('/compare?q=web')).body, /<option value="shop\/web">/)
  t.notMatch((await get('/compare?q=checkout')).body, /<option value="shop\/web">/)

  const spec = { mode: 'learn', podSelector: { matchLabels: { app: 'web' } } }
  t.equal((await send('PUT', '/api/v1/rules/secco-system/web', { spec })).statusCode, 200)
  t.equal(
    (await send('PUT', '/api/v1/rules/secco-system/web', { spec: { mode: 'never' } })).statusCode,
    400
  )
  t.match((await get('/api/v1/rules/secco-system/web')).json(), { spec })
  const form = (await get('/rules?change=secco-system/web')).body
  t.match(form, /Change web[^]*value="app=web"[^]*<option selected>learn/, 'with what it says now')
  const odd = {
    mode: 'learn',
    podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] }
  }
  await send('PUT', '/api/v1/rules/secco-system/odd', { spec: odd })
  const rules = (await get('/rules?change=secco-system/odd')).body
  t.match(rules, /\?change=secco-system%2Fweb/)
  t.notMatch(rules, /\?change=secco-system%2Fodd/, 'the form would lose some of it')
  t.match(rules, /New rule/)
  await send('DELETE', '/api/v1/rules/secco-system/odd')
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec: {containers: [{name: c, image: i}]}\n'
  t.match((await send('POST', '/api/v1/rules/test', { document: pod })).json(), {
    items: [{ decision: 'patched', matchedRules: ['secco-system/web'] }]
  })
  t.match(
    (await get(`/rules?document=${encodeURIComponent(pod)}`)).body,
    /patched[^]*secco-system\/web/
  )
  t.match((await send('POST', '/api/v1/rules/test', { document: 'kind: Service' })).json(), {
    code: 'INVALID_DOCUMENT'
  })
  t.equal((await send('DELETE', '/api/v1/rules/secco-system/web')).statusCode, 200)
  t.equal((await send('DELETE', '/api/v1/rules/secco-system/web')).statusCode, 404)
})

test('rules in their order; what can never win is marked', (t) => {
  const rule = (
    name: string,
    spec: Partial<SeccompRule['spec']>,
    namespace = 'secco-system'
  ): SeccompRule => ({
    ...{ apiVersion, kind: 'SeccompRule', metadata: { namespace, name } },
    spec: { mode: 'learn', ...spec }
  })
  const web = { matchLabels: { app: 'web' } }
  const lines = ruleLines([
    rule('late', { podSelector: web, priority: 0, containers: ['a'] }),
    rule('first', { podSelector: web, priority: 5 }),
    rule('other', { podSelector: { matchLabels: { app: 'db' } } }),
    rule('home', { podSelector: web }, 'shop')
  ])
  t.same(
    lines.map(({ key, shadowedBy }) => [key, shadowedBy]),
    [
      ['secco-system/first', undefined],
      ['secco-system/late', 'first'],
      ['secco-system/other', undefined],
      ['shop/home', undefined]
    ]
  )
  t.end()
})

test('the grid: every call once, each state in words', (t) => {
  const approved: SeccompProfile = {
    ...profile,
    spec: {
      ...profile.spec,
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read', 'mkdir'], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  const abi = abiOf(approved, undefined)
  t.equal(abi, 'x86_64')
  const rendering = {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      syscalls: [{ names: ['read', 'mkdir', 'exit'], action: 'SCMP_ACT_ALLOW' as const }]
    },
    ...{ json: '', digest: 'sha256:0' as const, provenance: {} },
    reasons: {
      exit: [{ kind: 'base' as const, text: 'end' }],
      mkdir: [{ kind: 'person' as const, text: 'said' }]
    }
  }
  const areas = gridOf({
    profile: approved,
    abi,
    result: { rendering },
    counts: new Map([['read', 150]]),
    denials: [denial]
  })
  const cells = new Map(areas.flatMap((area) => area.cells).map((cell) => [cell.name, cell]))
  t.equal(cells.size, Object.keys(syscallTables.x86_64).length)
  t.equal(areas.length, 12)
  const words: [string, string][] = [
    ['read', 'observed 150 times, approved'],
    ['accept4', 'observed, not approved'],
    ['ptrace', 'observed, not approved, high risk'],
    ['exit', 'approved, base, never observed'],
    ['mkdir', 'approved, by a person, never observed'],
    ['mount', 'denied 3 times, high risk'],
    ['acct', 'not allowed, never asked, medium risk']
  ]
  for (const [name, said] of words) {
    const cell = cells.get(name)
    t.equal(cell === undefined ? '' : cellWords(cell), said, name)
  }
  const places: [string, string][] = [
    ['fstat64', 'File'],
    ['futex_time64', 'IPC'],
    ['socketcall', 'Network'],
    ['clock_gettime64', 'Time'],
    ['oldstat', 'File']
  ]
  for (const [name, area] of places) t.equal(areaOf(name), area, name)
  t.end()
})

test('the API describes itself, and there is a page and a verb for everything', async (t) => {
  const { app, get } = await startUiRig()
  t.teardown(() => app.close())
  const { paths } = (await get('/openapi.json')).json<{
    paths: Record<string, Record<string, { operationId?: string }>>
  }>()
  const paths_ = new Set(pages.map(({ path }) => path))
  for (const route of routes) {
    const described = paths[route.url.replace(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]
    t.equal(described?.operationId, route.operationId, `${route.method} ${route.url}`)
    t.ok(route.pages.length > 0, `${route.operationId} is on a page`)
    for (const page of route.pages) t.ok(paths_.has(page), `${route.operationId}: page ${page}`)
  }
  t.equal(new Set(routes.map(({ operationId }) => operationId)).size, routes.length)
  t.doesNotThrow(
    () => execFileSync(process.execPath, ['bin/gen-docs.mjs', '--check'], { cwd: repositoryRoot }),
    'every endpoint has its verb, every verb its endpoint, and the reference is of now: npm run gen'
  )
  const lists: [string, number][] = [
    ['profiles', 1],
    ['rules', 0],
    ['workloads', 1],
    ['nodes', 1],
    ['states', 0],
    ['denials', 1],
    ['problems', 1]
  ]
  for (const [list, length] of lists) {
    const { items } = (await get(`/api/v1/${list}`)).json<{ items: unknown[] }>()
    t.equal(items.length, length, list)
  }
  t.match((await get('/api/v1/workloads')).json(), { items: [{ name: hostile, denied: 3 }] })
  t.match((await get('/api/v1/doctor')).json<{ items: { what: string }[] }>().items[0], {
    what: 'A satellite is there',
    verdict: 'good'
  })
})

test('with a thousand workloads and a hundred thousand containers lists stay small', async (t) => {
  const many = Array.from(
    { length: 1000 },
    (_, at): SeccompProfile => ({
      ...profile,
      metadata: { namespace: `ns-${at % 40}`, name: `w-${at}.app` },
      spec: { workload: { kind: 'Deployment', name: `w-${at}`, container: 'app' } }
    })
  )
  const inventory = Array.from({ length: 100_000 }, (_, at) => ({
    ...{
      key: `n/${at}`,
      node: `n-${at % 100}`,
      runtime: 'containerd',
      id: String(at),
      name: 'app'
    },
    ...{
      namespace: `ns-${at % 40}`,
      pod: `p-${at}`,
      image: 'i',
      workload: `Deployment/w-${at % 1000}`
    },
    ...{
      state: 'enforced' as const,
      why: 'as declared',
      profile: `ns-${at % 40}/w-${at % 1000}.app`,
      learned: ''
    },
    ...{
      revision: '',
      wanted: '',
      stale: false,
      canary: false,
      drift: [],
      unprotected: null,
      denials: 0
    },
    startedAt: '2026-01-01T00:00:00.000Z'
  }))
  const { app, get } = await startUiRig({ objects: many, inventory: () => inventory })
  t.teardown(() => app.close())
  for (const path of ['/', '/workloads', '/review', '/profiles', '/nodes', '/audit']) {
    await get(path)
    const began = performance.now()
    const page = await get(path)
    const ms = Math.round(performance.now() - began)
    t.ok(
      page.body.length < 600_000,
      `${path}: ${Math.round(page.body.length / 1024)} KB before compression`
    )
    t.comment(`${path}: ${ms} ms, ${Math.round(page.body.length / 1024)} KB`)
  }
  t.match((await get('/workloads?page=20')).body, /page 20 of 20/)
  t.match((await get('/workloads?q=w-777')).body, /w-777/)
})
