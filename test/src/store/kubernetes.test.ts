import { once } from 'node:events'
import { createServer } from 'node:http'
import { KubeConfig } from '@kubernetes/client-node'
import { test } from 'tap'
import { customResourceDefinitions } from '../../../src/api/crd.js'
import { apiVersion } from '../../../src/api/names.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { openKubernetesStore } from '../../../src/store/kubernetes.js'
import { type ReflectorEvent, startReflector } from '../../../src/store/kubernetes-reflector.js'
import { namespaceField, type Store } from '../../../src/store/store.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { type Cluster, startCluster } from '../../helpers/cluster.js'
import { startTcpProxy } from '../../helpers/tcp-proxy.js'
import { until } from '../../helpers/until.js'
import { observe, profileOf, storeContract, watchFor } from './contract.js'

const found = await findApiServer()
const cluster: Cluster | undefined =
  found.programs === undefined ? undefined : await startCluster(found.programs)

function configFor(server: string, token: string, caPem?: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    {
      name: 'test',
      server,
      skipTLSVerify: caPem === undefined,
      ...(caPem === undefined ? {} : { caData: Buffer.from(caPem).toString('base64') })
    },
    { name: 'admin', token }
  )
  return config
}

async function install({ kube }: Cluster): Promise<void> {
  const definitions = Object.values(customResourceDefinitions())
  for (const definition of definitions) {
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  }
  for (const name of ['shop', 'fresh', 'race', 'net', 'secco-system']) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  }
  for (const plural of ['seccompprofiles', 'seccomprules']) {
    await until(
      `${plural} to be served`,
      async () =>
        (await kube.call('GET', `/apis/${apiVersion}/${plural}`)).status === 200 ? true : undefined,
      { timeoutMs: 180_000, everyMs: 50 }
    )
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (error instanceof SeccoError ? error.code : String(error))
  )
}

