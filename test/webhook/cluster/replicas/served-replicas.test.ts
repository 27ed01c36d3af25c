import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureCertificates, ensureClientLeaf } from '../../../../certs/files.js'
import { loadKubeconfig } from '../../../../cli/lib/open-store.js'
import { customResourceDefinitions } from '../../../../src/api/crd.js'
import {
  admissionRole,
  apiVersion,
  rootNamespace,
  revisionPath
} from '../../../../src/api/names.js'
import { openKubernetesStore } from '../../../../src/store/kubernetes.js'
import { startUplink } from '../../../../satellite/uplink/uplink.js'
import { startWebhook } from '../../../../webhook/main.js'
import type { Role } from '../../../../webhook/roles.js'
import type { RunningWebhook } from '../../../../webhook/webhook-options.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { kubeconfigOf, startCluster } from '../../../helpers/cluster.js'
import type { Json } from '../../../helpers/kube.js'
import { kubectlOf } from '../../../helpers/kubectl.js'
import { patientWebhook } from '../../../helpers/patient-webhook.js'
import { startTcpProxy } from '../../../helpers/tcp-proxy.js'
import { until } from '../../../helpers/until.js'
import { collectLog, memoryInstaller, nodeStatus, quickUplink } from '../../hub/rig.js'

const found = await findApiServer()
const program = found.programs?.kubectl
const skip = found.skip ?? (program === undefined ? 'no kubectl beside the API server' : false)
const profiles = `/apis/${apiVersion}/namespaces/shop/seccompprofiles`
const own = `/api/v1/namespaces/${rootNamespace}`
const merge = { contentType: 'application/merge-patch+json' }
const patience = { timeoutMs: 60_000, everyMs: 50 }

interface Profile {
  metadata: { generation: number }
  status?: {
    revision?: string
    auditRevision?: string
    conditions?: {
      type: string
      status: string
      reason: string
      message: string
      observedGeneration: number
    }[]
  }
}

const specOf = (...names: string[]): Json => ({
  seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] }
})

