import { type Test, test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import {
  emptyHistory,
  type HistoryEvent,
  historyName
} from '../../../../src/history/workload-history.js'
import { createLogger } from '../../../../src/lib/log.js'
import type { Identity, Rights } from '../../../../webhook/access/rights.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import {
  type HistoryAnswer,
  historyRoutes,
  linesOfProfile
} from '../../../../webhook/confinement/history/history-routes.js'
import { HistoryRecorder } from '../../../../webhook/hub/history/history-recorder.js'
import { installationKey } from '../../../../webhook/hub/history/installation.js'
import { HistoryWriter } from '../../../../webhook/hub/history/history-writer.js'
import { quiet } from '../../../helpers/quiet.js'
import { memoryStore } from '../../hub/history/memory-store.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'
import { startUiRig } from '../../ui/rig.js'

const since = '2026-11-24T10:00:00.000Z'
const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
const logger = createLogger('test', quiet)
/** Namespaces whose profiles a person may list; an empty name stands for all of them. */
const people: Readonly<Record<string, readonly string[]>> = {
  vera: ['shop'],
  root: ['secco-system'],
  both: ['shop', 'secco-system'],
  olga: ['', 'shop', 'ops', 'secco-system']
}
const rights: Rights = {
  kind: 'cluster',
  ofToken: (user) =>
    Promise.resolve({
      user,
      // A person of a cluster; nothing here writes.
      objects: {} as NonNullable<Identity['objects']>,
      can: (verb, _resource, namespace = '') =>
        Promise.resolve(
          ['list', 'get'].includes(verb) && people[user]?.includes(namespace) === true
        )
    })
}

const event = (id: string, what: HistoryEvent['what'], text: string): HistoryEvent => ({
  ...{ id, at: since, what, text, by: 'ann' }
})

/** @param about what the document of shop/web says, which cannot be read; default: it can */
async function rig(t: Test, about?: string) {
  const { store, documents } = memoryStore()
  const writer = new HistoryWriter(store, timing, logger)
  const add = (namespace: string, name: string) =>
    writer.add({
      ...emptyHistory({ namespace, kind: 'Deployment', name, container: 'app' }, since),
      profiles: [`${namespace}/${name}`],
      events: [event(`a ${namespace}`, 'approval', `content of ${namespace}/${name} approved`)]
    })
  await Promise.all([
    ...[add('shop', 'web'), add('ops', 'web'), add('secco-system', 'web')],
    writer.add({
      ...emptyHistory(installationKey, since),
      events: [event('hub 1', 'secco', 'hub started'), event('b', 'block', 'blocked bpf')]
    })
  ])
  await writer.close()
  const web = historyName({ namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' })
  if (about !== undefined) documents.set(web, { text: 'broken', about, version: '1' })
  const recorder = new HistoryRecorder({ store, timing, logger, now: () => Date.parse(since) })
  await recorder.load()
  const profile = (namespace: string): SeccompProfile => ({
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace, name: 'web' } },
    spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } },
    status: { observed: { x86_64: ['read'] } }
  })
  const { app } = await startUiRig({
    rights,
    objects: ['shop', 'ops', 'secco-system'].map(profile),
    history: (namespace, name, isWhole) =>
      linesOfProfile(recorder, `${namespace}/${name}`, isWhole),
    foreign: historyRoutes({
      sources: {
        hub: {
          ...{ history: recorder, node: () => undefined, inventory: createInventory() },
          denials: () => []
        }
      }
    } as unknown as Confinement)
  })
  t.teardown(async () => {
    await app.close()
    await recorder.close()
  })
  return (user: string, url: string) =>
    app.inject({ url, headers: { host: 'localhost', authorization: `Bearer ${user}` } })
}

