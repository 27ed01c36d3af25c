import { test } from 'tap'
import type { ForeignRoute } from '../../../../webhook/ui/api/foreign.js'
import { town } from '../../../browser/town.js'
import { startUiRig } from '../rig.js'

test('a denial links to the page where its syscall can be allowed', async (t) => {
  const { app, get } = await startUiRig(town)
  t.teardown(() => app.close())
  const { body } = await get('/denials')
  const links = [...body.matchAll(/href="([^"]*)">(Allow[^<]*)<span class="vh"> (\w+) of/g)].map(
    ([, href, word, syscall]) => `${syscall}: ${word} ${href}`
  )
  t.same(links.sort(), [
    'fdatasync: Allow in review /review/shop/checkout.app',
    'io_uring_setup: Allow in review /review/shop/checkout.app',
    'socket: Allow in review /review/shop/storefront.nginx',
    'unlink: Allow in review /review/shop/checkout.app'
  ])
})

test('a syscall is kept denied for the process that made it', async (t) => {
  const muting: ForeignRoute = {
    ...{ method: 'POST', url: '/api/v1/mute', summary: 'mute', cli: 'secco denials mute' },
    needs: { verb: 'update', resource: 'seccompprofiles' },
    handle: () => ({})
  }
  const { app, get } = await startUiRig({ ...town, foreign: [muting] })
  t.teardown(() => app.close())
  const { body } = await get('/denials')
  const forms = [...body.matchAll(/<form[^>]*\/api\/v1\/mute.*?<\/form>/gs)].map(([form]) => form)
  const valueOf = (form: string, name: string) =>
    new RegExp(`name="${name}"[^>]*value="([^"]*)"`).exec(form)?.[1]
  t.same(forms.map((form) => `${valueOf(form, 'syscall')} of ${valueOf(form, 'comm')}`).sort(), [
    'fdatasync of node',
    'io_uring_setup of node',
    'socket of curl',
    'unlink of node'
  ])
})

test('a denial names its container and pod; an id only where no name is known', async (t) => {
  const [first] = town.denials()
  if (first === undefined) throw new Error('no sample')
  const container = 'c0c47dae1f69b418'.repeat(4)
  const rows: [what: string, more: object, words: RegExp][] = [
    ['of a pod', { containerName: 'app', pod: 'web-7d9f6' }, /^app of pod web-7d9f6 on /],
    ['outside Kubernetes', { containerName: 'box', pod: '' }, /^box on /],
    ['of a hub of an earlier version', {}, /^c0c47dae1f69 on /]
  ]
  for (const [what, more, words] of rows) {
    const one = { ...first, container, ...more }
    const { app, get } = await startUiRig({ ...town, denials: () => [one] })
    t.teardown(() => app.close())
    const { body } = await get('/denials')
    const cell = /<span class="sub">(<bdi[^]*?)<\/span>/.exec(
      /<tbody[^]*/.exec(body)?.[0] ?? ''
    )?.[1]
    t.match(cell?.replace(/<[^>]*>/g, ''), words, what)
    t.match(cell, container, `${what}: the id is there to copy`)
  }
  t.match((await (await startUiRig(town)).get('/denials?q=no-such-pod')).body, /No denial matches/)
})

test('a muted denial is marked as muted', async (t) => {
  const denials = town
    .denials()
    .map((one) => ({ ...one, state: one.syscall === 'socket' ? ('muted' as const) : one.state }))
  const { app, get } = await startUiRig({ ...town, denials: () => denials })
  t.teardown(() => app.close())
  const { body } = await get('/denials?kind=muted')
  t.equal(body.match(/<tbody[^]*<\/tbody>/)?.[0].match(/>muted</g)?.length, 1)
})

test('a closed denial is shown with when and why, and counted as open nowhere', async (t) => {
  const hint = 'closed: storefront@1234 allows it, and the container that was denied it has ended'
  const closedAt = '2026-01-01T12:00:00.000Z'
  const closing = (state: 'closed' | 'allowed') =>
    town
      .denials()
      .map((one) => (one.syscall === 'socket' ? { ...one, state, closedAt, hint } : one))
  const read = async (state: 'closed' | 'allowed', path: string) => {
    const { app, get } = await startUiRig({ ...town, denials: () => closing(state) })
    t.teardown(() => app.close())
    return (await get(path)).body
  }
  const rows = (body: string) => body.match(/<tbody[^]*<\/tbody>/)?.[0] ?? ''
  const closed = rows(await read('closed', '/denials?kind=closed'))
  t.match(closed, /class="tag ok">.*closed</s)
  t.match(closed, /storefront@1234 allows it, and the container that was denied it has ended/)
  t.match(closed, /datetime="2026-01-01T12:00:00.000Z"/)
  t.notMatch(closed, />Allow</)
  t.notMatch(rows(await read('closed', '/denials?kind=open')), /socket/)
  const waiting = rows(await read('allowed', '/denials?kind=open'))
  t.match(waiting, /allowed, needs a restart/)
  t.notMatch(waiting.match(/<tr[^>]*socket[^]*?<\/tr>/)?.[0] ?? '', />Allow</)
  const needs = (body: string) => Number(/Needs you: (\d+)/.exec(body)?.[1])
  t.equal(needs(await read('allowed', '/')) - needs(await read('closed', '/')), 1)
  t.match(await read('closed', '/'), /1 explained, 1 closed/)
  const workload = '/workloads/shop/storefront.nginx?call=socket'
  t.match(await read('allowed', workload), /× denied 1 time/)
  t.notMatch(await read('closed', workload), /× denied/)
})