if (cluster === undefined) {
  test('kubernetes: the store', { skip: found.skip ?? 'no API server' }, (t) => {
    t.end()
  })
} else {
  await install(cluster)
  const { url, token, caPem, kube } = cluster
  const config = configFor(url, token, caPem)

  storeContract('kubernetes', async () => {
    const opened: Store[] = []
    const again = async () => {
      const store = await openKubernetesStore({ config })
      opened.push(store)
      return store
    }
    return {
      store: await again(),
      again,
      dispose: async () => {
        await Promise.all(opened.map(async (store) => store.close()))
      }
    }
  })

  test('kubernetes: what only a cluster has', async (t) => {
    const store = await openKubernetesStore({ config })
    t.teardown(() => store.close())

    await t.test('labels of others stay, ours go when we stop wanting them', async (t) => {
      const ref = { namespace: 'net', name: 'owned' }
      const path = `/apis/${apiVersion}/namespaces/net/seccompprofiles/owned`
      await store.apply('SeccompProfile', {
        ...profileOf('net', 'owned', ['read']),
        metadata: { ...ref, labels: { ours: 'yes' } }
      })
      await kube.do(
        'PATCH',
        path,
        { metadata: { labels: { theirs: 'yes' } } },
        { contentType: 'application/merge-patch+json' }
      )
      const applied = await store.apply('SeccompProfile', profileOf('net', 'owned', ['read']))
      t.same(applied.metadata.labels, { theirs: 'yes' })
    })

    await t.test('what others wrote into a spec goes when it is to go', async (t) => {
      const ref = { namespace: 'net', name: 'theirs' }
      const path = `/apis/${apiVersion}/namespaces/net/seccompprofiles`
      const made = profileOf('net', 'theirs', ['read'])
      const learn = { probes: false, sessions: true }
      const theirs = { ...made.spec, extends: ['secco-system/base'], learn }
      const manager = '?fieldManager=kubectl'
      await kube.do('POST', `${path}${manager}`, { ...made, spec: theirs })
      const updated = await store.update('SeccompProfile', ref, ({ spec, ...rest }) => {
        const smaller = { ...spec, learn: { sessions: true } }
        delete smaller.extends
        return { ...rest, spec: smaller }
      })
      t.notOk('extends' in updated.spec, 'a member')
      t.not(updated.spec.learn?.probes, false, 'a member of a member')
      t.equal(updated.spec.learn?.sessions, true)
      t.same(updated.spec.seccomp, made.spec.seccomp, 'the rest stays')
      await kube.do(
        'PATCH',
        `${path}/theirs${manager}`,
        { spec: { extends: ['secco-system/musl'] }, metadata: { labels: { theirs: 'yes' } } },
        { contentType: 'application/merge-patch+json' }
      )
      const applied = await store.apply('SeccompProfile', made)
      t.same(applied.spec, made.spec, 'a document replaces the spec')
      t.same(applied.metadata.labels, { theirs: 'yes' })
      const { resourceVersion = '' } = applied.metadata
      await store.apply('SeccompProfile', { ...made, spec: { ...made.spec, learn } })
      const stale = { ...made, metadata: { ...made.metadata, resourceVersion } }
      t.equal(await codeOf(store.apply('SeccompProfile', stale)), 'CONFLICT', 'of an older version')
    })

    await t.test('a change makes us an owner of nothing but what it changes', async (t) => {
      const ref = { namespace: 'net', name: 'gitops' }
      const path = `/apis/${apiVersion}/namespaces/net/seccompprofiles/gitops`
      const manager = 'kustomize-controller'
      const document = (labels: object, more: object = {}) => ({
        ...profileOf('net', 'gitops', ['read']),
        ...{ apiVersion, kind: 'SeccompProfile', metadata: { ...ref, labels } },
        spec: { ...profileOf('net', 'gitops', ['read']).spec, ...more }
      })
      const apply = (body: object) =>
        kube.call('PATCH', `${path}?fieldManager=${manager}`, body, {
          contentType: 'application/apply-patch+yaml'
        })
      const workload = { kind: 'Deployment', name: 'web', container: 'app' }
      t.equal((await apply(document({ team: 'shop' }, { workload }))).status, 201)
      const digest = `sha256:${'0'.repeat(64)}` as const
      const approval = { digest, by: 'olga', at: '2026-11-20T09:00:00.000Z' }
      const labels = { team: 'shop', ours: 'yes' }
      await store.update('SeccompProfile', ref, (one) => ({
        ...one,
        metadata: { ...one.metadata, labels },
        spec: { ...one.spec, approval }
      }))
      t.equal(
        (await apply(document({}, { workload: { ...workload, name: 'shop' } }))).status,
        200,
        'no conflict about a member that we left alone'
      )
      const after = await store.get('SeccompProfile', ref)
      t.same(after?.metadata.labels, { ours: 'yes' }, 'and the tool still removes what it set')
      t.match(after?.spec, { approval, workload: { name: 'shop' } })
      await store.update('SeccompProfile', ref, (one) => ({
        ...one,
        spec: profileOf('net', 'gitops', ['read', 'write']).spec
      }))
      const conflict = await apply(document({}, { workload }))
      t.match(conflict, { status: 409, body: { message: /conflict with "secco.*spec.seccomp/ } })
    })

    await t.test('rejections keep the words of the API server', async (t) => {
      const nobody = configFor(url, 'not-a-token', caPem)
      t.equal(await codeOf(openKubernetesStore({ config: nobody })), 'UNAUTHENTICATED')
      const away = configFor('https://127.0.0.1:1', token, caPem)
      t.equal(await codeOf(openKubernetesStore({ config: away })), 'UNAVAILABLE')
      const field = namespaceField
      await t.rejects(store.apply('SeccompProfile', profileOf('no-such-namespace', 'a')), {
        ...{ code: 'NOT_FOUND', field }
      })
      // Nothing ends it here: it stays as it is while its content is deleted.
      await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'ending' } })
      await kube.do('DELETE', '/api/v1/namespaces/ending')
      const late = store.apply('SeccompProfile', profileOf('ending', 'a'))
      await t.rejects(late, { code: 'NOT_FOUND', field }, 'a namespace that is being deleted')
    })
  })

  test('kubernetes: a watch outlives everything that networks do', async (t) => {
    const proxy = await startTcpProxy(Number(new URL(url).port))
    t.teardown(() => proxy.close())
    const events: ReflectorEvent[] = []
    const store = await openKubernetesStore({
      config: configFor(`https://127.0.0.1:${proxy.port}`, token, caPem),
      onWatch: (_kind, event) => events.push(event)
    })
    t.teardown(() => store.close())
    const direct = await openKubernetesStore({ config })
    t.teardown(() => direct.close())
    const watched = await watchFor(store)
    const arrives = async (name: string): Promise<void> => {
      await direct.apply('SeccompProfile', profileOf('net', name))
      await watched.until((e) => e.type === 'applied' && e.object.metadata.name === name)
    }
    await arrives('calm')

    proxy.reset()
    await arrives('after-a-reset')

    proxy.deny(true)
    proxy.reset()
    await until('a failed try', () => (events.includes('failed') ? true : undefined), {
      timeoutMs: 180_000,
      everyMs: 20
    })
    await direct.apply('SeccompProfile', profileOf('net', 'while-away'))
    await direct.delete('SeccompProfile', { namespace: 'net', name: 'calm' })
    proxy.deny(false)
    await watched.until((e) => e.type === 'applied' && e.object.metadata.name === 'while-away')
    await watched.until((e) => e.type === 'deleted' && e.ref.name === 'calm')

    proxy.freeze()
    await arrives('after-a-freeze')
    t.ok(events.filter((event) => event === 'watching').length > 4, 'watched again each time')

    await direct.update('SeccompProfile', { namespace: 'net', name: 'while-away' }, (p) =>
      observe(p, ['read'])
    )
    await watched.until(
      (e) =>
        e.type === 'applied' &&
        e.object.kind === 'SeccompProfile' &&
        e.object.status?.observed !== undefined
    )
  })

  test('kubernetes: the end', async () => {
    await cluster.stop()
  })
}

test('kubernetes: a version that is gone lists again', async (t) => {
  // A fake, for no real server can be made to forget at a chosen moment.
  let watches = 0
  const server = createServer((request, response) => {
    if (!request.url?.includes('watch=true')) {
      response.end('{}')
      return
    }
    watches += 1
    response.writeHead(200, { 'content-type': 'application/json' })
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410 } }
    if (watches === 1) response.end(`${JSON.stringify(gone)}\n`)
    else response.write('\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const events: ReflectorEvent[] = []
  let lists = 0
  const reflector = startReflector({
    config: configFor(`http://127.0.0.1:${port}`, 'x'),
    path: '/things',
    list: () => Promise.resolve({ items: [], resourceVersion: String(++lists) }),
    onList: () => undefined,
    onChange: () => undefined,
    onEvent: (event) => events.push(event),
    firstMs: 10
  })
  await reflector.ready
  await until('a second list', () => (lists === 2 && watches === 2 ? true : undefined))
  t.same(events, ['listed', 'watching', 'expired', 'listed', 'watching'])
  reflector.stop()
  server.closeAllConnections()
  server.close()
})
