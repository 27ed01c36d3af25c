import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { printBlockImpact } from '../../../src/cli/block-impact.js'
import { listDenials } from '../../../src/cli/denials.js'
import { explainContainer, whyEperm } from '../../../src/cli/explain.js'
import type { HubAccess } from '../../../src/cli/hub-api.js'
import { createDenialTally, mergeDenials } from '../../../src/cli/hub-merge/denials.js'
import { mergeLadders } from '../../../src/cli/hub-merge/ladder.js'
import {
  mergeActions,
  mergeContainers,
  mergeExplained,
  mergeNodes
} from '../../../src/cli/hub-merge/lists.js'
import { mergeBlocks } from '../../../src/cli/hub-merge/block.js'
import { mergeRadii } from '../../../src/cli/hub-merge/radius.js'
import type { Hubs } from '../../../src/cli/hubs.js'
import { promoteWorkload } from '../../../src/cli/ladder.js'
import { loadSnapshot } from '../../../src/cli/load-snapshot.js'
import { listContainers } from '../../../src/cli/ps.js'
import { simulateCommand } from '../../../src/cli/radius.js'
import { statePaths } from '../../../src/cli/state.js'
import type { Store } from '../../../src/store/store.js'
import type { Radius } from '../../../webhook/truth/blast-radius.js'
import type { ContainerView } from '../../../webhook/truth/container-view-types.js'
import type { DenialView } from '../../../webhook/truth/denial-views.js'
import type { Explained } from '../../../webhook/truth/explain.js'
import type { LadderView } from '../../../webhook/truth/ladder-view.js'
import type { NodeView } from '../../../webhook/ui/view.js'
import { runSecco } from '../../helpers/secco-command.js'
import { until } from '../../helpers/until.js'

const view = (node: string, name: string, more: Partial<ContainerView> = {}): ContainerView =>
  ({
    ...{ key: `${node}/${name}`, node, name, id: name.repeat(8), namespace: 'shop', pod: name },
    ...{ workload: `Pod/${name}`, state: 'enforced', why: 'as it should be', revision: '' },
    ...{ profile: '', drift: [], unprotected: null, canary: false, stale: false, denials: 0 },
    ...{ expected: 0, syscalls: 40, since: '2026-11-25T10:00:00Z', risk: 0, ...more }
  }) as ContainerView

const denial = (node: string, syscall: string, count: number, more: Partial<DenialView> = {}) => {
  const { comm = 'app', instance = `${node}/1` } = more
  return {
    ...{ key: `${node} ${instance} ${syscall} ${comm}`, node, instance, syscall, count, comm },
    ...{ abi: 'x86_64', action: 'SCMP_ACT_ERRNO', answer: 'EPERM', namespace: 'shop', pid: 7 },
    ...{ workload: 'Pod/web', containerName: 'app', arguments: '', hint: 'look', at: 'then' },
    ...{ profile: 'web', lastSeen: '2026-11-25T10:00:00Z', expected: false, mode: 'enforce' },
    ...more
  } as DenialView
}

test('containers of all hubs, each once, sorted as one hub does', (t) => {
  const both = [view('n1', 'b'), view('n1', 'a')]
  for (const [what, lists, wanted] of [
    ['none', [[], []], []],
    ['one hub', [both], ['n1/a', 'n1/b']],
    ['each its own', [[view('n2', 'c'), view('n2', 'a')], both], ['n1/a', 'n2/a', 'n1/b', 'n2/c']],
    ['a satellite that moved', [both, [view('n1', 'a')]], ['n1/a', 'n1/b']]
  ] as const) {
    t.strictSame(
      mergeContainers(lists).map(({ key }) => key),
      wanted,
      what
    )
  }
  for (const [what, old, newer] of [
    ['more refused', { denials: 1, syscalls: 50 }, { denials: 2, syscalls: 40 }],
    ['more calls', { syscalls: 40, since: '2027' }, { syscalls: 41 }],
    ['a later state', { since: '2026-11-25T10:00:00Z' }, { since: '2026-11-25T10:00:01Z' }]
  ] as const) {
    const [before, after] = [view('n1', 'a', old), view('n1', 'a', newer)]
    t.strictSame(mergeContainers([[before], [after]]), [after], what)
    t.strictSame(mergeContainers([[after], [before]]), [after], `${what}, the other way round`)
  }
  t.end()
})

