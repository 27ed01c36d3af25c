import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { test } from 'tap'
import { ensureClientLeaf } from '../../../certs/files.js'
import { customResourceDefinitions } from '../../../src/api/crd.js'
import { apiVersion, revisionPath } from '../../../src/api/names.js'
import { loadKubeconfig } from '../../../cli/lib/open-store.js'
import { openKubernetesStore } from '../../../src/store/kubernetes.js'
import { startUplink } from '../../../satellite/uplink/uplink.js'
import { startWebhook } from '../../../webhook/main.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { startCluster } from '../../helpers/cluster.js'
import { type LoadReport, startCreations } from '../../helpers/creation-load.js'
import { type Json, kubeClient } from '../../helpers/kube.js'
import { spawnSecco } from '../../helpers/secco-command.js'
import { startTcpBalancer } from '../../helpers/tcp-balancer.js'
import { GivenUp, until } from '../../helpers/until.js'
import { collectLog, memoryInstaller, nodeStatus, quickUplink } from '../hub/rig.js'
import { patientWebhook } from '../../helpers/patient-webhook.js'

const found = await findApiServer()
const skip = found.skip ?? false
const root = 'secco-system'
const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
const secret = `/api/v1/namespaces/${root}/secrets/secco-certificates`
const merge = { contentType: 'application/merge-patch+json' }
const perSecond = 200
/** From a pod's death, or the order to end it, until the last node's proxy no longer leads there. */
const proxyLagMs = 1500

