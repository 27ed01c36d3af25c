import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { printBlockImpact } from '../../../src/cli/block-impact.js'
import { listDenials } from '../../../src/cli/denials.js'
import { explainContainer } from '../../../src/cli/explain.js'
import { unionOf } from '../../../src/cli/fleet-list.js'
import type { HubAccess } from '../../../src/cli/hub-api.js'
import { mergeRadius } from '../../../src/cli/merge-radius.js'
import { listContainers } from '../../../src/cli/ps.js'
import { simulateCommand } from '../../../src/cli/radius.js'
import type { Radius } from '../../../webhook/truth/blast-radius.js'

/** A hub of which only the answers are there: by path. */
async function hubOf(t: Test, answers: Readonly<Record<string, unknown>>): Promise<HubAccess> {
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    const answer = answers[path]
    response.statusCode = answer === undefined ? 404 : 200
    const unknown = { code: 'CONTAINER_NOT_FOUND', message: 'no running container is called so' }
    if (!path.endsWith('/stream')) {
      response.end(JSON.stringify(answer ?? unknown))
      return
    }
    response.write(`event: snapshot\ndata: ${JSON.stringify(answer)}\n\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { ui: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function collector() {
  const said = { out: '', err: '' }
  const heard = new EventTarget()
  const io = {
    stdout(text: string) {
      said.out += text
      heard.dispatchEvent(new Event('said'))
    },
    stderr: (text: string) => void (said.err += text),
    ...{ isTerminal: false, color: false, env: {}, readFile: () => Promise.resolve('') }
  }
  return { io, said, heard }
}

const view = (node: string, name: string) => ({
  ...{ key: `${node}/${name}@1`, node, name, id: name, namespace: 'shop', pod: name },
  ...{ workload: `Deployment/${name}`, state: 'enforced', profile: `shop/${name}`, drift: [] },
  ...{ revision: `sha256:${'a'.repeat(64)}`, stale: false, canary: false, unprotected: null },
  ...{ denials: 0, risk: 1, startedAt: '2026-01-01T00:00:00Z', runtime: '', restarts: 0 }
})
const denial = (node: string, count: number, lastSeen: string) => ({
  ...{
    key: `${node} c getsid`,
    node,
    namespace: 'shop',
    workload: 'Deployment/web',
    count,
    lastSeen
  },
  ...{ syscall: 'getsid', answer: 'EPERM', comm: 'web', hint: '', arguments: '' }
})
const radius = (workload: string, containers: number, without: number): Radius => ({
  ...{ considered: containers + 1, without, hit: containers, ms: 1, containers: [] },
  syscalls: [{ name: 'bpf', containers, calls: containers * 10 }],
  workloads: [
    { namespace: 'shop', workload, containers, calls: containers * 10, syscalls: ['bpf'] }
  ]
})
const args = {
  output: 'table',
  namespace: undefined,
  now: () => Date.parse('2026-01-02T00:00:00Z')
}

test('what two hubs know is one list', async (t) => {
  const restart = [{ name: 'app', node: 'n1', command: 'kubectl rollout restart x' }]
  const both = [
    await hubOf(t, {
      '/api/v1/containers': { items: [view('n1', 'web'), view('n3', 'moved')] },
      '/api/v1/containers/stream': { items: [view('n1', 'web')] },
      '/api/v1/denials': { items: [denial('n1', 3, '2026-01-01T03:00:00Z')] },
      '/api/v1/simulate': radius('Deployment/web', 1, 0),
      '/api/v1/block': {
        users: radius('Deployment/web', 1, 0),
        restart,
        total: 1,
        done: 0,
        beyond: 0
      }
    }),
    await hubOf(t, {
      '/api/v1/containers': { items: [view('n2', 'api'), view('n3', 'moved')] },
      '/api/v1/containers/stream': { items: [view('n2', 'api')] },
      '/api/v1/denials': {
        items: [denial('n2', 1, '2026-01-01T01:00:00Z'), denial('n1', 5, '2026-01-01T04:00:00Z')]
      },
      '/api/v1/explain': {
        items: [
          { words: ['api runs on n2'], container: view('n2', 'api'), answer: null, noted: null }
        ]
      },
      '/api/v1/simulate': radius('Deployment/api', 2, 1),
      '/api/v1/block': {
        users: radius('Deployment/api', 2, 1),
        restart: [],
        total: 3,
        done: 100,
        beyond: 4
      }
    })
  ]
  const ps = collector()
  const list = { ...args, selector: undefined, wrong: false, watch: undefined } as const
  await listContainers(ps.io, both, { ...list, output: 'name' })
  t.same(ps.said.out.trim().split('\n').sort(), [
    'container/shop/api/api',
    'container/shop/moved/moved',
    'container/shop/web/web'
  ])

  const watched = collector()
  const stop = new AbortController()
  const whole = new Promise<void>((resolve) => {
    watched.heard.addEventListener('said', () => {
      if (/web[^]*api|api[^]*web/.test(watched.said.out)) resolve()
    })
  })
  const watching = listContainers(watched.io, both, { ...list, output: 'name', watch: stop.signal })
  await whole
  stop.abort()
  t.equal(await watching, 0)

  const refused = collector()
  const choice = { workload: undefined, since: undefined, muted: false, expected: false }
  await listDenials(refused.io, both, { ...args, ...choice, output: 'json', follow: undefined })
  const { items } = JSON.parse(refused.said.out) as { items: { node: string; count: number }[] }
  t.same(
    items.map(({ node, count }) => [node, count]),
    [
      ['n2', 1],
      ['n1', 5]
    ],
    'the newest last, the larger count of two'
  )

  const explained = collector()
  await explainContainer(explained.io, both, 'api', { namespace: undefined, output: 'table' })
  t.match(explained.said.out, /^api runs on n2\n/, 'one of them knows it')
  await t.rejects(
    explainContainer(explained.io, both.slice(0, 1), 'api', {
      namespace: undefined,
      output: 'table'
    }),
    { code: 'CONTAINER_NOT_FOUND' }
  )

  const simulated = collector()
  const question = { profile: undefined, deny: ['bpf'], selector: undefined, namespace: undefined }
  await simulateCommand(simulated.io, both, { ...question, output: 'table' })
  t.match(simulated.said.out, /Deployment\/api +2 +20 +bpf\n.*Deployment\/web +1 +10 +bpf\n/)
  t.match(simulated.said.err, /^3 of 5 running containers .*\n1 more run whose calls/)

  const blocked = collector()
  await printBlockImpact(blocked.io, () => Promise.resolve(both), 'bpf')
  t.match(blocked.said.err, '3 of 4 containers under our profiles refuse it (75 %)')
  t.match(blocked.said.err, '  app on n1: kubectl rollout restart x')
  t.match(
    blocked.said.err,
    '4 more run under no profile that a block changes: secco ps says under what'
  )

  const gone: HubAccess = { ui: 'http://127.0.0.1:1' }
  await t.rejects(
    listContainers(ps.io, [...both, gone], { ...list, output: 'name' }),
    { code: 'UNAVAILABLE' },
    'a part is not shown as if it were all'
  )
  const said = collector()
  await printBlockImpact(said.io, () => Promise.resolve([gone]), 'bpf')
  t.match(said.said.err, /^who asks for it is not known: .*\(UNAVAILABLE\)\n {2}next: /)
})

test('small parts', (t) => {
  t.same(
    unionOf([['a1', 'b1'], ['a2']], (text) => text.slice(0, 1)),
    ['a1', 'b1']
  )
  const one = radius('Deployment/web', 1, 0)
  t.equal(mergeRadius([one]), one)
  t.match(mergeRadius([one, radius('Deployment/web', 2, 0)]), {
    hit: 3,
    syscalls: [{ name: 'bpf', containers: 3, calls: 30 }],
    workloads: [{ workload: 'Deployment/web', containers: 3, calls: 30, syscalls: ['bpf'] }]
  })
  t.end()
})
