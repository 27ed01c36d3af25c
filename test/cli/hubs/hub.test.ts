import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { HubAccess } from '../../../cli/hubs/hub-api.js'
import { Hub } from '../../../cli/hubs/hub.js'
import { type FakeHub, hubOf, hubWith, stopHub } from '../../helpers/hub-answers.js'
import { runSecco } from '../../helpers/secco-command.js'
import { until } from '../../helpers/until.js'

const path = '/api/v1/promote'
const pathsOf = ({ asked }: FakeHub): string[] => asked.map((one) => one.path)
const noHub = {
  rejection: { code: 'UNAVAILABLE', message: 'no hub is active', hint: 'try again' }
}

test('one replica is asked, and the next one when it does not answer', async (t) => {
  const answers = { '/api/v1/nodes': { items: [{ name: 'n1' }] }, '/login': {} }
  const a = await hubWith(t, 'hub-a', answers)
  const b = await hubWith(t, 'hub-b', answers)
  const hub = hubOf([a, b])
  t.same(await hub.list('/api/v1/nodes'), [{ name: 'n1' }])
  t.same([pathsOf(a), pathsOf(b)], [['/api/v1/nodes'], []], 'only one is asked')
  await stopHub(a)
  t.same(await hub.list('/api/v1/nodes'), [{ name: 'n1' }])
  t.same(await hub.list('/api/v1/nodes'), [{ name: 'n1' }])
  t.same(
    hub.replicas.map(({ name }) => name),
    ['hub-b', 'hub-a'],
    'the one that answered is asked first from then on'
  )
  await stopHub(b)
  await t.rejects(hub.list('/api/v1/nodes'), {
    ...{ code: 'UNAVAILABLE', message: /^the hub hub-b does not answer: .*ECONNREFUSED/ },
    hint: 'look at hub-b'
  })
})

test('a standby that finds no active hub is no answer; an error of the hub is one', async (t) => {
  const lost = await hubWith(t, 'hub-a', { '/api/v1/nodes': noHub })
  const good = await hubWith(t, 'hub-b', { '/api/v1/nodes': { items: [] } })
  t.same(await hubOf([lost, good]).list('/api/v1/nodes'), [])
  const before = good.asked.length
  const forbids = await hubWith(t, 'hub-c', {
    '/api/v1/nodes': { rejection: { code: 'FORBIDDEN', message: 'you may not', hint: 'ask' } }
  })
  await t.rejects(hubOf([forbids, good]).list('/api/v1/nodes'), {
    ...{ code: 'FORBIDDEN', message: 'you may not', hint: 'ask' }
  })
  t.equal(good.asked.length, before, 'nobody else is asked')
})

test('a change is sent once, to a replica that has just answered', async (t) => {
  const answers = { [path]: { ok: true }, '/login': {} }
  const gone = await hubWith(t, 'hub-a', answers)
  const lost = await hubWith(t, 'hub-b', { ...answers, '/login': noHub })
  const good = await hubWith(t, 'hub-c', answers)
  await stopHub(gone)
  const hub = hubOf([gone, lost, good])
  t.same(await hub.ask(path, { mode: 'enforce' }), { ok: true })
  t.same([pathsOf(lost), pathsOf(good)], [['/login'], ['/login', path]])

  const broken = await hubWith(t, 'hub-d', { ...answers, [path]: 'break' })
  const next = await hubWith(t, 'hub-e', answers)
  await t.rejects(hubOf([broken, next]).ask(path, {}), {
    code: 'UNAVAILABLE',
    hint: /else look at hub-d$/
  })
  t.same([pathsOf(broken), pathsOf(next)], [['/login', path], []], 'it may have been made')
})

