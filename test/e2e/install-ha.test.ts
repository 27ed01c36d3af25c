import { mkdtemp, rm, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { names, namespace } from '../../cli/install/names.js'
import { decodeSummary } from '../../webhook/cluster/replicas/hub-summary.js'
import { summaryName } from '../../webhook/cluster/replicas/summary-publisher.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { startCreations } from '../helpers/creation-load.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { measuring } from '../helpers/kubernetes/measuring.js'
import { confinedBy, confinementOfOwnPods, watchOwnPods } from '../helpers/kubernetes/own-pods.js'
import { isReady, listPods, type Pod, testContainer, testPod } from '../helpers/kubernetes/pods.js'
import { startRealCluster, whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { seccoImageName } from '../helpers/kubernetes/secco-in-cluster.js'
import { useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { applyInstall, saidByInstallation } from '../helpers/kubernetes/apply-install.js'
import { seccoImageArchive } from '../helpers/kubernetes/test-images.js'
import { makePatient } from '../helpers/patient-webhook.js'
import { until } from '../helpers/until.js'
import { verbsOverTwoHubs } from './two-hubs-on-nodes.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false
const instance = (name: string): string => `app.kubernetes.io/instance=${name}`

test('two of each: one of each goes, and nobody notices', {
  skip,
  timeout: 1_500_000
}, async (t) => {
  if (found.programs === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'secco-install-ha-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const cluster = await startRealCluster({
    programs: found.programs,
    images: [await seccoImageArchive(folder, seccoImageName)],
    say: (line) => t.comment(line)
  })
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const kubectl = kubectlOf(found.programs.kubectl, cluster.kubeconfig)
  const own = await watchOwnPods(cluster.node(), 'install-ha')
  t.teardown(() => own.stop())
  const told = (): Promise<string> => saidByInstallation(kubectl)
  const began = Date.now()
  const since = (): string => `${((Date.now() - began) / 1000).toFixed(1)} s`
  await applyInstall(kubectl, ['--ha', '--mode', 'enforce', '--image', seccoImageName])
  await makePatient(kube)
  t.comment(`applied after ${since()}`)
  const readyPods = (name: string, count: number): Promise<Pod[]> =>
    until(
      `${count} of ${name} to be ready`,
      async () => {
        const pods = await listPods(cluster, namespace, instance(name))
        return pods.length === count && pods.every(isReady) ? pods : undefined
      },
      { timeoutMs: 120_000, everyMs: 200 }
    ).catch(async (error: unknown) => {
      t.comment(await told())
      throw error
    })
  await Promise.all(
    [
      { name: names.webhook, count: 2 },
      { name: names.hub, count: 2 },
      { name: names.satellite, count: 1 }
    ].map(async ({ name, count }) => {
      await readyPods(name, count)
      t.comment(`${name} ready after ${since()}`)
    })
  )

  const shop = await useSecco(cluster, 'shop', folder)
  const makePod = (name: string, labels: Record<string, string>) =>
    testPod({ name, labels }, [testContainer('app')])
  const lease = async (): Promise<string> => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${names.hub}`
    const { spec } = (await kube.do('GET', path)) as { spec: { holderIdentity?: string } }
    return (spec.holderIdentity ?? '').replace(/_[^_]*$/, '')
  }
  let path = ''

  await t.test('a pod is learned and approved', async (t) => {
    await shop.create('pods', makePod('web', { 'secco.dev/learn': 'true' }))
    const [pod] = await until('the pod', async () => {
      const pods = await listPods(cluster, 'shop', 'secco.dev/learn')
      return pods.every(isReady) ? pods : undefined
    })
    if (pod === undefined) throw new Error('no pod')
    await shop.observed('web.app', 'listen')
    path = await shop.approve('web.app')
    t.match(path, /^secco\/shop\/web\.app\//)
  })

  const create = async () => {
    const body = makePod('dry', { 'secco.dev/profile': 'web.app' })
    const answer = await kube.call('POST', '/api/v1/namespaces/shop/pods?dryRun=All', body)
    const patched = JSON.stringify(answer.body).includes(path)
    return answer.status === 201 ? { patched } : { failure: JSON.stringify(answer.body), patched }
  }

  await t.test('the runtime is known, although the image has none', async (t) => {
    const summary = `/api/v1/namespaces/${namespace}/configmaps/${summaryName}`
    const runtimes = await until('a summary that names runc', async () => {
      const { body } = await kube.call('GET', summary)
      const { binaryData } = body as { binaryData?: { summary?: string } }
      const packed = Buffer.from(binaryData?.summary ?? '', 'base64')
      const all = decodeSummary(packed)?.runtimes ?? []
      return all.some(({ name }) => name === 'runc') ? all : undefined
    })
    // The node's own files, and who its first process is, may be kept from everybody here.
    const readable = await readlink('/proc/1/ns/mnt').then(
      () => true,
      () => false
    )
    t.match(
      runtimes.find(({ name }) => name === 'runc'),
      { version: readable ? /^\d+\.\d+/ : '' }
    )
  })

  await t.test('a webhook is deleted: every creation is decided', async (t) => {
    await until('a pod to be given the file', async () =>
      (await create()).patched ? true : undefined
    )
    const before = await readyPods(names.webhook, 2)
    const load = startCreations(20, create)
    t.teardown(() => load.end().then(() => undefined))
    const name = before[0]?.metadata.name ?? ''
    const deleted = await kubectl(['-n', namespace, 'delete', 'pod', name])
    t.equal(deleted.code, 0, deleted.stderr)
    await readyPods(names.webhook, 2)
    const { sent, failed, unpatched, seconds } = await load.end()
    t.comment(
      `${sent} creations in ${seconds.toFixed(1)} s: ${failed.length} failed, ${unpatched} unpatched`
    )
    t.same(failed.slice(0, 3), [])
    t.equal(unpatched, 0, cluster.failedOpen().join('; ') || 'each was patched')
  })

  await t.test('each hub is deleted: the other one writes, satellites come to it', async (t) => {
    const first = await readyPods(names.hub, 2)
    const load = startCreations(20, create)
    t.teardown(() => load.end().then(() => undefined))
    for (const { metadata } of first) {
      const holder = await lease()
      const at = Date.now()
      const deleted = await kubectl(['-n', namespace, 'delete', 'pod', metadata.name])
      t.equal(deleted.code, 0, deleted.stderr)
      t.comment(`${metadata.name} gone after ${Date.now() - at} ms`)
      const next = await until('a hub to have the lease', async () => {
        const now = await lease()
        return now !== '' && now !== metadata.name ? now : undefined
      })
      t.comment(`${holder} → ${next} after ${Date.now() - at} ms`)
      await readyPods(names.hub, 2)
    }
    const { sent, failed, unpatched, seconds } = await load.end()
    t.comment(
      `${sent} creations in ${seconds.toFixed(1)} s: ${failed.length} failed, ${unpatched} unpatched`
    )
    t.same(failed.slice(0, 3), [])
    t.equal(unpatched, 0, cluster.failedOpen().join('; ') || 'each was patched')
    // Learned and delivered by hubs that were not there before.
    const pods = await listPods(cluster, 'shop', 'secco.dev/learn')
    const at = Date.now()
    t.equal(await shop.ask(pods[0] as Pod, '/call/getsid'), 'getsid ok\n')
    await shop.observed('web.app', 'getsid')
    const earlier = path
    path = await shop.approve('web.app')
    t.not(path, earlier)
    t.comment(`learned, approved and delivered ${Date.now() - at} ms later`)
  })

  await t.test('all of it under profiles of our own, which denied nothing', async (t) => {
    if (measuring === undefined) {
      const central = confinedBy('secco', 'webhook')
      t.strictSame(await confinementOfOwnPods(cluster), [
        confinedBy('satellite', 'satellite'),
        ...[central, central, central, central]
      ])
    }
    const { satellite, webhook } = await own.seen()
    t.strictSame([...satellite.denied, ...webhook.denied], [])
    t.ok(webhook.containers >= 7, 'those that were deleted, too')
  })

  await t.test('every verb knows all nodes, whichever replica it reaches', async (t) => {
    await verbsOverTwoHubs(t, { cluster, shop, path }).catch(async (error: unknown) => {
      t.comment(await told())
      const hubs = await kubectl(['-n', namespace, 'get', 'lease,pods', '-o', 'wide'])
      throw new Error(`${(error as Error).message}\n${hubs.stdout}`, { cause: error })
    })
  })
})
