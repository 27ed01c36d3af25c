import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { ports } from '../../cli/install/names.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { podsAroundWebhook } from '../helpers/hostile-pods.js'
import type { Json, KubeResponse } from '../helpers/kube.js'
import { asAdministrator } from '../helpers/kubernetes/administrator-token.js'
import {
  containerIdOf,
  isReady,
  listPods,
  type Pod,
  seccompOf,
  testContainer,
  testPod,
  untilPod
} from '../helpers/kubernetes/pods.js'
import {
  type RealCluster,
  startRealCluster,
  whyNoNode
} from '../helpers/kubernetes/real-cluster.js'
import { runSeccoInCluster, seccoImageName } from '../helpers/kubernetes/secco-in-cluster.js'
import { type SeccoInUse, useSecco } from '../helpers/kubernetes/secco-in-use.js'
import type { SeccoAtWork } from '../helpers/kubernetes/secco-on-host.js'
import { seccoImageArchive, testImage } from '../helpers/kubernetes/test-images.js'
import { testRule } from '../helpers/rules.js'
import { rulesPath } from '../helpers/shipped-cluster.js'
import { until } from '../helpers/until.js'
import { askWithoutCertificate, makeWebhookClient } from '../helpers/webhook-client.js'
import { approvedPart } from './truth-on-node.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
const deployment = '/apis/apps/v1/namespaces/secco-system/deployments/secco'
const noFilter =
  /rule secco-system\/web enforces a profile, but there is no seccomp filter on container app/
const web = { app: 'web' }
const runtimeDefault = { type: 'RuntimeDefault' }

interface Strict {
  cluster: RealCluster
  secco: SeccoAtWork
  shop: SeccoInUse
}

const podOf = (name: string, labels: Json = web, container: Json = {}): Json =>
  testPod({ name, labels }, [testContainer('app', undefined, container)])

const creating =
  ({ cluster }: Strict, namespace = 'shop') =>
  (pod: Json, query = ''): Promise<KubeResponse> =>
    cluster.kube.call('POST', `/api/v1/namespaces/${namespace}/pods${query}`, pod)

async function satelliteOf({ cluster }: Strict): Promise<Pod> {
  const [pod] = await listPods(cluster, 'secco-system', 'secco.dev/role-satellite')
  if (pod === undefined) throw new Error('no satellite')
  return pod
}

/** @returns the pod that enforces, and the path of its revision. */
async function learnAndEnforce(t: Test, strict: Strict): Promise<{ pod: Pod; path: string }> {
  const { cluster, secco, shop } = strict
  await shop.create('pods', podOf('web', { 'secco.dev/learn': 'true' }))
  const learning = await untilPod(cluster, 'shop', 'web')
  t.equal(await shop.ask(learning, '/'), 'ok\n')
  await shop.observed('web.app', 'listen', 'shutdown')
  const path = await shop.approve('web.app')
  const profile = { namespace: 'shop', name: 'web.app' }
  const rule = testRule('web', { podSelector: { matchLabels: web }, profile })
  await cluster.kube.do('POST', rulesPath, rule)
  await shop.given(podOf('enforced'), path)
  await shop.create('pods', podOf('enforced'))
  const pod = await untilPod(cluster, 'shop', 'enforced')
  t.strictSame(seccompOf(pod), { type: 'Localhost', localhostProfile: path })
  const pid = await cluster.node().pidOf(containerIdOf(pod, 'app'))
  t.match(await readFile(`/proc/${pid}/status`, 'utf8'), /^Seccomp:\s+2\nSeccomp_filters:\s+1$/m)
  t.equal(await shop.ask(pod, '/'), 'ok\n')
  t.match(await shop.ask(pod, '/attack'), /^unshare denied errno 1$/m)
  const own = containerIdOf(pod, 'app')
  const denial = await until('the denial', async () =>
    (await secco.denials()).find(
      ({ syscall, container }) => syscall === 'unshare' && container === own
    )
  )
  t.match(denial, { namespace: 'shop', pod: 'enforced', containerName: 'app' })
  return { pod, path }
}