test('a replica that hangs is named, and the next one is asked meanwhile', async (t) => {
  const stream = '/api/v1/containers/stream'
  const nodes = { '/api/v1/nodes': { items: [] }, [path]: { ok: true }, '/login': {}, [stream]: {} }
  const stuck = await hubWith(t, 'hub-a', {
    ...{ '/api/v1/nodes': 'hang', '/login': 'hang', [path]: 'hang' },
    [stream]: {}
  })
  const good = await hubWith(t, 'hub-b', nodes)
  const slow = 'the hub hub-a has not answered for 0.5 s; '
  const reported: string[] = []
  const settings = { report: (text: string) => reported.push(text), patienceMs: 500 }
  const both = () => hubOf([stuck, good], undefined, settings)
  const hub = both()
  t.same(await hub.list('/api/v1/nodes'), [])
  t.same(await hub.list('/api/v1/nodes'), [])
  t.same(reported, [`${slow}asking hub-b as well`], 'from then on the one that answers is asked')
  t.same(await both().ask(path, {}), { ok: true })
  t.notMatch(pathsOf(stuck), [path], 'the change goes to the one that answers, once')

  const stop = new AbortController()
  const following = both().follow(stream, { onEvent: () => undefined }, stop.signal)
  await until('the stream', () => good.streams.at(-1))
  t.equal(stuck.streams.length, 0)
  stop.abort()
  await following

  reported.length = 0
  const alone = hubOf([stuck], undefined, settings).list('/api/v1/nodes', 2000)
  await t.rejects(alone, {
    code: 'UNAVAILABLE',
    message: /hub-a does not answer: no answer in time/
  })
  t.same(reported, [`${slow}still waiting`])
})

test('a change and a stream go to the replica that answered, however late', async (t) => {
  const stream = '/api/v1/containers/stream'
  // Answers when the next one was asked too, which never answers.
  const late = await hubWith(t, 'hub-a', {
    ...{ [path]: { ok: true }, [stream]: {} },
    '/login': () => until('hub-b to be asked', () => (stuck.asked.length > 0 ? {} : undefined))
  })
  const stuck = await hubWith(t, 'hub-b', { [path]: 'hang', '/login': 'hang', [stream]: {} })
  const hub = hubOf([late, stuck], undefined, { patienceMs: 50 })
  t.same(await hub.ask(path, {}), { ok: true })
  t.same([pathsOf(late), pathsOf(stuck)], [['/login', path], ['/login']])
  t.same(
    hub.replicas.map(({ name }) => name),
    ['hub-a', 'hub-b'],
    'it is asked first from then on'
  )

  stuck.asked.length = 0
  const stop = new AbortController()
  const both = hubOf([late, stuck], undefined, { patienceMs: 50 })
  const following = both.follow(stream, { onEvent: () => undefined }, stop.signal)
  await until('a stream', () => late.streams.at(-1) ?? stuck.streams.at(-1))
  t.same([late.streams.length, stuck.streams.length], [1, 0])
  stop.abort()
  await following
})

test('after the answer no other replica is asked', async (t) => {
  const nodes = '/api/v1/nodes'
  const late = await hubWith(t, 'hub-a', {
    [nodes]: () =>
      until('hub-b to be asked', () => (stuck.asked.length > 0 ? { items: [] } : undefined))
  })
  const stuck = await hubWith(t, 'hub-b', { [nodes]: 'hang' })
  let asked = 0
  const third: HubAccess = {
    ...{ name: 'hub-c', ui: '' },
    via: () => {
      asked += 1
      return Promise.reject(new Error('nobody is there'))
    }
  }
  const hub = new Hub([late.access, stuck.access, third], { patienceMs: 500 })
  t.same(await hub.list(nodes), [])
  // On a busy machine hub-b is slow as well, and hub-c is asked before the answer.
  const before = asked
  await until('the end of the request that lost', async () => {
    const open = await new Promise((resolve) =>
      stuck.server.getConnections((_error, count) => resolve(count))
    )
    return open === 0 ? true : undefined
  })
  t.equal(asked, before)
})