test('a history is read by people with the right in its namespace, that of the installation in its own', async (t) => {
  const ask = await rig(t)
  const cases: [string, string, string[], boolean][] = [
    ['vera', '&namespace=shop', ['shop'], false],
    ['vera', '', ['shop'], false],
    ['root', '&namespace=secco-system', ['secco-system'], true],
    ['both', '', ['secco-system', 'shop'], true],
    ['olga', '', ['ops', 'secco-system', 'shop'], true],
    ['olga', '&namespace=ops', ['ops'], true]
  ]
  for (const [user, query, namespaces, isWhole] of cases) {
    const what = `${user} ${query}`
    const answer = await ask(user, `/api/v1/history?workload=web${query}`)
    t.equal(answer.statusCode, 200, `${what}: ${answer.body}`)
    const { items, installation } = answer.json<HistoryAnswer>()
    t.strictSame(items.map(({ workload }) => workload.namespace).sort(), namespaces, what)
    t.equal(installation !== null, isWhole, what)
    t.equal(/hub started|blocked bpf/.test(answer.body), isWhole, what)
  }
})

test('a person without the right in a namespace is told which one is missing', async (t) => {
  const ask = await rig(t)
  for (const namespace of ['ops', 'secco-system']) {
    const answer = await ask('vera', `/api/v1/history?workload=web&namespace=${namespace}`)
    t.equal(answer.statusCode, 403, answer.body)
    t.match(answer.json(), {
      ...{
        code: 'FORBIDDEN',
        message: `vera may not list seccompprofiles in namespace ${namespace}`
      },
      hint: new RegExp(`^needs "list" on seccompprofiles.secco.dev in namespace ${namespace}; `)
    })
  }
  for (const workload of ['Secco/secco', 'secco'])
    t.equal((await ask('vera', `/api/v1/history?workload=${workload}`)).statusCode, 404)
  t.equal((await ask('nobody', '/api/v1/history?workload=web')).statusCode, 403)
})

test('the page of a workload has no lines of the installation for people without the right', async (t) => {
  const ask = await rig(t)
  for (const [user, isWhole] of [
    ['vera', false],
    ['both', true]
  ] as const) {
    const { body, statusCode } = await ask(user, '/workloads/shop/web')
    t.equal(statusCode, 200)
    t.match(body, /content of shop\/web approved/)
    t.equal(body.includes('blocked bpf'), isWhole, user)
  }
})

test('a decision about a profile is one line, however many workloads learn into it', async (t) => {
  const { store } = memoryStore()
  const writer = new HistoryWriter(store, timing, logger)
  const start = { run: 'n1/1', node: 'n1', at: since, complete: true }
  await Promise.all(
    ['app', 'proxy'].map((container) =>
      writer.add({
        ...emptyHistory({ namespace: 'shop', kind: 'Deployment', name: 'web', container }, since),
        profiles: ['shop/web'],
        starts: [start],
        events: [event('a shop', 'approval', 'content of shop/web approved')]
      })
    )
  )
  await writer.close()
  const recorder = new HistoryRecorder({ store, timing, logger, now: () => Date.parse(since) })
  await recorder.load()
  t.teardown(() => recorder.close())
  const lines = await linesOfProfile(recorder, 'shop/web', true)
  t.same(lines.map(({ what }) => what).sort(), ['approval', 'start', 'start'])
})

test('a history that cannot be read is answered as such', async (t) => {
  const url = '/api/v1/history?workload=web&namespace=shop'
  const known = await (await rig(t, 'shop/Deployment/web/app'))('vera', url)
  t.equal(known.statusCode, 200, known.body)
  t.match(known.json<HistoryAnswer>().items[0]?.lines, [{ text: / not readable/ }])
  const unknown = await (await rig(t, ''))('vera', url)
  t.equal(unknown.statusCode, 500)
  t.match(unknown.json(), {
    ...{ code: 'STORE_CORRUPT', message: /^workload shop\/web has no .*: secco-history-/ },
    hint: /ConfigMaps in secco-system/
  })
})