test('refused calls are counted once, whichever hub heard of them', (t) => {
  const [early, late] = ['2026-11-25T10:00:00Z', '2026-11-25T11:00:00Z']
  const counts = (rows: readonly DenialView[]) => rows.map(({ node, count }) => [node, count])
  for (const [what, lists, wanted] of [
    ['none', [[]], []],
    [
      'each its own',
      [[denial('n2', 'bpf', 2)], [denial('n1', 'bpf', 3)]],
      [
        ['n2', 2],
        ['n1', 3]
      ]
    ],
    [
      'newest last',
      [[denial('n2', 'bpf', 2, { lastSeen: late })], [denial('n1', 'bpf', 3, { lastSeen: early })]],
      [
        ['n1', 3],
        ['n2', 2]
      ]
    ],
    // It counts on, and tells the next hub all of it.
    ['a satellite that moved', [[denial('n1', 'bpf', 3)], [denial('n1', 'bpf', 5)]], [['n1', 5]]],
    [
      'one that moved, by who asked',
      [
        [denial('n1', 'bpf', 3, { comm: 'a' }), denial('n1', 'bpf', 1, { comm: 'b' })],
        [denial('n1', 'bpf', 5, { comm: 'b' })]
      ],
      [['n1', 5]]
    ],
    [
      'another run is another count',
      [
        [denial('n1', 'bpf', 3, { instance: 'n1/1' })],
        [denial('n1', 'bpf', 1, { instance: 'n1/2' })]
      ],
      [
        ['n1', 3],
        ['n1', 1]
      ]
    ]
  ] as const) {
    t.strictSame(counts(mergeDenials(lists)), wanted, what)
  }
  t.end()
})

test('a merged watch tells each refused call once', (t) => {
  const tally = createDenialTally()
  t.equal(tally.add('a', denial('n1', 'bpf', 100)), 100)
  t.equal(tally.add('a', denial('n1', 'bpf', 101)), 1)
  t.equal(tally.add('b', denial('n1', 'bpf', 101)), 0, 'the same, from its next hub')
  t.equal(tally.add('b', denial('n1', 'bpf', 104)), 3)
  t.equal(tally.add('a', denial('n1', 'bpf', 104)), 0, 'and back')
  t.equal(tally.add('b', denial('n2', 'bpf', 1)), 1, 'another node')
  t.equal(tally.add('b', denial('n1', 'bpf', 2, { comm: 'other' })), 2, 'who asked is no matter')
  t.end()
})

test('nodes: connected to the hub that says so', (t) => {
  const node = (name: string, connected: boolean, lastSeen = '2026') =>
    ({ name, connected, lastSeen }) as NodeView
  t.strictSame(
    mergeNodes([
      [node('n3', true), node('n1', false, '2027'), node('n2', false, '2026')],
      [node('n1', true), node('n2', false, '2027')]
    ]),
    [node('n1', true), node('n2', false, '2027'), node('n3', true)]
  )
  t.end()
})

test('what was explained, and what was done', (t) => {
  const explained = (node: string, name: string, denials = 0) =>
    ({ container: view(node, name, { denials }) }) as Explained
  t.strictSame(
    mergeExplained([[explained('n2', 'a')], [explained('n1', 'a', 1)], [explained('n1', 'a')]]),
    [explained('n1', 'a', 1), explained('n2', 'a')]
  )
  t.strictSame(
    mergeActions([[{ at: '3' }, { at: '1' }], [{ at: '2' }]]).map(({ at }) => at),
    [...['3', '2', '1']]
  )
  t.end()
})

const refused = (syscall: string, count: number) => ({
  ...{ abi: 'x86_64' as const, syscall, argument: '', count, certain: true }
})
const hitOf = (node: string, name: string, ...denied: ReturnType<typeof refused>[]) => ({
  ...{ key: `${node}/${name}`, node, namespace: 'shop', workload: `Deployment/${name}`, name },
  ...{ pod: name, since: '2026', denied }
})