test('a stream goes on at another replica', async (t) => {
  const stream = '/api/v1/containers/stream'
  const [a, b] = [
    await hubWith(t, 'hub-a', { [stream]: {} }),
    await hubWith(t, 'hub-b', { [stream]: {} })
  ]
  const stop = new AbortController()
  const heard: string[] = []
  const listener = {
    onEvent: (event: string) => void heard.push(event),
    onOpen: () => void heard.push('open'),
    onLost: (reason: string) => void heard.push(reason)
  }
  const hub = hubOf([a], () => [b])
  const running = hub.follow(stream, listener, stop.signal)
  await until('the first stream', () => a.streams.at(-1))
  a.streams.at(-1)?.write('event: one\ndata: 1\n\n')
  await until('the first event', () => heard.includes('one') || undefined)
  // Cut off in the middle of a line, as by a pod that is killed.
  a.streams.at(-1)?.write('event: tw')
  await stopHub(a)
  await until('the second stream', () => b.streams.at(-1))
  b.streams.at(-1)?.write('event: three\ndata: 3\n\n')
  await until('the next event', () => heard.includes('three') || undefined)
  t.same(heard, ['open', 'one', 'the hub ended the stream', 'open', 'three'])
  stop.abort()
  await running

  await stopHub(b)
  const failing = hub.follow(stream, listener, new AbortController().signal)
  await t.rejects(failing, { code: 'UNAVAILABLE' }, 'none answers at the start')
  const alone = await hubWith(t, 'hub-c', { [stream]: {} })
  const ending = hubOf([alone]).follow(stream, listener, new AbortController().signal)
  await until('the stream of the only hub', () => alone.streams.at(-1))
  alone.streams.at(-1)?.end()
  await ending
})

test('an API server that does not reach the hub is no answer', async (t) => {
  const server = createServer((_request, response) => {
    response.writeHead(503).end('service unavailable')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const ui = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const good = await hubWith(t, 'hub-b', { '/api/v1/nodes': { items: [] } })
  t.same(await new Hub([{ ui }, good.access]).list('/api/v1/nodes'), [])
  await t.rejects(new Hub([{ ui }]).list('/api/v1/nodes'), { code: 'UNAVAILABLE' })
})

test('a hub on this machine is not asked about a cluster', async (t) => {
  const cluster = ['--kubeconfig', join(t.testdir(), 'none')]
  t.match(await runSecco(['trace', 'web', ...cluster]), { code: 1, stderr: /none does not exist/ })
  const command = await runSecco(['trace', ...cluster, '--', 'true'])
  t.match(command, { code: 1, stderr: /one pod of a cluster.*\n {2}next: .*this machine/ })
  t.match(await runSecco(['check', '-f', '/dev/null', ...cluster]), {
    ...{ code: 1, stderr: /none does not exist/ }
  })
})

const lostChanges = [
  ['a step', path, { profile: 'shop/web' }, 'secco profile show shop/web'],
  ['a change of several profiles', path, {}, 'secco get profiles -A'],
  ['a block', '/api/v1/block', { what: 'bpf' }, 'secco block'],
  ['a mute', '/api/v1/mute', { profile: 'shop/web' }, 'secco profile show shop/web'],
  ['a dry run', path, { dryRun: true, profile: 'shop/web' }, undefined],
  ['an approval', '/api/v1/allow', { yes: true, profile: 'a/b' }, 'secco profile show a/b'],
  ['a question', '/api/v1/allow', { profile: 'a/b' }, undefined],
  ['a simulation', '/api/v1/simulate', { profile: 'a/b' }, undefined]
] as const

for (const [what, url, body, command] of lostChanges) {
  test(`the answer to ${what} is lost, or it is 503: what may have been stored is said`, async (t) => {
    for (const answer of ['break', noHub]) {
      const hub = hubOf([await hubWith(t, 'hub-a', { [url]: answer })])
      const error = await hub
        .ask(url, body)
        .then(() => new SeccoError('INTERNAL', 'it was answered'), toSeccoError)
      t.equal(error.code, 'UNAVAILABLE', 'an outage stays one')
      t.equal(/; the change may have been stored$/.test(error.message), command !== undefined)
      if (command !== undefined)
        t.ok(error.hint.startsWith(`see whether it was: \`${command}\`; else `))
    }
    const gone = await hubWith(t, 'hub-a', {})
    await stopHub(gone)
    await t.rejects(
      hubOf([gone]).ask(url, body),
      { code: 'UNAVAILABLE', message: /ECONNREFUSED/, hint: 'look at hub-a' },
      'nothing was sent'
    )
  })
}