interface Replica {
  id: string
  port: number
  exitCode(): number | null
  /** Resolves when it has ended. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

test('replicas of the webhook come and go', { skip, timeout: 1_150_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  const closers: (() => Promise<void> | void)[] = [() => cluster.stop()]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const { kube } = cluster
  const folder = mkdtempSync(join(tmpdir(), 'secco-replicas-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  for (const definition of Object.values(customResourceDefinitions())) {
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  }
  for (const name of [root, 'shop']) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  }
  const metadata = { name: 'a', labels: { 'kubernetes.io/os': 'linux' } }
  await kube.do('POST', '/api/v1/nodes', { metadata })
  await kube.do('PATCH', '/api/v1/nodes/a', { spec: { taints: null } }, merge)
  for (const plural of ['seccompprofiles', 'seccomprules']) {
    await until(`${plural} to be served`, async () =>
      (await kube.call('GET', `/apis/${apiVersion}/${plural}`)).status === 200 ? true : undefined
    )
  }

  // One hub and one satellite, so that there is a revision that every node has.
  const config = await loadKubeconfig({ files: cluster.kubeconfig })
  const local = { host: '127.0.0.1', port: 0 }
  const store = await openKubernetesStore({ config })
  const hub = await startWebhook({
    store,
    certsDir: join(folder, 'certs'),
    revisionsDir: join(folder, 'revisions'),
    serverNames: ['localhost', '127.0.0.1'],
    ...{ listen: local, hubListen: local, uiListen: local },
    legacyAnnotations: false,
    logger: collectLog().logger,
    roles: new Set(['hub'] as const),
    cluster: { config, namespace: root, id: 'hub' }
  })
  closers.push(async () => {
    await hub.close()
    await store.close()
  })
  const installer = memoryInstaller()
  const uplink = await startUplink({
    ...{ hub: `localhost:${hub.addresses.hub?.port ?? 0}`, node: 'a' },
    ...{ onRevision: installer.onRevision, holding: installer.holding },
    tls: await ensureClientLeaf(join(folder, 'certs'), 'a'),
    spoolDir: join(folder, 'spool'),
    logger: collectLog().logger,
    status: () => nodeStatus,
    timing: quickUplink
  })
  closers.push(() => uplink.close())
  const profiles = `/apis/${apiVersion}/namespaces/shop/seccompprofiles`
  const seccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'write', 'exit_group'], action: 'SCMP_ACT_ALLOW' }]
  }
  await kube.do('POST', profiles, {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { name: 'web.app' }, spec: { seccomp } }
  })
  const path = await until('every node to have the revision', async () => {
    const { status } = (await kube.do('GET', `${profiles}/web.app`)) as {
      status?: { revision?: string; nodes?: { ready: number } }
    }
    const { revision, nodes } = status ?? {}
    return revision !== undefined && nodes?.ready === 1
      ? revisionPath('shop', 'web.app', revision)
      : undefined
  })

  const balancer = await startTcpBalancer()
  closers.push(() => balancer.close())
  const endpoints = new Map<string, Replica>()
  const route = (): void => balancer.setTargets([...endpoints.values()].map(({ port }) => port))
  async function begin(id: string): Promise<Replica> {
    const state = join(folder, id)
    const child = spawnSecco([
      ...['webhook', '--state', state, '--kubeconfig', cluster.kubeconfig],
      ...['--roles', 'admission', '--replica', id, '--listen', '127.0.0.1:0'],
      ...['--tls-secret', `${root}/secco-certificates`, '--leave-after', '3s']
    ])
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stdout.resume()
    const ended = once(child, 'close')
    const end: Replica['end'] = async (signal) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await ended
    }
    closers.push(() => end('SIGKILL'))
    const port = await until(
      `replica ${id}`,
      () => {
        if (child.exitCode !== null) throw new GivenUp(said)
        const text = readFileSync(join(state, 'addresses.json'), 'utf8')
        return Number(new URL((JSON.parse(text) as { webhook: string }).webhook).port)
      },
      { timeoutMs: 180_000, everyMs: 50 }
    )
    const replica = { id, port, exitCode: () => child.exitCode, end }
    endpoints.set(id, replica)
    route()
    return replica
  }
  async function leave(replica: Replica): Promise<void> {
    await delay(proxyLagMs)
    endpoints.delete(replica.id)
    route()
  }

  const configuration = patientWebhook({
    target: { url: `https://127.0.0.1:${balancer.port}/mutate` },
    caBundle: ''
  })
  await kube.do('POST', configurations, configuration)
  const pod: Json = {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { generateName: 'p-', labels: { 'secco.dev/profile': 'web.app' } },
    spec: { containers: [{ name: 'app', image: 'web:1' }] }
  }
  // As many as there are at most at a time: more only make each other late.
  const agent = new Agent({ keepAlive: true, maxSockets: 100 })
  closers.push(() => agent.destroy())
  const crowd = kubeClient(cluster.url, cluster.caPem, cluster.token, agent)
  const create = async (): Promise<{ failure?: string; patched: boolean }> => {
    const { status, body } = await crowd.call(
      'POST',
      '/api/v1/namespaces/shop/pods?dryRun=All',
      pod
    )
    if (status !== 201) return { failure: String(body['message']), patched: false }
    return { patched: JSON.stringify(body['spec']).includes(path) }
  }
  const first = await Promise.all([begin('r1'), begin('r2')])
  await until('pods to be given the file', async () =>
    (await create()).patched ? true : undefined
  )
  /** What the API server itself counted as calls of the webhook that failed. */
  const failedCalls = async (kind: 'fail_open' | 'rejection'): Promise<number> => {
    const { body } = await kube.call('GET', '/metrics')
    const lines = String(body['text']).split('\n')
    const metric = `apiserver_admission_webhook_${kind}_count{`
    return lines
      .filter((line) => line.startsWith(metric) && line.includes('pods.secco.dev'))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  const comment = ({ sent, failed, unpatched, seconds, lateSeconds }: LoadReport): void => {
    const rate = (sent / seconds).toFixed(0)
    t.comment(
      `${sent} creations in ${seconds.toFixed(1)} s (${rate}/s, the last answer ${lateSeconds.toFixed(1)} s later): ` +
        `${failed.length} failed, ${unpatched} created unpatched; ${balancer.denied()} connections found no replica`
    )
  }

  await t.test('one is killed: no creation fails; its pending requests go unpatched', async (t) => {
    const before = await failedCalls('fail_open')
    const load = startCreations(perSecond, create)
    t.teardown(() => load.end().then(() => undefined))
    await delay(2000)
    const [killed] = first
    await killed.end('SIGKILL')
    await Promise.all([leave(killed), begin('r3')])
    await delay(1000)
    const report = await load.end()
    comment(report)
    t.same(report.failed.slice(0, 3), [])
    t.ok(report.sent >= perSecond * 3)
    // failurePolicy Ignore: a call that nobody answered leaves the pod as it was.
    t.equal(report.unpatched, (await failedCalls('fail_open')) - before)
    const exposed = perSecond * (proxyLagMs / 1000)
    t.ok(report.unpatched < exposed, `${report.unpatched}: fewer than came while half led nowhere`)
  })

  await t.test(
    'all are rolled, leaf and authority change: every creation is decided',
    async (t) => {
      const failurePolicy = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Fail' }]
      const json = { contentType: 'application/json-patch+json' }
      await kube.do('PATCH', `${configurations}/secco`, failurePolicy, json)
      const before = await failedCalls('rejection')
      const annotate = (annotations: Record<string, string>) =>
        kube.do('PATCH', secret, { metadata: { annotations } }, merge)
      const data = async (): Promise<Record<string, string>> => {
        const { data: found } = (await kube.do('GET', secret)) as { data: Record<string, string> }
        const texts = Object.entries(found).map(([key, text]) => [
          key,
          Buffer.from(text, 'base64').toString()
        ])
        return Object.fromEntries(texts) as Record<string, string>
      }
      const served = async ({ port }: Replica): Promise<X509Certificate> => {
        const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
        await once(socket, 'secureConnect')
        const { raw } = socket.getPeerCertificate()
        socket.destroy()
        return new X509Certificate(raw)
      }
      const allServe = (wanted: X509Certificate) =>
        until(
          'every replica to serve with the new certificate',
          async () => {
            for (const replica of endpoints.values()) {
              if ((await served(replica)).fingerprint256 !== wanted.fingerprint256) return undefined
            }
            return true
          },
          { timeoutMs: 180_000, everyMs: 200 }
        )
      const newLeaf = async (was: X509Certificate): Promise<X509Certificate> => {
        return await until(
          'a new leaf',
          async () => {
            const now = new X509Certificate((await data())['tls.crt'] ?? '')
            return now.fingerprint256 === was.fingerprint256 ? undefined : now
          },
          { timeoutMs: 180_000, everyMs: 200 }
        )
      }

      const load = startCreations(perSecond, create)
      t.teardown(() => load.end().then(() => undefined))
      const rolling = (async () => {
        for (const [at, old] of [...endpoints.values()].entries()) {
          await begin(`next-${at}`)
          await Promise.all([old.end('SIGTERM'), leave(old)])
          t.equal(old.exitCode(), 0, `${old.id} ended by itself`)
        }
      })()
      const oldLeaf = new X509Certificate((await data())['tls.crt'] ?? '')
      await annotate({ 'secco.dev/rotate': 'leaf' })
      const leaf = await newLeaf(oldLeaf)
      await rolling
      await allServe(leaf)
      await annotate({ 'secco.dev/rotate': 'authority' })
      await until('the next authority to be announced', async () =>
        'authority-next.pem' in (await data()) ? true : undefined
      )
      // Everybody has ten minutes to learn of it; these are over.
      await annotate({ 'secco.dev/announced-at': new Date(Date.now() - 660_000).toISOString() })
      const next = await newLeaf(leaf)
      await allServe(next)
      t.not(next.issuer, leaf.issuer, 'another authority signed it')
      await delay(1000)
      const report = await load.end()
      comment(report)
      t.same(report.failed.slice(0, 3), [])
      t.equal(report.unpatched, 0)
      t.equal(await failedCalls('rejection'), before, 'the API server counted none either')
      t.ok(report.sent / report.seconds > perSecond * 0.9)
    }
  )
})