test('a simulation over all hubs', (t) => {
  const one: Radius = {
    ...{ considered: 3, without: 1, hit: 1, ms: 2 },
    syscalls: [{ name: 'bpf', containers: 1, calls: 4 }],
    workloads: [
      {
        ...{ namespace: 'shop', workload: 'Deployment/web', containers: 1, calls: 4 },
        syscalls: ['bpf']
      }
    ],
    containers: [hitOf('n1', 'web', refused('bpf', 4))]
  }
  const other: Radius = {
    ...{ considered: 2, without: 0, hit: 2, ms: 1 },
    syscalls: [
      { name: 'bpf', containers: 2, calls: 3 },
      { name: 'add_key', containers: 1, calls: 1 }
    ],
    workloads: [
      {
        ...{ namespace: 'shop', workload: 'Deployment/db', containers: 1, calls: 1 },
        syscalls: ['bpf']
      },
      {
        ...{ namespace: 'shop', workload: 'Deployment/web', containers: 1, calls: 3 },
        syscalls: ['add_key', 'bpf']
      }
    ],
    containers: [
      hitOf('n2', 'db', refused('bpf', 1)),
      hitOf('n2', 'web', refused('bpf', 2), refused('add_key', 1))
    ]
  }
  t.strictSame(mergeRadii([one]), one, 'of one hub: as it is')
  t.match(mergeRadii([one, other]), {
    ...{ considered: 5, without: 1, hit: 3 },
    syscalls: [
      { name: 'bpf', containers: 3, calls: 7 },
      { name: 'add_key', containers: 1, calls: 1 }
    ],
    workloads: [
      { workload: 'Deployment/web', containers: 2, calls: 7, syscalls: ['add_key', 'bpf'] },
      { workload: 'Deployment/db', containers: 1, calls: 1 }
    ],
    containers: { length: 3 }
  })
  const moved: Radius = { ...one, containers: [hitOf('n1', 'web', refused('bpf', 5))] }
  const later = {
    ...moved,
    syscalls: [{ name: 'bpf', containers: 1, calls: 5 }],
    workloads: [{ ...one.workloads[0], calls: 5 } as Radius['workloads'][number]]
  }
  for (const both of [
    [one, later],
    [later, one]
  ]) {
    t.match(
      mergeRadii(both),
      {
        ...{ considered: 5, hit: 1, syscalls: [{ containers: 1, calls: 5 }] },
        workloads: [{ containers: 1, calls: 5 }],
        containers: [{ denied: [{ count: 5 }] }]
      },
      'a container that two hubs list counts once'
    )
  }
  const row = (key: string) => ({
    ...{ key, name: key, node: 'n', workload: 'w', command: 'c', pod: key, namespace: 'shop' }
  })
  const users = { ...one, hit: 0, considered: 0, syscalls: [], workloads: [], containers: [] }
  t.match(
    mergeBlocks([
      { users, total: 4, done: 50, beyond: 1, restart: [row('a'), row('b')] },
      { users, total: 3, done: 66, beyond: 2, restart: [row('b')] }
    ]),
    { total: 6, done: 66, beyond: 3, restart: [{ key: 'a' }, { key: 'b' }] }
  )
  t.match(mergeBlocks([{ users, total: 0, done: 100, beyond: 0, restart: [] }]), { done: 100 })
  t.end()
})

const ladder = (running: number, more: Partial<LadderView> = {}): LadderView => ({
  ...{ namespace: 'shop', profile: 'web', workload: 'Deployment/web', mode: 'audit' as const },
  ...{ revision: 'sha256:1', running, canary: null, history: [] },
  evidence: ['3 instances observed', `${running} containers running`],
  next: { mode: 'enforce', ready: true, reasons: [] },
  ...more
})

test('where a workload stands, by all hubs', (t) => {
  const not = { mode: 'enforce' as const, ready: false, reasons: ['bpf was refused'] }
  t.strictSame(mergeLadders(ladder(2), []), ladder(2))
  t.match(mergeLadders(ladder(2), [ladder(1, { next: not })]), {
    ...{ running: 3, next: not },
    evidence: [
      '3 instances observed',
      '2 containers running',
      '1 containers running (satellites of another hub)'
    ]
  })
  const canary = (denials: number) =>
    ({ percent: 10, containers: 1, others: 2, denials, restarts: 0, verdict: 'quiet' }) as never
  t.match(mergeLadders(ladder(2, { canary: canary(0) }), [ladder(1, { canary: canary(3) })]), {
    canary: { percent: 10, containers: 2, others: 4, denials: 3, verdict: 'quiet' }
  })
  t.end()
})