test('a denial of a deleted profile is shown without a link or an action, and not on a later profile’s page', async (t) => {
  const hint = 'its profile shop/storefront.nginx was deleted, and the container keeps its filter'
  const denials = town
    .denials()
    .map((one) => (one.syscall === 'socket' ? { ...one, hint, deleted: '' } : one))
  const { app, get } = await startUiRig({ ...town, denials: () => denials })
  t.teardown(() => app.close())
  const { body } = await get('/denials')
  const row = /<tr[^>]*socket[^]*?<\/tr>/.exec(body)?.[0] ?? ''
  t.match(row, /profile deleted/)
  t.match(row, /was deleted, and the container keeps its filter/)
  t.match(row, /<td[^>]*><span class="sub"><bdi>its profile [^<]*was deleted/, 'the next step')
  t.notMatch(row, /href=/)
  t.notMatch(row, /<form/)
  t.match(
    (await get('/')).body,
    /its profile shop\/storefront\.nginx was deleted, and the container keeps its filter/
  )
  const lines = async (list: readonly (typeof denials)[number][]) => {
    const other = await startUiRig({ ...town, denials: () => list })
    t.teardown(() => other.app.close())
    const { body } = await other.get('/workloads?q=storefront')
    return /data-label="Denials"[^>]*>(\d+)</.exec(body)?.[1]
  }
  t.same([await lines(denials), await lines([])], ['1', '0'], 'counted with its container')
  t.notMatch((await get('/workloads/shop/storefront.nginx?call=socket')).body, /× denied/)
  t.notMatch((await get('/review/shop/storefront.nginx')).body, /value="socket"/)
})

test('a denial by arguments names them: on its line, in a search, at the call and on the first page', async (t) => {
  const [sample] = town.denials().filter(({ syscall }) => syscall === 'socket')
  if (sample === undefined) throw new Error('no sample')
  const of = (call: string, args: string, second: number) => ({
    ...sample,
    ...{ call, arguments: args, comm: `c${args}`, at: `2026-11-28T11:44:0${second}Z` }
  })
  const [netlink, packet, others] = [
    of('socket:domain=AF_NETLINK', '0x10', 1),
    of('socket:domain=AF_PACKET', '0x11', 2),
    of('socket', '?', 3)
  ]
  const many = [...Array(50).keys()].map((at) => of(`socket:domain=${at + 50}`, `${at}`, 4))
  const table: [string, object[], string][] = [
    ['one', [netlink], 'socket:domain=AF_NETLINK'],
    ['two', [netlink, packet], 'socket:domain=AF_NETLINK, socket:domain=AF_PACKET'],
    ['not kept', [packet, others], 'socket:domain=AF_PACKET, socket (other arguments)'],
    [
      'very many',
      [netlink, ...many],
      'socket:domain=AF_NETLINK, socket:domain=50, socket:domain=51 and 48 others'
    ],
    ['not known', [sample], '']
  ]
  for (const [what, denials, expected] of table) {
    const { app, get } = await startUiRig({ ...town, denials: () => denials as never })
    t.teardown(() => app.close())
    const body = async (path: string) => (await get(path)).body
    const rows = (await body('/denials')).match(/<tbody[^]*<\/tbody>/)?.[0].match(/<tr[^]*?<\/tr>/g)
    t.equal(rows?.length, 1, `${what}: one line`)
    t.equal(/<span class="sub mono">([^<]*)</.exec(rows?.[0] ?? '')?.[1] ?? '', expected, what)
    const search = await body('/denials?q=af_netlink')
    t.equal(/<tbody[^]*domain=AF_NETLINK/.test(search), expected.includes('NETLINK'), what)
    const panel = await body('/workloads/shop/storefront.nginx?call=socket')
    const shown = /<dt>Denied<\/dt><dd class="mono">([^<]*)</.exec(panel)?.[1] ?? ''
    t.equal(shown === '', expected === '', what)
    t.match(await body('/'), `${expected === '' ? 'socket' : expected} denied`, what)
  }
})
