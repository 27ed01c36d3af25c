import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { test } from 'tap'
import { ensureCertificates, ensureClientLeaf } from '../../../certs/files.js'
import { customResourceDefinitions } from '../../../src/api/crd.js'
import type { Revision, RevisionStatus } from '../../../src/api/gen/hub.js'
import { apiVersion, revisionPath } from '../../../src/api/names.js'
import { openKubernetesStore } from '../../../src/store/kubernetes.js'
import { startUplink } from '../../../satellite/uplink/uplink.js'
import type { Uplink } from '../../../satellite/uplink/uplink.js'
import { summaryName } from '../../../webhook/cluster/replicas/summary-publisher.js'
import { startWebhook } from '../../../webhook/main.js'
import type { RunningWebhook } from '../../../webhook/webhook-options.js'
import type { Role } from '../../../webhook/roles.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { type Cluster, startCluster } from '../../helpers/cluster.js'
import type { Json, KubeResponse } from '../../helpers/kube.js'
import { until } from '../../helpers/until.js'
import { collectLog, memoryInstaller, nodeStatus, observationOf, quickUplink } from '../hub/rig.js'
import { patientWebhook } from '../../helpers/patient-webhook.js'

const found = await findApiServer()
const skip = found.skip ?? false
const profiles = `/apis/${apiVersion}/namespaces/shop/seccompprofiles`
const rules = `/apis/${apiVersion}/namespaces/secco-system/seccomprules`
const pods = '/api/v1/namespaces/shop/pods'
const merge = { contentType: 'application/merge-patch+json' }

interface Pod {
  metadata: { name: string; uid: string; annotations?: Record<string, string> }
  spec: { containers: { name: string; securityContext?: { seccompProfile?: Json } }[] }
}
interface ProfileBody {
  status?: {
    revision?: string
    nodes?: { ready: number; total: number }
    conditions?: { type: string; status: string; reason: string; message: string }[]
    observed?: Record<string, string[]>
  }
}

const allowing = (...names: string[]): Json => ({
  seccomp: {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
  }
})

/** A satellite without a node: it holds files in memory, and says when it got which. */
interface TestSatellite {
  uplink: Uplink
  heldAt: Map<string, number>
  close(): Promise<void>
}

async function startSatellite(
  node: string,
  port: number,
  folder: string,
  gate: () => Promise<void> = () => Promise.resolve()
): Promise<TestSatellite> {
  const installer = memoryInstaller()
  const heldAt = new Map<string, number>()
  const onRevision = async (revision: Revision): Promise<RevisionStatus> => {
    await gate()
    const status = await installer.onRevision(revision)
    const { namespace, profile, digest } = revision
    heldAt.set(revisionPath(namespace, profile, digest), performance.now())
    return status
  }
  const uplink = await startUplink({
    ...{ hub: `localhost:${port}`, node, onRevision, holding: installer.holding },
    tls: await ensureClientLeaf(join(folder, 'certs'), node),
    spoolDir: join(folder, 'spool', node),
    logger: collectLog().logger,
    status: () => nodeStatus,
    timing: quickUplink
  })
  return { uplink, heldAt, close: () => uplink.close() }
}

function podOf(name: string, spec: Json = {}, metadata: Json = {}): Json {
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name, labels: { app: 'web' }, ...metadata },
    spec: { containers: [{ name: 'app', image: 'web:1' }], ...spec }
  }
}

const asPod = (answer: KubeResponse): Pod => answer.body as unknown as Pod
const assignedPath = (pod: Pod): unknown =>
  pod.spec.containers[0]?.securityContext?.seccompProfile?.['localhostProfile']

