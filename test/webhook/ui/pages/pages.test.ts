import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { t, test } from 'tap'
import type { Rights } from '../../../../webhook/access/rights.js'
import { pages } from '../../../../webhook/ui/pages/registry.js'
import { repositoryRoot } from '../../../helpers/repository.js'
import { profile, startUiRig } from '../rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

const filled: Record<string, string> = {
  '/workloads/:namespace/:name': '/workloads/shop/checkout.app',
  '/review/:namespace/:name': '/review/shop/checkout.app',
  '/profiles/:namespace/:name': '/profiles/shop/checkout.app'
}

test('every page: served, without anything inline, hostile names inert', async (t) => {
  const { app, get } = await startUiRig()
  t.teardown(() => app.close())
  for (const { path } of pages) {
    if (path === '/profiler/:id') continue
    const page = await get(filled[path] ?? path)
    t.equal(page.statusCode, 200, path)
    t.match(
      page.headers['content-security-policy'],
      /^default-src 'none';script-src 'self';style-src 'self';/
    )
    t.equal(page.headers['x-frame-options'], 'DENY')
    t.equal(page.headers['cache-control'], 'no-store')
    t.notMatch(
      page.body,
      /<script(?! src="\/assets\/)|\son\w+=|style="|<style|href="javascript:/i,
      path
    )
    t.notMatch(page.body, /[\u202e\u0007]/, path)
    const addresses = [...page.body.matchAll(/ (?:href|src|action|data-(?:url|export))="([^"]*)"/g)]
    t.same(
      addresses.filter(([, address = '']) => !/^(?:\/(?!\/)|[?#])/.test(address)),
      [],
      `${path}: every address is of this server`
    )
  }
  const page = await get('/workloads/shop/checkout.app')
  t.match(page.body, /&lt;script>alert\(1\)/)
  t.equal((await get('/absent')).statusCode, 404)
  t.match(
    (await get('/workloads/shop/absent')).body,
    /no workload is learned as shop\/absent[^]*NOT_FOUND/
  )
  t.match((await get('/profiler/7')).body, /trace 7: is not known any more/)
})

test('no form that changes something or has a secret can be sent by GET', async (t) => {
  const cluster: Rights = { kind: 'cluster', ofToken: () => Promise.resolve(undefined) }
  const { app, get } = await startUiRig()
  const { app: locked } = await startUiRig({ rights: cluster })
  t.teardown(() => Promise.all([app.close(), locked.close()]))
  const login = await locked.inject({ url: '/', headers: { host: 'localhost' } })
  t.match(login.body, 'type="password"')
  t.match(login.body, /<noscript>[^]*JavaScript is off/, 'the log-in says why its form is hidden')
  const bodies = [login.body]
  for (const { path } of pages) bodies.push((await get(filled[path] ?? path)).body)
  const forms = bodies.flatMap((body) => body.match(/<form\b[^]*?<\/form>/g) ?? [])
  const isSecretOrAction = (form: string) =>
    / type="(?:password|file)"| name="token"|^<form[^>]* data-(?:action|rule|import)\b/.test(form)
  const isSentBy = (method: string) => (form: string) =>
    new RegExp(`^<form[^>]* method="${method}"`).test(form)
  const acting = forms.filter(isSecretOrAction)
  t.ok(acting.length >= 5, `${acting.length} forms change something`)
  t.same(
    acting.filter((form) => !isSentBy('post')(form)),
    [],
    'a browser without scripts would put the fields into the address'
  )
  const reading = forms.filter((form) => !isSecretOrAction(form))
  t.ok(reading.length > 0 && reading.every(isSentBy('get')), 'the others only read')
})

test('profiles: containers that nobody named or approved are one line', async (t) => {
  const name = 'c0c47dae1f69b418'.repeat(4)
  const nameless = {
    ...profile,
    metadata: { namespace: 'default', name },
    spec: { workload: { kind: 'Container' as const, name } }
  }
  const { app, get } = await startUiRig({ objects: [profile, nameless] })
  t.teardown(() => app.close())
  const rows: [path: string, isListed: boolean][] = [
    ['/profiles', false],
    ['/profiles?all=yes', true],
    ['/profiles?q=c0c47', true]
  ]
  for (const [path, isListed] of rows) {
    const { body } = await get(path)
    t.equal(body.includes(`href="/profiles/default/${name}"`), isListed, path)
    t.equal(body.includes('1 container without a name is left out'), !isListed, path)
  }
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
    ['/denials', /No denial is known\.[^]*known since[^]*2026-01-01 00:00:00 UTC[^]*not excluded/],
    ['/profiles', /There is no profile yet/],
    ['/rules', /There is no rule yet/],
    ['/nodes', /No satellite has connected yet[^]*secco satellite/],
    ['/profiler', /No container is running here/],
    ['/emergency', /Nothing is blocked/],
    ['/audit', /No entry matches the filter/],
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
