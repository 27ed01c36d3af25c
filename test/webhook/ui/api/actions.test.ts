import { t, test } from 'tap'
import { routeOf } from '../../../../webhook/ui/api/foreign.js'
import { routes } from '../../../../webhook/ui/api/registry.js'
import { allRoutes } from '../../../../webhook/ui/api/truth-routes.js'
import { actionWords, isDryRun } from '../../../../webhook/ui/parts/action-words.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { profile, startUiRig } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

/** Endpoints are described without anything behind them. */
const nothing = { sources: { now: Date.now, profiles: () => [] } } as unknown as Confinement

test('who does something sees it done on the next page, however soon', async (t) => {
  const rig = await startUiRig({ denials: () => [] })
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
  t.matchOnly(viewer.json(), {
    ...{ code: 'FORBIDDEN', message: /viewer may not approve/, hint: /^ask an administrator/ }
  })
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
  matchLists(t, after?.status?.approvals, [{ by: 'admin', reason: 'tests passed' }])
  t.same(after?.status?.observed, profile.status?.observed, 'what was observed stays')

  const calls = '/api/v1/profiles/shop/checkout.app/calls'
  t.equal(
    (await send('POST', calls, { reason: 'r', deny: ['accept4'], allow: ['mkdir'] })).statusCode,
    200
  )
  const rules = rig.profiles()[0]?.spec.seccomp?.syscalls
  t.same(
    rules?.flatMap(({ names, action }) => names.map((name) => `${action} ${name}`)),
    ['SCMP_ACT_ALLOW read', 'SCMP_ACT_ALLOW mkdir', 'SCMP_ACT_ERRNO accept4'],
    'what was observed stays denied by a rule'
  )
  t.match((await send('POST', calls, { reason: 'r', deny: ['execve'] })).json(), {
    message: /every container needs it/
  })
  t.match((await send('POST', calls, { reason: 'r', allow: ['nonsense'] })).json(), {
    message: /no syscall table/
  })

  const { since, items } = (await rig.get('/api/v1/audit')).json<{
    since: string
    items: { action: string; status: number }[]
  }>()
  t.ok(
    items.some(({ action, status }) => action === 'approveProfile' && status === 403),
    'denied ones too'
  )
  t.strictSame(items[0], {
    ...{ at: '2026-01-02T00:00:00.000Z', user: 'admin', action: 'decideCalls', status: 400 },
    ...{ object: 'shop/checkout.app', detail: 'r' }
  })
  const page = (await rig.get('/audit')).body
  t.match(page, /decided on calls[^]*approved<[^]*tests passed/)
  t.ok(since !== '' && /actions are known since [^]{0,80}/.exec(page)?.[0].includes(since), since)
  t.notMatch(page, /approveProfile|decideCalls/, 'words, not names of operations')
  t.notMatch(page, /kept in the profile/, 'one line says the action and the approval')
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
  const list = rig.ui.audit
    .list()
    .map(({ action, object, detail, dryRun = false }) => [action, object, detail, dryRun])
  t.same(list.reverse(), [
    ['postPromote', profile, 'to enforce: a quiet week', false],
    ['postUnmute', profile, 'syscall: mount', false],
    ['postBlock', 'af-alg', 'CVE', true],
    ['startTrace', 'web', '', false]
  ])
})

