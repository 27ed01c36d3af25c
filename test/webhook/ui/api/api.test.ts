import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { t, test } from 'tap'
import { routes } from '../../../../webhook/ui/api/registry.js'
import { pages } from '../../../../webhook/ui/pages/registry.js'
import { repositoryRoot } from '../../../helpers/repository.js'
import { hostile, startUiRig } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

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
  matchLists(t, (await get('/api/v1/workloads')).json(), { items: [{ name: hostile, denied: 3 }] })
  t.match((await get('/api/v1/doctor')).json<{ items: { what: string }[] }>().items[0], {
    what: 'A satellite is there',
    verdict: 'good'
  })
})
