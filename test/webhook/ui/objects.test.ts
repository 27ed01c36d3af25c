import { t, test } from 'tap'
import { startUiRig } from './rig.js'
import { matchLists } from '../../helpers/match-lists.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('profiles and rules: written, extended, imported, exported, compared, tried', async (t) => {
  const rig = await startUiRig()
  const { app, get, send } = rig
  t.teardown(() => app.close())
  const oci = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }]
  })
  const files = [{ name: 'web.json', text: oci }]
  matchLists(
    t,
    (await send('POST', '/api/v1/import', { files, namespace: 'shop', dryRun: true })).json(),
    { imported: [{ name: 'web', calls: 2 }], dryRun: true }
  )
  t.equal(rig.profiles().length, 1, 'only tried')
  t.equal((await send('POST', '/api/v1/import', { files, namespace: 'shop' })).statusCode, 200)
  t.equal(rig.profiles().length, 2)
  matchLists(t, rig.profiles()[1]?.status?.approvals, [{ by: 'admin', reason: 'imported' }])
  t.match((await get('/profiles?q=web')).body, /<bdi>admin<\/bdi>/, 'who approved is listed')
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
  t.match((await get('/profiles/shop/web')).body, /secco-system\/base[^]*Remove/)
  t.matchOnly((await get('/api/v1/profiles/shop/web/export?format=oci')).json(), {
    file: 'web.json',
    text: /"defaultAction"/
  })
  t.match(
    (await get('/api/v1/profiles/shop/web/export?format=yaml')).json<{ text: string }>().text,
    /kind: SeccompProfile/
  )
  const document = JSON.stringify({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    ...{ metadata: { namespace: 'shop', name: 'idle' }, spec: {} }
  })
  await send('PUT', '/api/v1/profiles/shop/idle', { document })
  for (const format of ['oci', 'spo'])
    t.match(
      (await get(`/api/v1/profiles/shop/idle/export?format=${format}`)).json(),
      { code: 'APPROVAL_INVALID', hint: /secco profile approve shop\/idle$/ },
      'a profile that only learns is no filter'
    )
  t.equal((await get('/api/v1/profiles/shop/idle/export?format=yaml')).statusCode, 200)
  t.equal((await send('DELETE', '/api/v1/profiles/shop/idle')).statusCode, 200)
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
  const other = { mode: 'learn', podSelector: { matchLabels: { app: 'other' } } }
  const again = await send('PUT', '/api/v1/rules/secco-system/web', { spec: other, create: true })
  t.equal(again.statusCode, 409, 'the form of a new rule does not replace one')
  t.match(again.json(), {
    ...{ code: 'CONFLICT', message: 'rule secco-system/web exists already' },
    hint: /choose another name, .*: secco get rules web -n secco-system -o yaml$/
  })
  t.match((await get('/api/v1/rules/secco-system/web')).json(), { spec })
  const fresh = await send('PUT', '/api/v1/rules/secco-system/fresh', { spec, create: true })
  t.equal(fresh.statusCode, 200)
  await send('DELETE', '/api/v1/rules/secco-system/fresh')
  t.match((await get('/rules')).body, /<form [^>]*data-rule data-url/)
  const form = (await get('/rules?change=secco-system/web')).body
  t.match(form, /<form [^>]*data-rule="secco-system\/web"/)
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
  matchLists(t, (await send('POST', '/api/v1/rules/test', { document: pod })).json(), {
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