test('Ready waits for the replica of the webhook whose watch hangs', {
  skip,
  timeout: 600_000
}, async (t) => {
  if (found.programs === undefined || program === undefined) return
  const cluster = await startCluster(found.programs)
  const closers: (() => Promise<void> | void)[] = [() => cluster.stop()]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const { kube } = cluster
  const folder = mkdtempSync(join(tmpdir(), 'secco-served-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const { server } = await ensureCertificates(join(folder, 'certs'), {
    serverNames: ['localhost', '127.0.0.1']
  })
  for (const definition of Object.values(customResourceDefinitions())) {
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  }
  for (const name of [rootNamespace, 'shop'])
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  const labels = { 'kubernetes.io/os': 'linux' }
  await kube.do('POST', '/api/v1/nodes', { metadata: { name: 'a', labels } })
  await kube.do('PATCH', '/api/v1/nodes/a', { spec: { taints: null } }, merge)
  for (const plural of ['seccompprofiles', 'seccomprules']) {
    await until(`${plural} to be served`, async () =>
      (await kube.call('GET', `/apis/${apiVersion}/${plural}`)).status === 200 ? true : undefined
    )
  }

  /** The pod as a kubelet would report it. */
  const readyPod = async (name: string): Promise<void> => {
    await kube.do('POST', `${own}/pods`, {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { [admissionRole]: 'true' } } },
      spec: { nodeName: 'a', containers: [{ name: 'secco', image: 'secco:1' }] }
    })
    const conditions = [{ type: 'Ready', status: 'True' }]
    await kube.do('PATCH', `${own}/pods/${name}/status`, { status: { conditions } }, merge)
  }
  /** Replicas reach the API server by connections of their own. */
  async function replica(id: string, roles: Role[]) {
    const proxy = await startTcpProxy(Number(new URL(cluster.url).port))
    closers.push(() => proxy.close())
    const file = join(folder, `${id}.kubeconfig`)
    const url = `https://127.0.0.1:${proxy.port}`
    writeFileSync(file, kubeconfigOf(url, cluster.caPem, cluster.token), { mode: 0o600 })
    const config = await loadKubeconfig({ files: file })
    const store = await openKubernetesStore({ config })
    const local = { host: '127.0.0.1', port: 0 }
    const running: RunningWebhook = await startWebhook({
      ...{ store, certsDir: join(folder, 'certs'), revisionsDir: join(folder, id) },
      serverNames: ['localhost', '127.0.0.1'],
      ...{ listen: local, hubListen: local, uiListen: local },
      ...{ legacyAnnotations: false, logger: collectLog().logger },
      roles: new Set(roles),
      cluster: { config, namespace: rootNamespace, id }
    })
    closers.push(async () => {
      await running.close()
      await store.close()
    })
    await readyPod(id)
    return { ...running.addresses, proxy }
  }
  const active = await replica('active', ['admission', 'hub'])
  const held = await replica('held', ['admission'])
  const installer = memoryInstaller()
  const uplink = await startUplink({
    ...{ hub: `localhost:${active.hub?.port ?? 0}`, node: 'a' },
    ...{ onRevision: installer.onRevision, holding: installer.holding },
    tls: await ensureClientLeaf(join(folder, 'certs'), 'a'),
    spoolDir: join(folder, 'spool'),
    logger: collectLog().logger,
    status: () => nodeStatus,
    timing: quickUplink
  })
  closers.push(() => uplink.close())
  // Every review goes to the replica that will be held.
  await kube.do(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    patientWebhook({
      target: { url: `https://127.0.0.1:${held.webhook.port}/mutate` },
      caBundle: Buffer.from(server.ca).toString('base64')
    })
  )

  const profile = async () => (await kube.do('GET', `${profiles}/web`)) as unknown as Profile
  const ready = async () => {
    const { metadata, status } = await profile()
    const one = status?.conditions?.find(({ type }) => type === 'Ready')
    return one?.observedGeneration === metadata.generation ? one : undefined
  }
  const untilReason = (reason: string, words = /./) =>
    until(
      `Ready to be ${reason}`,
      async () => {
        const one = await ready()
        if (one?.reason !== reason || !words.test(one.message)) throw new Error(JSON.stringify(one))
        return one.message
      },
      patience
    )
  const pathGiven = async (): Promise<string> => {
    const { body } = await kube.call('POST', '/api/v1/namespaces/shop/pods?dryRun=All', {
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: { name: 'dry', labels: { 'secco.dev/profile': 'web' } },
      spec: { containers: [{ name: 'app', image: 'web:1' }] }
    })
    return /secco\/shop\/web\/[0-9a-f]{64}\.json/.exec(JSON.stringify(body))?.[0] ?? 'none'
  }
  const current = async () =>
    revisionPath('shop', 'web', (await profile()).status?.revision ?? 'none')
  const kubectl = kubectlOf(program, cluster.kubeconfig)
  const waitForReady = () =>
    kubectl([
      ...['-n', 'shop', 'wait', '--for=condition=Ready', '--timeout=100s'],
      'seccompprofiles.secco.dev/web'
    ])

  await t.test('both replicas serve the first revision', async (t) => {
    await kube.do('POST', profiles, {
      ...{ apiVersion, kind: 'SeccompProfile', metadata: { name: 'web' } },
      spec: specOf('read', 'write', 'exit_group')
    })
    const waited = await waitForReady()
    t.equal(waited.code, 0, waited.stderr)
    t.equal(await pathGiven(), await current())
  })

  await t.test(
    'kubectl wait does not return before the held replica serves the next',
    async (t) => {
      const before = await current()
      held.proxy.freeze()
      await kube.do('PATCH', `${profiles}/web`, { spec: specOf('read', 'write', 'listen') }, merge)
      let isOver = false
      const waiting = waitForReady().finally(() => (isOver = true))
      // At first the active replica may not have reported either.
      const message = await untilReason('WaitingForReplicas', /1 of 2/)
      t.equal(
        message,
        'the one node has the revision; 1 of 2 webhook replicas does not serve it yet: held'
      )
      t.not(await current(), before, 'every node has the next revision')
      t.equal(await pathGiven(), before, 'and a pod that is created now gets the one before')
      t.equal(isOver, false, 'kubectl wait waits')
      const listed = await kubectl(['-n', 'shop', 'get', 'seccompprofiles.secco.dev'])
      t.match(listed.stdout, /web.*False/, listed.stdout)
      held.proxy.reset()
      const waited = await waiting
      t.equal(waited.code, 0, waited.stderr)
      t.equal(await pathGiven(), await current(), 'what is created after that gets the next')
    }
  )

  await t.test('the mode counts, too: a promotion waits for the held replica', async (t) => {
    const inMode = async (mode: string): Promise<string> => {
      await kube.do('PATCH', `${profiles}/web`, { spec: { ladder: { mode } } }, merge)
      return mode
    }
    const enforced = await pathGiven()
    held.proxy.freeze()
    await inMode('audit')
    t.match(await untilReason('WaitingForReplicas', /1 of 2/), /does not serve it yet: held$/)
    t.equal(await pathGiven(), enforced, 'a pod that is created now is still enforced')
    held.proxy.reset()
    const waited = await waitForReady()
    t.equal(waited.code, 0, waited.stderr)
    const { auditRevision = 'none' } = (await profile()).status ?? {}
    t.equal(await pathGiven(), revisionPath('shop', 'web', auditRevision))
    await inMode('enforce')
    t.equal((await waitForReady()).code, 0)
    t.equal(await pathGiven(), enforced, 'and back')
  })

  await t.test('a replica that reports nothing is named, until it is gone', async (t) => {
    await readyPod('earlier')
    t.equal(
      await untilReason('WaitingForReplicas'),
      'the one node has the revision; 1 of 3 webhook replicas does not report what it serves: earlier ' +
        '(one of an earlier version never does, until it is replaced)'
    )
    await kube.do('DELETE', `${own}/pods/earlier?gracePeriodSeconds=0`)
    await untilReason('AllNodesReady')
  })
})