interface FakeHub {
  access: HubAccess
  asked: { path: string; body: unknown }[]
  streams: ServerResponse[]
  server: Server
}

/** A hub that answers by path; what it does not know is as a hub says it. */
async function hubWith(t: Test, name: string, answers: Record<string, unknown>): Promise<FakeHub> {
  const asked: FakeHub['asked'] = []
  const streams: ServerResponse[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const path = (request.url ?? '').split('?')[0] ?? ''
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      asked.push({ path, body })
      const given = answers[path]
      const answer = typeof given === 'function' ? (given as (b: unknown) => unknown)(body) : given
      if (path.endsWith('/stream') && answer !== undefined) {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(': connected\n\n')
        streams.push(response)
        return
      }
      const { refusal } = (answer ?? { refusal: { code: 'NOT_FOUND', message: path } }) as {
        refusal?: object
      }
      response.writeHead(refusal === undefined ? 200 : 400, { 'content-type': 'application/json' })
      response.end(JSON.stringify(refusal ?? answer))
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const ui = `http://127.0.0.1:${port}`
  return { access: { name, ui, mend: `look at ${name}` }, asked, streams, server }
}

function hubsOf(first: FakeHub, ...more: FakeHub[]): Hubs {
  const hubs: Hubs = {
    all: [first.access, ...more.map(({ access }) => access)],
    missing: [],
    again: () => Promise.resolve(hubs)
  }
  return hubs
}

function listen() {
  const said = { stdout: '', stderr: '' }
  const io = {
    stdout: (text: string) => void (said.stdout += text),
    stderr: (text: string) => void (said.stderr += text),
    ...{ isTerminal: false, color: false, env: {} },
    readFile: () => Promise.reject(new Error('none'))
  }
  return { said, io, json: () => JSON.parse(said.stdout) as Record<string, unknown> }
}

const psArgs = {
  ...{ output: 'json' as const, namespace: undefined, selector: undefined, wrong: false },
  ...{ watch: undefined, now: () => Date.parse('2026-11-25T11:00:00Z') }
}
const denialArgs = {
  ...{ output: 'json' as const, namespace: undefined, workload: undefined, since: undefined },
  ...{ muted: false, expected: false, follow: undefined, now: psArgs.now }
}
const inJson = { namespace: undefined, output: 'json' as const }
const simulateArgs = { ...inJson, profile: undefined, deny: ['bpf'], selector: undefined }
const empty: Radius = {
  ...{ considered: 1, without: 0, hit: 0, ms: 0, syscalls: [], workloads: [], containers: [] }
}

/** What a hub answers whose node runs a container of that name. */
const answersOf = (node: string, name: string): Record<string, unknown> => ({
  '/api/v1/containers': { items: [view(node, name)] },
  '/api/v1/denials': { items: [denial(node, 'bpf', 1)] },
  '/api/v1/explain': {
    items: [{ container: view(node, name), denials: [], words: ['so'], answer: null, noted: null }]
  },
  '/api/v1/simulate': empty,
  '/api/v1/block': { users: empty, restart: [], total: 1, done: 100 }
})

test('a hub that is away is said in a line and for programs; the others answer', async (t) => {
  const here = await hubWith(t, 'hub-a', answersOf('n1', 'a'))
  const away = await hubWith(t, 'hub-b', answersOf('n2', 'b'))
  away.server.close()
  await once(away.server, 'close')
  const hubs = hubsOf(here, away)
  const incomplete = [{ hub: 'hub-b', code: 'UNAVAILABLE', next: 'look at hub-b' }]
  for (const [verb, run] of [
    ['ps', (io) => listContainers(io, hubs, psArgs)],
    ['denials', (io) => listDenials(io, hubs, denialArgs)],
    ['explain', (io) => explainContainer(io, hubs, 'a', inJson)],
    ['simulate', (io) => simulateCommand(io, hubs, simulateArgs)]
  ] as [string, (io: ReturnType<typeof listen>['io']) => Promise<number>][]) {
    const { io, said, json } = listen()
    t.equal(await run(io), 0, verb)
    t.match(
      said.stderr,
      /^warning: without hub hub-b.*ECONNREFUSED.*; next: look at hub-b\n$/,
      verb
    )
    t.match(json(), { incomplete }, verb)
  }
  const why = listen()
  await whyEperm(why.io, hubs, 'a', inJson)
  t.match(JSON.parse(why.said.stdout), [{ container: { key: 'n1/a' }, incomplete }])
  const block = listen()
  await printBlockImpact(block.io, () => Promise.resolve(hubs), 'bpf')
  t.match(block.said.stderr, /without hub hub-b[^]*1 of 1 containers under our profiles refuse it/)

  const unready = { hub: 'hub-c', code: 'UNAVAILABLE', message: 'not ready', next: 'see' } as const
  const one = listen()
  await listContainers(one.io, { ...hubsOf(here), missing: [unready] }, psArgs)
  t.match(one.json(), { items: [{ key: 'n1/a' }], incomplete: [unready] }, 'known before')
  here.server.closeAllConnections()
  here.server.close()
  await t.rejects(
    listContainers(listen().io, hubs, psArgs),
    { code: 'UNAVAILABLE' },
    'none answers'
  )
})

test('what only one hub knows is no gap of the other', async (t) => {
  const refusal = { refusal: { code: 'CONTAINER_NOT_FOUND', message: 'no such', hint: 'list' } }
  const knows = await hubWith(t, 'hub-a', answersOf('n1', 'a'))
  const not = await hubWith(t, 'hub-b', { '/api/v1/explain': refusal })
  const { io, said, json } = listen()
  await explainContainer(io, hubsOf(not, knows), 'a', inJson)
  t.match(json(), { container: { key: 'n1/a' }, incomplete: undefined })
  t.equal(said.stderr, '')
  await t.rejects(explainContainer(listen().io, hubsOf(not), 'a', inJson), {
    ...{ code: 'CONTAINER_NOT_FOUND', message: 'no such' }
  })
  knows.server.closeAllConnections()
  knows.server.close()
  await t.rejects(
    explainContainer(listen().io, hubsOf(not, knows), 'a', inJson),
    { code: 'CONTAINER_NOT_FOUND', message: /no such; hub hub-a gave no answer/ },
    'it may be there'
  )
})

test('a promotion is asked of all and written by the hub that sees most of it', async (t) => {
  const promote = '/api/v1/promote'
  const few = await hubWith(t, 'hub-a', { [promote]: ladder(0) })
  const most = await hubWith(t, 'hub-b', { [promote]: ladder(3) })
  const args = {
    ...{ profile: 'shop/web', mode: 'enforce' as const, canary: undefined, quietFor: undefined },
    ...{ reason: 'ready', dryRun: false, force: false }
  }
  const { io, json } = listen()
  t.equal(await promoteWorkload(io, hubsOf(few, most), args, 'json'), 0)
  t.match(json(), { running: 3 })
  const written = ({ asked }: FakeHub) =>
    asked.filter(({ body }) => !(body as { dryRun: boolean }).dryRun).length
  t.equal(written(few), 0)
  t.equal(written(most), 1)

  const refusal = { code: 'INVALID_ARGUMENT', message: 'that is down a rung', hint: '--force' }
  const higher = await hubWith(t, 'hub-c', { [promote]: { refusal } })
  await t.rejects(promoteWorkload(listen().io, hubsOf(few, higher), args, 'json'), {
    ...{ code: 'INVALID_ARGUMENT', message: 'that is down a rung' }
  })
  t.equal(written(few) + written(higher), 0, 'and nobody wrote')
})

const eventOf = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

test('watches of all hubs are one: hubs come and go, nothing is told twice', async (t) => {
  const stream = '/api/v1/denials/stream'
  const answers = () => ({ '/api/v1/denials': { items: [] as DenialView[] }, [stream]: {} })
  const [a, b] = [await hubWith(t, 'hub-a', answers()), await hubWith(t, 'hub-b', answers())]
  let hubs = hubsOf(a)
  hubs = { ...hubs, again: () => Promise.resolve(hubs) }
  const stop = new AbortController()
  const { io, said } = listen()
  const lines = () => said.stdout.split('\n').filter((line) => line !== '')
  const running = listDenials(io, hubs, { ...denialArgs, follow: stop.signal })
  const send = (to: FakeHub, row: DenialView, added: number) =>
    to.streams.at(-1)?.write(eventOf('denial', { ...row, added }))
  const open = (hub: FakeHub, count = 1) =>
    until('a stream', () => hub.streams.length === count || undefined, { timeoutMs: 20_000 })
  await open(a)
  send(a, denial('n1', 'bpf', 2), 2)
  await until('the first line', () => lines().length === 1 || undefined)
  // A second replica comes, the satellite goes to it and tells it everything.
  hubs = { ...hubs, all: [a.access, b.access] }
  await open(b)
  send(b, denial('n1', 'bpf', 2), 2)
  send(b, denial('n1', 'bpf', 5), 3)
  await until('what is new', () => lines().length === 2 || undefined)
  t.match(JSON.parse(lines()[1] ?? ''), { count: 5, added: 3 })
  // One breaks off and is there still: said, and followed again.
  a.streams[0]?.end()
  await until('the gap to be told', () => said.stderr.includes('without hub hub-a') || undefined)
  t.match(JSON.parse(lines()[2] ?? ''), { incomplete: [{ hub: 'hub-a' }] })
  await open(a, 2)
  await until('the gap to be closed', () => lines().length === 4 || undefined)
  t.match(JSON.parse(lines()[3] ?? ''), { incomplete: [] })
  send(a, denial('n2', 'bpf', 1), 1)
  await until('the next line', () => lines().length === 5 || undefined)
  send(a, denial('n3', 'bpf', 100), 1)
  await until('the last line', () => lines().length === 6 || undefined)
  t.match(JSON.parse(lines()[5] ?? ''), { count: 100, added: 1 }, 'the others were before')
  stop.abort()
  await running
})

test('secco ps --watch: what an ended hub told no longer holds', async (t) => {
  const stream = '/api/v1/containers/stream'
  const [a, b] = [
    await hubWith(t, 'hub-a', { [stream]: {} }),
    await hubWith(t, 'hub-b', { [stream]: {} })
  ]
  let hubs = hubsOf(a, b)
  hubs = { ...hubs, again: () => Promise.resolve(hubs) }
  const stop = new AbortController()
  let last: { items: ContainerView[]; incomplete?: { hub: string }[] } | undefined
  const { io } = listen()
  const running = listContainers(
    { ...io, stdout: (text) => void (last = JSON.parse(text) as typeof last) },
    hubs,
    { ...psArgs, watch: stop.signal }
  )
  await until('both streams', () => a.streams.length + b.streams.length === 2 || undefined)
  const keys = () => (last?.items ?? []).map(({ key }) => key).join()
  a.streams[0]?.write(eventOf('snapshot', { items: [view('n1', 'a'), view('n1', 'b')] }))
  b.streams[0]?.write(eventOf('snapshot', { items: [view('n2', 'c')] }))
  await until('all of them', () => keys() === 'n1/a,n1/b,n2/c' || undefined)
  a.streams[0]?.write(eventOf('change', { changed: [], gone: ['n1/b'] }))
  await until('one to be gone', () => keys() === 'n1/a,n2/c' || undefined)
  // It is rolled: the satellite is with the other one before it ends.
  b.streams[0]?.write(eventOf('change', { changed: [view('n1', 'a')], gone: [] }))
  hubs = { ...hubs, all: [b.access] }
  a.streams[0]?.end()
  await until('the other alone', () => last?.incomplete?.[0]?.hub === 'hub-a' || undefined)
  t.equal(keys(), 'n1/a,n2/c')
  await until('nobody to miss it', () => last?.incomplete === undefined || undefined, {
    timeoutMs: 20_000
  })
  stop.abort()
  await running
})

test('a hub on this machine is not asked about a cluster', async (t) => {
  const profile = { namespace: 'shop', name: 'web', approved: true }
  const hub = await hubWith(t, 'here', { '/api/v1/states': { items: [profile] } })
  const root = t.testdir()
  const paths = statePaths(listen().io, root, 0)
  await writeFile(
    paths.addresses,
    JSON.stringify({ pid: process.pid, ui: hub.access.ui, webhook: '', hub: '' })
  )
  const store = { list: () => Promise.resolve([]) } as unknown as Store
  t.equal((await loadSnapshot(store, paths)).profiles.size, 1)
  t.equal((await loadSnapshot(store, undefined)).profiles.size, 0, 'check --kubeconfig')
  t.equal(hub.asked.length, 1)
  const trace = await runSecco(['trace', 'web', '--kubeconfig', join(root, 'none')])
  t.match(trace, { code: 1, stderr: /this machine, not into a cluster.*\n {2}next: .*secco ps/ })
})
