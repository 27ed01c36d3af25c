import { t, test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { ForeignRoute } from '../../../webhook/ui/api/foreign.js'
import type { Identity, Rights } from '../../../webhook/access/rights.js'
import { denial, profile, startUiRig } from '../ui/rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('a viewer sees no buttons that would be rejected, and what is not offered has none', async (t) => {
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
  t.strictSame(rig.ui.audit.list()[0], {
    ...{ at: '2026-01-02T00:00:00.000Z', user: 'admin', action: 'postBlock', status: 200 },
    ...{ object: '', detail: '' }
  })
  const mute = { profile: 'shop/checkout.app', syscall: 'mkdir', reason: 'its agent tries it' }
  t.equal((await rig.send('POST', '/api/v1/mute', mute)).statusCode, 200)
  t.strictSame(
    rig.ui.audit.list()[0],
    {
      ...{ at: '2026-01-02T00:00:00.000Z', user: 'admin', action: 'postMute', status: 200 },
      ...{ object: 'shop/checkout.app', detail: 'mkdir: its agent tries it' }
    },
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