/** The satellite has no socket of containerd, and says of its node what it says with one. */
async function withoutSocket(t: Test, strict: Strict): Promise<void> {
  const { cluster } = strict
  const node = cluster.node()
  const pid = await node.pidOf(containerIdOf(await satelliteOf(strict), 'satellite'))
  const seen = `/proc/${pid}/root/run/containerd`
  t.ok(existsSync(node.containerdSocket), 'the node has one')
  t.same(readdirSync(seen).sort(), ['io.containerd.runtime.v2.task', 'runc'])
  const wanted = ['-maxdepth', '4', '(', '-type', 's', '-o', '-name', 'state.json', ')']
  const { stdout: listed } = spawnSync('find', [seen, ...wanted], { encoding: 'utf8' })
  const files = listed.split('\n').filter((file) => file !== '')
  t.ok(files.length > 2, 'states of runc')
  t.same(
    files.filter((file) => !file.endsWith('/state.json')),
    [],
    'no socket, of shims neither'
  )
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ')
  t.match(words, '--containerd-socket off')
  const view = await until('secco ps to have read the filter', async () => {
    const { stdout } = await asAdministrator(strict, 'ps', '-n', 'shop', '-o', 'json')
    const { items } = JSON.parse(stdout) as { items: ContainerView[] }
    return items.find(({ pod, state }) => pod === 'enforced' && state === 'enforced')
  })
  t.match(view, { namespace: 'shop', name: 'app', image: testImage, node: 'node-1' })
  const { stdout } = await asAdministrator(strict, 'get', 'nodes', '-o', 'json')
  t.match(stdout, /"runtimes": "runc/, 'containerd is not asked for its version, and runc is known')
}

/** What RuntimeDefault denies reaches no node, whoever approves it. */
async function aboveRuntimeDefault(t: Test, { cluster, shop }: Strict): Promise<void> {
  const needs = approvedPart(await shop.profile('web.app'))
  const mount = { names: ['mount'], action: 'SCMP_ACT_ALLOW' as const }
  await shop.create('seccompprofiles', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'wide' } },
    spec: {
      workload: { kind: 'Pod', name: 'wide', container: 'app' },
      seccomp: { ...needs, syscalls: [...(needs.syscalls ?? []), mount] }
    }
  })
  const ready = await until('the node to reject the revision', async () => {
    const { status } = (await shop.profile('wide')) ?? {}
    return status?.conditions?.find(({ reason }) => reason === 'NodeReportsError')
  })
  t.match(ready, {
    ...{ type: 'Ready', status: 'False' },
    message: /^node-1: shop\/wide: allows mount, which RuntimeDefault denies \(WEAKER_THAN_FLOOR\)/
  })
  const written = readdirSync(join(cluster.node().seccompRoot, 'secco/shop'))
  t.same(
    written.filter((name) => name === 'wide'),
    []
  )
  await shop.create('pods', podOf('narrow', { 'secco.dev/profile': 'wide' }))
  const pod = await untilPod(cluster, 'shop', 'narrow')
  t.strictSame(seccompOf(pod), runtimeDefault)
}

/** Nobody asks the webhook any more: what it would have decided is held by the API server alone. */
async function configurationDeleted(t: Test, strict: Strict, path: string): Promise<void> {
  const { kube } = strict.cluster
  const create = creating(strict)
  const { metadata, ...rest } = await kube.do('GET', `${configurations}/secco`)
  await kube.do('DELETE', `${configurations}/secco`)
  await until('the webhook not to be asked', async () =>
    (await create(podOf('probe'), '?dryRun=All')).status === 403 ? true : undefined
  )
  const many = Array.from({ length: 257 }, (_, at) => ({ name: `c${at}`, image: 'i' }))
  const localhost = { seccompProfile: { type: 'Localhost', localhostProfile: path } }
  const table: [what: string, pod: Json, problem: RegExp][] = [
    ...podsAroundWebhook.map(([what, pod]): [string, Json, RegExp] => [what, pod, noFilter]),
    [
      '257 containers',
      { ...podOf('many'), spec: { containers: many } },
      /rule secco-system\/web selects this pod, and it has more than 256 containers/
    ],
    ['opting out', podOf('ignoring', { ...web, 'secco.dev/ignore': 'true' }), noFilter],
    [
      'a path by hand',
      podOf('forged', web, { securityContext: localhost }),
      /'secco-paths\.secco\.dev'.* container app points below secco\/ by hand.* a rule in the root/
    ],
    [
      '… without a rule',
      podOf('forged', {}, { securityContext: localhost }),
      /'secco-paths\.secco\.dev'.* container app points below secco\/ by hand/
    ]
  ]
  for (const [what, pod, problem] of table) {
    const { status, body } = await create(pod)
    t.equal(status, 403, what)
    t.match(body['message'], problem, what)
  }
  t.equal((await create(podOf('free', {}))).status, 201, 'a pod that nothing selects')
  const stored = (await listPods(strict.cluster, 'shop', '')).map(({ metadata: { name } }) => name)
  t.same(stored.sort(), ['enforced', 'free', 'narrow', 'web'], 'none of them is stored')
  const { labels } = metadata as { labels: Json }
  await kube.do('POST', configurations, { ...rest, metadata: { name: 'secco', labels } })
}

