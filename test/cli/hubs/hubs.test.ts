import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { captureIo } from '../../helpers/captured-io.js'
import { test } from 'tap'
import { printBlockImpact } from '../../../cli/profiles/block-impact.js'
import { listDenials } from '../../../cli/confinement/denials.js'
import { explainContainer, whyEperm } from '../../../cli/confinement/explain.js'
import { promoteWorkload } from '../../../cli/confinement/ladder.js'
import { loadSnapshot } from '../../../cli/hubs/load-snapshot.js'
import { listContainers } from '../../../cli/confinement/ps.js'
import { simulateCommand } from '../../../cli/confinement/radius.js'
import { statePaths } from '../../../cli/lib/state.js'
import type { Store } from '../../../src/store/store.js'
import type { Radius } from '../../../webhook/confinement/what-if/blast-radius.js'
import { runSecco } from '../../helpers/secco-command.js'
import {
  view,
  denial,
  ladder,
  hubWith,
  type FakeHub,
  hubsOf,
  denialArgs,
  psArgs
} from '../../helpers/hub-answers.js'
import { matchLists } from '../../helpers/match-lists.js'

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
  '/api/v1/why-eperm': {
    items: [{ container: view(node, name), denials: [], words: [], rule: '' }],
    before: []
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
  ] as [string, (io: ReturnType<typeof captureIo>['io']) => Promise<number>][]) {
    const { io, printed, json } = captureIo()
    t.equal(await run(io), 0, verb)
    t.match(
      printed.stderr,
      /^warning: hub hub-b and its satellites are missing: .*ECONNREFUSED.*; next: look at hub-b\n$/,
      verb
    )
    matchLists(t, json(), { incomplete }, verb)
  }
  const why = captureIo()
  await whyEperm(why.io, hubs, 'a', inJson)
  matchLists(t, JSON.parse(why.printed.stdout), [{ container: { key: 'n1/a' }, incomplete }])
  const block = captureIo()
  await printBlockImpact(block.io, () => Promise.resolve(hubs), 'bpf')
  t.match(
    block.printed.stderr,
    /hub hub-b and its satellites are missing[^]*1 of 1 containers under Secco's profiles deny it/
  )

  const unready = { hub: 'hub-c', code: 'UNAVAILABLE', message: 'not ready', next: 'see' } as const
  const one = captureIo()
  await listContainers(one.io, { ...hubsOf(here), missing: [unready] }, psArgs)
  matchLists(t, one.json(), { items: [{ key: 'n1/a' }], incomplete: [unready] }, 'known before')
  here.server.closeAllConnections()
  here.server.close()
  await t.rejects(
    listContainers(captureIo().io, hubs, psArgs),
    { code: 'UNAVAILABLE' },
    'none answers'
  )
})

test('what only one hub knows is no gap of the other', async (t) => {
  const rejection = { rejection: { code: 'CONTAINER_NOT_FOUND', message: 'no such', hint: 'list' } }
  const knows = await hubWith(t, 'hub-a', answersOf('n1', 'a'))
  const not = await hubWith(t, 'hub-b', { '/api/v1/explain': rejection })
  const { io, printed, json } = captureIo()
  await explainContainer(io, hubsOf(not, knows), 'a', inJson)
  t.match(json(), { container: { key: 'n1/a' }, incomplete: undefined })
  t.equal(printed.stderr, '')
  await t.rejects(explainContainer(captureIo().io, hubsOf(not), 'a', inJson), {
    ...{ code: 'CONTAINER_NOT_FOUND', message: 'no such' }
  })
  knows.server.closeAllConnections()
  knows.server.close()
  await t.rejects(
    explainContainer(captureIo().io, hubsOf(not, knows), 'a', inJson),
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
  const { io, json } = captureIo()
  t.equal(await promoteWorkload(io, hubsOf(few, most), args, 'json'), 0)
  t.match(json(), { running: 3 })
  const written = ({ asked }: FakeHub) =>
    asked.filter(({ body }) => !(body as { dryRun: boolean }).dryRun).length
  t.equal(written(few), 0)
  t.equal(written(most), 1)

  const rejection = {
    code: 'INVALID_ARGUMENT',
    message: 'that is a less strict mode',
    hint: '--force'
  }
  const higher = await hubWith(t, 'hub-c', { [promote]: { rejection } })
  await t.rejects(promoteWorkload(captureIo().io, hubsOf(few, higher), args, 'json'), {
    ...{ code: 'INVALID_ARGUMENT', message: 'that is a less strict mode' }
  })
  t.equal(written(few) + written(higher), 0, 'and nobody wrote')
})

test('a hub on this machine is not asked about a cluster', async (t) => {
  const profile = { namespace: 'shop', name: 'web', approved: true }
  const hub = await hubWith(t, 'here', { '/api/v1/states': { items: [profile] } })
  const root = t.testdir()
  const paths = statePaths(captureIo().io, root, 0)
  await writeFile(
    paths.addresses,
    JSON.stringify({ pid: process.pid, ui: hub.access.ui, webhook: '', hub: '' })
  )
  const store = { list: () => Promise.resolve([]) } as unknown as Store
  t.equal((await loadSnapshot(store, paths)).profiles.size, 1)
  t.equal((await loadSnapshot(store, undefined)).profiles.size, 0, 'check --kubeconfig')
  t.equal(hub.asked.length, 1)
  const cluster = ['--kubeconfig', join(root, 'none')]
  t.match(await runSecco(['trace', 'web', ...cluster]), { code: 1, stderr: /none does not exist/ })
  const command = await runSecco(['trace', ...cluster, '--', 'true'])
  t.match(command, { code: 1, stderr: /one pod of a cluster.*\n {2}next: .*this machine/ })
  t.equal(hub.asked.length, 1)
})
