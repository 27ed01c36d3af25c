import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import { routes } from '../../../webhook/ui/api/registry.js'
import { pages } from '../../../webhook/ui/pages/registry.js'
import { startTwoNamespaces } from './two-namespaces.js'

/* A person with all rights in namespace shop asks every page and every endpoint: no answer has a name of namespace ops. */

const reason = 'why'
const pod = JSON.stringify({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app-1', namespace: 'shop' } },
  spec: { containers: [{ name: 'app', image: 'app' }] }
})
const document = JSON.stringify({
  ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name: 'app' } },
  spec: { workload: { kind: 'Deployment', name: 'app', container: 'app' } }
})

/** The bodies of endpoints that take one. */
const bodies: Readonly<Record<string, object>> = {
  'PUT /api/v1/profiles/:namespace/:name': { document },
  'POST /api/v1/profiles/:namespace/:name/extends': { add: ['ops/base'] },
  'POST /api/v1/import': {
    files: [{ name: 'a.json', text: '{}' }],
    namespace: 'shop',
    dryRun: true
  },
  'POST /api/v1/profiles/:namespace/:name/approve': { reason },
  'POST /api/v1/profiles/:namespace/:name/calls': { reason, allow: ['write'] },
  'PUT /api/v1/rules/:namespace/:name': { spec: { podSelector: {}, mode: 'learn' } },
  'POST /api/v1/rules/test': { document: pod },
  'POST /api/v1/traces': { container: 'ops/parrot-9' },
  'POST /api/v1/traces/:id/stop': {},
  'POST /api/v1/traces/:id/profile': { namespace: 'shop', name: 'traced' },
  'POST /api/v1/simulate': { profile: 'shop/app', proposal: { allow: ['write'] } },
  'POST /api/v1/block': { what: 'mount', reason, dryRun: true },
  'POST /api/v1/promote': { profile: 'shop/app', mode: 'enforce', reason, dryRun: true },
  'POST /api/v1/rollback': { profile: 'shop/app', reason },
  'POST /api/v1/allow': { profile: 'shop/app', syscall: 'mount', reason },
  'POST /api/v1/mute': { profile: 'shop/app', syscall: 'mount', reason }
}

/** The queries of endpoints and pages that need one, or answer more with it. */
const queries: Readonly<Record<string, readonly string[]>> = {
  '/api/v1/diff': ['left=RuntimeDefault&right=shop/app', 'left=shop/app&right=ops/parrot'],
  '/compare': ['left=RuntimeDefault&right=shop/app', 'left=&right=&q=can'],
  '/api/v1/containers': ['', 'namespace=shop'],
  '/api/v1/summary': ['', 'namespace=shop'],
  '/api/v1/denials': ['', 'namespace=shop'],
  '/api/v1/ladder': ['', 'namespace=shop'],
  '/api/v1/simulate': ['profile=shop/app', 'namespace=shop&deny=mount'],
  '/api/v1/block': ['', 'what=mount', 'what=mount&namespace=shop'],
  '/api/v1/explain': ['name=shop/app-1', 'name=app'],
  '/api/v1/why-eperm': ['name=shop/app-1', 'name=app'],
  '/api/v1/history': ['workload=app', 'workload=app&namespace=shop'],
  '/denials': ['', 'q=can'],
  '/audit': ['', 'kind=all'],
  '/rules': ['', `document=${encodeURIComponent(pod)}`],
  '/doctor': [''],
  '/workloads/:namespace/:name': ['', 'call=mount']
}

test('nothing of another namespace is in any answer', async (t) => {
  const { app, trace, foreign } = await startTwoNamespaces(t)
  const shown = pages.map(({ path }) => ({ method: 'GET' as const, url: path }))
  // What is deleted is asked for last.
  const all = [...routes, ...foreign, ...shown].sort(
    (a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE')
  )
  const answered = new Set<string>()
  const telling = new Set<string>()
  for (const { method, url } of all) {
    const payload = bodies[`${method} ${url}`]
    if (method === 'POST' || method === 'PUT') t.ok(payload, `${method} ${url} has a body here`)
    const place = url.replace(':namespace', 'shop').replace(':name', 'app')
    const path = place.replace(':id', trace?.id ?? '')
    for (const query of queries[url] ?? ['']) {
      for (const user of method === 'GET' ? ['anna', 'nora', 'all'] : ['anna', 'nora']) {
        const answer = await app.inject({
          ...{ method, url: query === '' ? path : `${path}?${query}` },
          headers: { host: 'localhost', authorization: `Bearer ${user}` },
          ...(payload === undefined || method === 'GET' ? {} : { payload })
        })
        const what = `${user}: ${method} ${path}?${query} (${answer.statusCode})`
        t.ok(answer.statusCode < 500, `${what}: ${answer.body.slice(0, 300)}`)
        // An answer may repeat what was asked.
        const asked = /ops\/parrot[-0-9]*/.exec(`${query} ${JSON.stringify(payload)}`)?.[0]
        const body = asked === undefined ? answer.body : answer.body.replaceAll(asked, '')
        const [found] = /.{0,80}parrot.{0,80}/.exec(body) ?? []
        if (user === 'all' && found !== undefined) telling.add(url)
        if (user === 'all') continue
        t.equal(found, undefined, what)
        if (answer.statusCode === 200) answered.add(`${method} ${url}`)
      }
    }
  }
  t.ok(answered.size > all.length * 0.7, `${answered.size} of ${all.length} answer`)
  t.ok(telling.size > 20, `people with all rights find it in ${[...telling].join(', ')}`)
})

test('who could still make a call is for people who may list containers', async (t) => {
  const { app } = await startTwoNamespaces(t)
  const ask = (user: string, url: string) =>
    app.inject({ url, headers: { host: 'localhost', authorization: `Bearer ${user}` } })
  for (const url of ['/api/v1/block', '/api/v1/block?what=mount']) {
    const denied = await ask('petra', url)
    t.equal(denied.statusCode, 403, url)
    t.match(denied.body, /petra may not list containers/)
    t.equal((await ask('all', url)).statusCode, 200, url)
  }
  t.match((await ask('all', '/api/v1/block?what=umount')).json(), {
    equivalents: [{ name: 'umount', others: ['umount2'], block: ['umount+'] }]
  })
  const page = await ask('anna', '/emergency')
  t.match(page.body, /What is blocked is not shown to you/)
  t.notMatch(page.body, /Nothing is blocked/, 'nobody knows here')
  t.match((await ask('petra', '/emergency')).body, /Nothing is blocked/)
})