/** No replica answers: what is excluded starts, nothing else does, and Secco comes back by itself. */
async function noReplica(t: Test, strict: Strict, enforced: Pod, path: string): Promise<void> {
  const { cluster, shop } = strict
  const create = creating(strict)
  const dryRun = '?dryRun=All'
  await shop.patch(deployment, { spec: { replicas: 0 } })
  const away = await until('no replica to answer', async () => {
    const answer = await create(podOf('late'), dryRun).catch(() => undefined)
    return answer?.status === 500 ? answer : undefined
  })
  t.match(away.body['message'], /failed calling webhook "pods\.secco\.dev"/)
  t.equal((await create(podOf('free-too', {}))).status, 500, 'whatever selects it')
  for (const namespace of ['kube-system', 'kube-node-lease']) {
    t.equal((await creating(strict, namespace)(podOf('excluded'))).status, 201, namespace)
    await untilPod(cluster, namespace, 'excluded')
  }
  const { metadata } = await satelliteOf(strict)
  await cluster.kubectl('-n', 'secco-system', 'delete', 'pod', metadata.name, '--wait=false')
  t.equal(await shop.ask(enforced, '/'), 'ok\n', 'what runs goes on')
  await shop.patch(deployment, { spec: { replicas: 2 } })
  await until(
    'another satellite, and a connection to the hub',
    async () => {
      const pods = await listPods(cluster, 'secco-system', 'secco.dev/role-satellite')
      const fresh = pods.find((pod) => pod.metadata.name !== metadata.name)
      return fresh !== undefined && isReady(fresh) ? true : undefined
    },
    { timeoutMs: 180_000 }
  )
  await until(
    'a replica to answer',
    async () => {
      const { status, body } = await create(podOf('again'), dryRun)
      return status === 201 && JSON.stringify(body).includes(path) ? true : undefined
    },
    { timeoutMs: 180_000 }
  )
  await shop.create('pods', podOf('again'))
  await untilPod(cluster, 'shop', 'again')
}

test('secco install --strict, on a real node', { skip, timeout: 900_000 }, async (t) => {
  if (found.programs === undefined) return
  const say = (line: string): void => t.comment(line)
  const folder = await mkdtemp(join(tmpdir(), 'secco-strict-node-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { authority, apiServerFlags } = makeWebhookClient(folder)
  const images = [await seccoImageArchive(folder, seccoImageName)]
  const { programs } = found
  const cluster = await startRealCluster({ programs, images, apiServerFlags, say })
  t.teardown(() => cluster.stop())
  const install = ['--strict', '--client-ca', authority, '--containerd', 'off']
  const secco = await runSeccoInCluster(cluster, programs, { install })
  t.teardown(() => secco.stop())
  const strict = { cluster, secco, shop: await useSecco(cluster, 'shop', secco.state) }
  let enforced: { pod: Pod; path: string } | undefined

  await t.test('learn, approve, enforce', async (t) => {
    enforced = await learnAndEnforce(t, strict)
  })
  if (enforced === undefined) throw new Error('nothing is enforced')
  const { pod, path } = enforced
  await t.test('the satellite has no socket of containerd', (t) => withoutSocket(t, strict))
  await t.test('only the API server is answered', async (t) => {
    const [central] = await listPods(cluster, 'secco-system', 'secco.dev/role-central')
    const webhook = { host: central?.status.podIP ?? '', port: ports.webhook }
    t.equal(await askWithoutCertificate(webhook, '/mutate'), 401)
    t.equal(await askWithoutCertificate(webhook, '/readyz'), 200)
  })
  await t.test('no revision above RuntimeDefault', (t) => aboveRuntimeDefault(t, strict))
  await t.test('the configuration of the webhook is deleted', (t) =>
    configurationDeleted(t, strict, path)
  )
  await t.test('no replica of the webhook', (t) => noReplica(t, strict, pod, path))
})