test('a member that a request does not take changes nothing, and the trail does not say so either', async (t) => {
  const rig = await startUiRig({ foreign: allRoutes(nothing) })
  t.teardown(() => rig.app.close())
  const here = '/api/v1/profiles/shop/checkout.app'
  const rule = '/api/v1/rules/shop/web'
  const what = 'af-alg'
  const block = '/api/v1/block'
  // [method, address, body, status, what the answer names]
  const table: ['POST' | 'PUT' | 'DELETE', string, object | undefined, number, string][] = [
    ['DELETE', here, { dryRun: true }, 400, 'dryRun: this request takes no body'],
    ['DELETE', here, { reason: 'old' }, 400, 'reason: this request takes no body'],
    ['DELETE', here, ['dryRun'], 400, '0: this request takes no body'],
    ['DELETE', rule, { dryRun: true }, 400, 'dryRun: this request takes no body'],
    [
      'PUT',
      here,
      { document: 'kind: SeccompProfile', dryRun: true },
      400,
      'body must NOT have additional properties'
    ],
    [
      'POST',
      `${here}/approve`,
      { reason: 'r', allow: ['read'], dryRun: true },
      400,
      'body must NOT have additional properties'
    ],
    [
      'POST',
      `${here}/extends`,
      { add: ['shop/base'], dryRun: true },
      400,
      'body must NOT have additional properties'
    ],
    [
      'POST',
      block,
      { what, reason: 'CVE', dryrun: true },
      400,
      'dryrun: is no member of this request'
    ],
    ['POST', block, { what, reason: 'CVE', dryRun: 'true' }, 400, 'dryRun: must be boolean'],
    ['POST', block, { what, reason: 'CVE', remove: 1 }, 400, 'remove: must be boolean'],
    [
      'POST',
      '/api/v1/rollback',
      { profile: 'shop/checkout.app', reason: 'r', dryRun: true },
      400,
      'dryRun: is no member of this request'
    ],
    ['DELETE', here, undefined, 200, '']
  ]
  for (const [method, url, body, status, message] of table) {
    const words = `${method} ${url} ${JSON.stringify(body)}`
    const existed = rig.profiles().length
    const answer = await rig.send(method, url, body)
    t.equal(answer.statusCode, status, `${words}: ${answer.body}`)
    if (status === 400) {
      t.match(answer.json<{ message: string }>().message, message, words)
      t.equal(rig.profiles().length, existed, `${words}: nothing happened`)
    }
    const [line] = rig.ui.audit.list()
    t.match(line, { status }, words)
    const isTrial =
      method === 'POST' && url === block && JSON.stringify(body).includes('"dryRun":true')
    t.equal(line?.dryRun ?? false, isTrial, `${words}: it says what was done`)
  }
  t.equal(rig.profiles().length, 0, 'deleted at last')
  const declared = routes.filter(({ body }) => {
    const { properties = {} } = (body ?? {}) as { properties?: object }
    return 'dryRun' in properties
  })
  for (const { operationId } of [...allRoutes(nothing).map(routeOf), ...routes]) {
    const own = ['postBlock', 'postPromote', 'postAllow']
    const takes =
      own.includes(operationId) || declared.some((one) => one.operationId === operationId)
    t.equal(isDryRun(operationId, { dryRun: true }), takes, operationId)
  }
})

test('a block by the command line is a block in the audit, and its end an end', async (t) => {
  const decide = (overlay: SeccompProfile, at: string, remove: boolean) => {
    const block = parseBlock('mknod')
    const decision = { by: 'root', at, reason: `${block.reason}: CVE of today` }
    return withBlock(overlay, block, decision, remove)
  }
  const blocked = decide(emptyOverlay(), '2026-01-01T10:00:00.000Z', false)
  const lifted = decide(blocked, '2026-01-01T11:00:00.000Z', true)
  const rig = await startUiRig({ objects: [profile, lifted] })
  t.teardown(() => rig.app.close())
  const page = (await rig.get('/audit')).body
  t.match(page, />unblocked<[^]*mknod: CVE of today[^]*>blocked in an emergency<[^]*mknod: CVE of/)
  t.notMatch(page, /approved, kept|dry run/)
})

test('a block by the pages is one line of the audit', async (t) => {
  let overlay = emptyOverlay()
  const rig = await startUiRig({
    foreign: [
      {
        ...{ method: 'POST', url: '/api/v1/block', summary: 'a block', cli: 'secco block' },
        needs: { verb: 'approve', resource: 'seccompprofiles' },
        async handle({ actor, store }) {
          const block = parseBlock('mknod')
          const decision = { by: actor, at: '2026-01-02T00:00:00.000Z', reason: 'mknod: CVE' }
          overlay = withBlock(overlay, block, decision, false)
          return store.apply('SeccompProfile', overlay)
        }
      }
    ]
  })
  t.teardown(() => rig.app.close())
  await rig.send('POST', '/api/v1/block', { what: 'mknod', reason: 'CVE' })
  const page = (await rig.get('/audit')).body
  t.equal(page.match(/>blocked in an emergency</g)?.length, 1, page)
})