test('replicas in a cluster', { skip, timeout: 1_150_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster: Cluster = await startCluster(found.programs)
  const closers: (() => Promise<void> | void)[] = [() => cluster.stop()]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const { kube } = cluster
  const folder = mkdtempSync(join(tmpdir(), 'secco-cluster-view-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const { server } = await ensureCertificates(join(folder, 'certs'), {
    serverNames: ['localhost', '127.0.0.1']
  })
  const config = new KubeConfig()
  config.loadFromString(JSON.stringify(kubeconfigOf(cluster)))

  for (const definition of Object.values(customResourceDefinitions())) {
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  }
  await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'secco-system' } })
  await kube.do('POST', '/api/v1/namespaces', {
    metadata: { name: 'shop', labels: { tier: 'gold' } }
  })
  const addNode = (name: string, labels: Json = {}, spec: Json = {}) =>
    kube.do('POST', '/api/v1/nodes', {
      metadata: {
        name,
        labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name, ...labels }
      },
      spec
    })
  // The API server itself puts the taint not-ready on new nodes; a controller takes it away.
  const settleNode = (name: string) =>
    kube.do('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } }, merge)
  for (const name of ['a', 'b', 'c']) {
    await addNode(name, { pool: name === 'c' ? 'slow' : 'fast' })
    await settleNode(name)
  }
  for (const plural of ['seccompprofiles', 'seccomprules']) {
    await until(`${plural} to be served`, async () =>
      (await kube.call('GET', `/apis/${apiVersion}/${plural}`)).status === 200 ? true : undefined
    )
  }

  const log = collectLog()
  const local = { host: '127.0.0.1', port: 0 }
  async function replica(id: string, roles: Role[]): Promise<RunningWebhook> {
    const store = await openKubernetesStore({ config })
    const running = await startWebhook({
      store,
      certsDir: join(folder, 'certs'),
      revisionsDir: join(folder, 'revisions', id),
      serverNames: ['localhost', '127.0.0.1'],
      ...{ listen: local, hubListen: local, uiListen: local },
      legacyAnnotations: false,
      logger: log.logger.child({ replica: id }),
      roles: new Set(roles),
      cluster: {
        ...{ config, namespace: 'secco-system', id },
        timing: {
          ...{ renewMs: 500, leaseMs: 6000, retryMs: 200 },
          hub: { countMs: 500 }
        }
      }
    })
    let open = true
    const close = () => running.close()
    const replica: RunningWebhook = {
      ...running,
      close: async () => {
        if (!open) return
        open = false
        await close()
        await store.close()
      }
    }
    closers.push(() => replica.close())
    return replica
  }
  const one = await replica('one', ['admission', 'hub', 'ui'])
  const two = await replica('two', ['hub'])
  const doorman = await replica('doorman', ['admission'])
  const portOf = ({ addresses }: RunningWebhook): number => addresses.hub?.port ?? 0
  const satellites = new Map<string, TestSatellite>()
  const connect = async (node: string, to: RunningWebhook, gate?: () => Promise<void>) => {
    const satellite = await startSatellite(node, portOf(to), folder, gate)
    satellites.set(node, satellite)
    closers.push(() => satellite.close())
  }
  await connect('a', one)
  await connect('b', two)

  const { port } = doorman.addresses.webhook
  await kube.do(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    patientWebhook({
      target: { url: `https://127.0.0.1:${port}/mutate` },
      caBundle: Buffer.from(server.ca).toString('base64')
    })
  )
  await kube.do('POST', rules, {
    ...{ apiVersion, kind: 'SeccompRule', metadata: { name: 'web' } },
    spec: {
      podSelector: { matchLabels: { app: 'web' } },
      namespaceSelector: { matchLabels: { tier: 'gold' } },
      profile: { name: 'web.app', namespace: 'shop' },
      mode: 'enforce'
    }
  })
  const create = (name: string, names: string[]) =>
    kube.do('POST', profiles, {
      apiVersion,
      kind: 'SeccompProfile',
      metadata: { name },
      spec: allowing(...names)
    })
  const profile = async (name: string) =>
    (await kube.do('GET', `${profiles}/${name}`)) as unknown as ProfileBody
  const ready = async (name: string) =>
    (await profile(name)).status?.conditions?.find(({ type }) => type === 'Ready')
  const untilReady = (name: string, reason: string) =>
    until(
      `profile ${name} to be ${reason}`,
      async () => {
        const condition = await ready(name)
        return condition?.reason === reason ? condition : undefined
      },
      // A watch that found no API server may wait for half a minute before it looks again.
      { timeoutMs: 180_000 }
    )
  const dry = async (spec: Json = {}) => kube.call('POST', `${pods}?dryRun=All`, podOf('dry', spec))
  const untilAssigned = (what: string, digest: string, spec: Json = {}) =>
    until(`${what} to be assigned`, async () => {
      const path = assignedPath(asPod(await dry(spec)))
      return typeof path === 'string' && path.includes(digest.slice(7)) ? path : undefined
    })
  const eventsOf = async (uid: string): Promise<string[]> => {
    const { items } = (await kube.do(
      'GET',
      '/apis/events.k8s.io/v1/namespaces/shop/events'
    )) as unknown as {
      items: { regarding: { uid: string }; reason: string; note: string }[]
    }
    return items
      .filter(({ regarding }) => regarding.uid === uid)
      .map(({ reason, note }) => `${reason}: ${note}`)
  }

  await t.test('one hub writes, and all satellites come to it', async (t) => {
    await create('web.app', ['read', 'write', 'exit_group'])
    await untilReady('web.app', 'WaitingForNodes')
    await until(
      'both satellites',
      async () => ((await profile('web.app')).status?.nodes?.ready === 2 ? true : undefined),
      { timeoutMs: 180_000 }
    )
    t.same((await profile('web.app')).status?.nodes, { ready: 2, total: 3 })
    t.match((await ready('web.app'))?.message, /2 of 3 nodes have the revision; waiting for c/)
    const leaders = log.lines
      .filter(({ msg }) => msg === 'became leader')
      .map((line) => line['replica'])
    // A busy machine may cost it a renewal, not the lease.
    t.equal(new Set(leaders).size, 1, `the writer: ${String(leaders)}`)
    const rule = await until('the rule to say so', async () => {
      const body = (await kube.do('GET', `${rules}/web`)) as unknown as ProfileBody
      return body.status?.conditions?.some(({ reason }) => reason === 'WaitingForNodes')
        ? body
        : undefined
    })
    t.match(rule.status?.conditions, [
      { type: 'Accepted', status: 'True' },
      { type: 'PodsSelected', reason: 'NoPods' },
      { type: 'Ready', status: 'False' }
    ])
  })

  const digest = (await profile('web.app')).status?.revision ?? ''
  const path = revisionPath('shop', 'web.app', digest)

  await t.test(
    'a replica without a hub knows who lacks the file, and who of them could run the pod',
    async (t) => {
      t.ok(
        await untilAssigned('a pod for the fast pool', digest, { nodeSelector: { pool: 'fast' } })
      )
      const waits = await dry()
      t.equal(assignedPath(asPod(waits)), undefined)
      t.match(waits.warnings.join(), /RuntimeDefault: profile shop\/web\.app has not reached c yet/)
      t.equal(assignedPath(asPod(await dry({ nodeName: 'a' }))), path)
      t.equal(assignedPath(asPod(await dry({ nodeName: 'c' }))), undefined)
      t.equal(
        assignedPath(asPod(await dry({ nodeSelector: { pool: 'gpu' } }))),
        undefined,
        'a node to come'
      )
      await kube.do('PATCH', '/api/v1/nodes/c', { spec: { unschedulable: true } }, merge)
      await untilAssigned('a pod while c is cordoned', digest)
      await kube.do(
        'PATCH',
        '/api/v1/nodes/c',
        { spec: { unschedulable: null, taints: null } },
        merge
      )
      await until('c to count again', async () =>
        assignedPath(asPod(await dry())) === undefined ? true : undefined
      )
      const other = await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'plain' } })
      t.ok(other)
      const unmatched = await kube.call(
        'POST',
        '/api/v1/namespaces/plain/pods?dryRun=All',
        podOf('dry')
      )
      t.equal(
        asPod(unmatched).metadata.annotations,
        undefined,
        'namespaceSelector looks at its labels'
      )
    }
  )

  await t.test('the race: fifty pods while the file is on its way to c', async (t) => {
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    await connect('c', two, () => gate)
    let done = 0
    const made = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        // In five waves; the file arrives in the middle.
        await until('my turn', () => (done >= Math.floor(at / 10) * 10 ? true : undefined), {
          timeoutMs: 120_000,
          everyMs: 5
        })
        if (at === 25) open()
        const spec: Json = at % 5 === 0 ? { nodeSelector: { pool: 'fast' } } : {}
        const answer = await kube.call('POST', pods, podOf(`race-${at}`, spec))
        const answeredAt = performance.now()
        done += 1
        return { at, answer, answeredAt, heldAt: satellites.get('c')?.heldAt.get(path) }
      })
    )
    t.ok(
      made.every(({ answer }) => answer.status === 201),
      'every pod is created'
    )
    const wrong = made.filter(
      ({ at, answer, answeredAt, heldAt }) =>
        at % 5 !== 0 &&
        assignedPath(asPod(answer)) !== undefined &&
        (heldAt === undefined || heldAt > answeredAt)
    )
    t.same(
      wrong.map(({ at }) => at),
      [],
      'no pod was given a file that a node lacks which could run it'
    )
    const fast = made.filter(({ at }) => at % 5 === 0)
    t.ok(
      fast.every(({ answer }) => assignedPath(asPod(answer)) === path),
      'where everybody has it, it is given'
    )
    const early = made.filter(({ at }) => at < 20 && at % 5 !== 0)
    t.ok(
      early.every(({ answer }) => assignedPath(asPod(answer)) === undefined),
      'the first ones wait for nobody'
    )
    t.ok(
      made.every(({ answer }) => answer.warnings.some((text) => /secco: app: /.test(text))),
      'all say what they got'
    )
    await untilReady('web.app', 'AllNodesReady')
    await untilAssigned('any pod', digest)
    const silent = await until('an event on each pod', async () => {
      const missing: string[] = []
      const { items } = (await kube.do(
        'GET',
        '/apis/events.k8s.io/v1/namespaces/shop/events?limit=1000'
      )) as unknown as { items: { regarding: { uid: string }; reason: string }[] }
      for (const { answer } of made) {
        const pod = asPod(answer)
        const reason = assignedPath(pod) === undefined ? 'ProfileFallback' : 'ProfileApplied'
        const own = items.filter(({ regarding }) => regarding.uid === pod.metadata.uid)
        if (own.length !== 1 || own[0]?.reason !== reason)
          missing.push(`${pod.metadata.name} ${reason} ${own.map((o) => o.reason).join()}`)
      }
      if (missing.length > 0) throw new Error(missing.join(' | '))
      return missing
    })
    t.same(silent, [])
    const fallbacks = made.filter(({ answer }) => assignedPath(asPod(answer)) === undefined).length
    t.comment(`${50 - fallbacks} were given the file, ${fallbacks} RuntimeDefault`)
  })

  await t.test(
    'a node that joins behind the start-up taint is opened when it has everything',
    async (t) => {
      await addNode('d', { pool: 'fast' })
      await kube.do(
        'PATCH',
        '/api/v1/nodes/d',
        { spec: { taints: [{ key: 'secco.dev/not-ready', effect: 'NoSchedule' }] } },
        merge
      )
      t.equal(await untilAssigned('a pod meanwhile', digest), path, 'it keeps nobody waiting')
      await connect('d', one)
      await until('the taint to be gone', async () => {
        const { spec } = (await kube.do('GET', '/api/v1/nodes/d')) as unknown as {
          spec: { taints?: unknown[] }
        }
        return (spec.taints ?? []).length === 0 ? true : undefined
      })
      t.ok(satellites.get('d')?.heldAt.has(path), 'it has the file')
      t.equal(await untilAssigned('a pod afterwards', digest), path)
    }
  )

  await t.test('observations go to the workload that the API server names', async (t) => {
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'odd-66d4',
      uid: 'x',
      controller: true
    }
    const metadata = {
      name: 'no-hint-in-here',
      labels: { 'pod-template-hash': '66d4' },
      ownerReferences: [owner]
    }
    const pod = (await kube.do('POST', pods, {
      ...podOf('x', { nodeName: 'a' }),
      metadata
    })) as unknown as Pod
    await until(
      'the hub to know the pod',
      async () => {
        satellites.get('a')?.uplink.offer(
          observationOf('odd-1', ['read', 'openat'], {
            container: {
              ...{ id: 'c9', runtime: 'runc', name: 'app', image: '', labels: {}, profile: '' },
              podNamespace: 'shop',
              podName: 'no-hint-in-here',
              podUid: pod.metadata.uid
            }
          })
        )
        const answer = await kube.call('GET', `${profiles}/odd.app`)
        return answer.status === 200 && (answer.body as ProfileBody).status?.observed !== undefined
          ? true
          : undefined
      },
      { everyMs: 200 }
    )
    const body = (await kube.do('GET', `${profiles}/odd.app`)) as unknown as ProfileBody & {
      metadata: { uid: string }
    }
    t.same(body.status?.observed, { x86_64: ['openat', 'read'] })
    await until('an event about it', async () =>
      (await eventsOf(body.metadata.uid)).some((text) => text.startsWith('Learned: 2 new syscalls'))
        ? true
        : undefined
    )
    const web = (await kube.do('GET', `${profiles}/web.app`)) as unknown as {
      metadata: { uid: string }
    }
    await until('the event that web.app is distributed', async () =>
      (await eventsOf(web.metadata.uid)).some((text) => text.startsWith('Distributed: '))
        ? true
        : undefined
    )
  })

  await t.test('what a pod refers to stays wanted when its profile is gone', async (t) => {
    await kube.do(
      'PATCH',
      `${profiles}/web.app`,
      { spec: allowing('read', 'write', 'exit_group', 'mincore') },
      merge
    )
    const next = await until('the next revision', async () => {
      const { status } = await profile('web.app')
      const isReady = status?.conditions?.some(({ reason }) => reason === 'AllNodesReady')
      return isReady === true && status?.revision !== digest ? status?.revision : undefined
    })
    await kube.do(
      'PATCH',
      `${profiles}/web.app`,
      { spec: allowing('read', 'write', 'exit_group', 'msync') },
      merge
    )
    const last = await until('the one after', async () => {
      const { status } = await profile('web.app')
      const isReady = status?.conditions?.some(({ reason }) => reason === 'AllNodesReady')
      return isReady === true && status?.revision !== next ? status?.revision : undefined
    })
    for (const { hub } of [one, two]) {
      const wanted = await until('what nodes should hold', () => {
        const paths = [...(hub?.desired().keys() ?? [])]
        return paths.some((each) => each.includes(last.slice(7))) ? paths : undefined
      })
      t.ok(wanted.includes(path), 'the first revision: fifty pods refer to it')
    }
    for (let at = 0; at < 50; at += 1) {
      await kube.do('DELETE', `${pods}/race-${at}?gracePeriodSeconds=0`)
    }
    await until('nobody to want it', () =>
      [one, two].every(({ hub }) => hub?.desired().has(path) === false) ? true : undefined
    )
  })

  await t.test(
    'an API server that ends and starts again: admission answers throughout, and status follows',
    async (t) => {
      const review = async (): Promise<number> => {
        const { request } = await import('node:https')
        return await new Promise((resolve) => {
          const outgoing = request(
            `https://127.0.0.1:${port}/mutate`,
            { method: 'POST', ca: server.ca, headers: { 'content-type': 'application/json' } },
            (incoming) => {
              let text = ''
              incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
              incoming.on('end', () => {
                const { response } = JSON.parse(text) as { response: { patch?: string } }
                resolve(
                  Buffer.from(response.patch ?? '', 'base64')
                    .toString()
                    .includes('"type":"Localhost"')
                    ? 1
                    : 0
                )
              })
            }
          )
          outgoing.on('error', () => resolve(-1))
          outgoing.end(
            JSON.stringify({
              apiVersion: 'admission.k8s.io/v1',
              kind: 'AdmissionReview',
              request: {
                uid: 'x',
                operation: 'CREATE',
                namespace: 'shop',
                resource: { group: '', version: 'v1', resource: 'pods' },
                kind: { group: '', version: 'v1', kind: 'Pod' },
                object: podOf('direct')
              }
            })
          )
        })
      }
      t.equal(await review(), 1)
      const asking = new AbortController()
      const answers: number[] = []
      const asker = (async () => {
        while (!asking.signal.aborted) {
          answers.push(await review())
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      })()
      try {
        await cluster.killApiServer()
        // Longer than leases and renewals.
        await new Promise((resolve) => setTimeout(resolve, 8000))
        await cluster.startApiServer()
        await create('after.app', ['read', 'futex'])
        await untilReady('after.app', 'AllNodesReady')
      } finally {
        asking.abort()
      }
      await asker
      t.ok(answers.length > 100)
      t.same(
        answers.filter((answer) => answer !== 1),
        [],
        `${answers.length} reviews, each given the file`
      )
      const now = Date.now()
      await until('the summary to be renewed', async () => {
        const { data } = (await kube.do(
          'GET',
          `/api/v1/namespaces/secco-system/configmaps/${summaryName}`
        )) as unknown as { data: { renewed: string } }
        return Date.parse(data.renewed) > now ? true : undefined
      })
    }
  )

  await t.test(
    'the leader ends: the other hub leads, and its nodes keep their files',
    async (t) => {
      const { spec } = (await kube.do(
        'GET',
        '/apis/coordination.k8s.io/v1/namespaces/secco-system/leases/secco-hub'
      )) as unknown as { spec: { holderIdentity: string } }
      const [gone, left] = spec.holderIdentity.startsWith('one_') ? [one, two] : [two, one]
      const nodes = [...satellites]
        .filter(([, { uplink }]) => uplink.connected)
        .map(([name]) => name)
      t.equal(nodes.length, 4)
      await gone.close()
      t.ok(
        await untilAssigned(
          'a pod while its nodes are away',
          (await profile('web.app')).status?.revision ?? ''
        )
      )
      for (const [name, satellite] of [...satellites]) {
        if (satellite.uplink.connected) continue
        await satellite.close()
        await connect(name, left)
      }
      await create('late.app', ['read', 'gettid'])
      await untilReady('late.app', 'AllNodesReady')
      t.match((await profile('late.app')).status?.nodes, { ready: 4, total: 4 })
    }
  )
})

function kubeconfigOf({ url, caPem, token }: Cluster): Json {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: {
          server: url,
          'certificate-authority-data': Buffer.from(caPem).toString('base64')
        }
      }
    ],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x'
  }
}
