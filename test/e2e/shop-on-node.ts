import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { NodePrograms } from '../helpers/api-server-programs.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { saidByInstallation } from '../helpers/kubernetes/apply-install.js'
import { measuring } from '../helpers/kubernetes/measuring.js'
import { watchOwnPods } from '../helpers/kubernetes/own-pods.js'
import { containerIdOf, type Pod } from '../helpers/kubernetes/pods.js'
import { type RealCluster, startRealCluster } from '../helpers/kubernetes/real-cluster.js'
import { runSeccoInCluster, seccoImageName } from '../helpers/kubernetes/secco-in-cluster.js'
import { type SeccoInUse, testDeployment, useSecco } from '../helpers/kubernetes/secco-in-use.js'
import type { SeccoAtWork } from '../helpers/kubernetes/secco-on-host.js'
import { seccoImageArchive } from '../helpers/kubernetes/test-images.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

/** Shop is a real cluster of one node with Secco installed as its documents say, and a namespace to work in. */
export interface Shop {
  cluster: RealCluster
  secco: SeccoAtWork
  shop: SeccoInUse
  /** What the kernel saw of Secco's own pods. */
  own: Awaited<ReturnType<typeof watchOwnPods>>
}

const deployment = '/apis/apps/v1/namespaces/shop/deployments/web'
const attack = ['chroot', 'keyctl', 'unshare']

/** Starts a cluster, and Secco in it from its image; all of it ends with the test. */
export async function startShop(t: Test, programs: NodePrograms): Promise<Shop> {
  const say = (line: string): void => t.comment(line)
  const folder = await mkdtemp(join(tmpdir(), 'secco-image-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const images = [await seccoImageArchive(folder, seccoImageName)]
  const cluster = await startRealCluster({ programs, images, say })
  t.teardown(() => cluster.stop())
  const own = await watchOwnPods(cluster.node(), 'kubernetes')
  t.teardown(() => own.stop())
  const secco = await runSeccoInCluster(cluster, programs)
  t.teardown(() => secco.stop())
  t.teardown(async () => {
    if (!t.passing())
      t.comment(await saidByInstallation(kubectlOf(programs.kubectl, cluster.kubeconfig)))
  })
  return { cluster, secco, shop: await useSecco(cluster, 'shop', secco.state), own }
}

/** Creates the Deployment `web` with the label that learns; returns its pod once its calls are in its profile. */
export async function learnDeployment(t: Test, { cluster, shop }: Shop): Promise<Pod> {
  await shop.create('deployments', testDeployment('web', { 'secco.dev/learn': 'true' }))
  const [pod] = await shop.ready('app=web', 1)
  if (pod === undefined) throw new Error('no pod is ready')
  t.match(pod.spec.securityContext?.seccompProfile, { type: 'RuntimeDefault' })
  const before = await shop.observed('web.app', 'listen')
  t.notOk(before.includes('getsid'))
  t.equal(await shop.ask(pod, '/'), 'ok\n')
  t.equal(await shop.ask(pod, '/call/getsid'), 'getsid ok\n')
  const after = await shop.observed('web.app', 'getsid', 'shutdown')
  t.ok(after.length > before.length, `${before.length} → ${after.length} syscalls`)
  const workload = { kind: 'Deployment', name: 'web', container: 'app' }
  t.match((await shop.profile('web.app'))?.spec.workload, workload)
  const wide = await cluster.kubectl('get', 'seccompprofiles', '-n', 'shop', '-o', 'wide')
  t.match(wide, /web\.app/)
  t.comment(wide)
  return pod
}

/** Approves what was observed, and reads the revision's file on the node. */
export async function approveDeployment(t: Test, { cluster, shop }: Shop): Promise<void> {
  const node = cluster.node()
  const path = await shop.approve('web.app')
  const file = JSON.parse(await readFile(join(node.seccompRoot, path), 'utf8')) as object
  t.match(file, { defaultAction: 'SCMP_ACT_ERRNO' })
  t.comment(await shop.run('get', 'profiles', '-n', 'shop', '-o', 'wide'))
}

/** Rolls the Deployment out under its profile, attacks the new pod, and compares kernel, denials and verbs. */
export async function rollOut(t: Test, given: Shop, learning: Pod): Promise<void> {
  const { cluster, secco, shop } = given
  const node = cluster.node()
  const labels = { 'secco.dev/learn': null, 'secco.dev/profile': 'web.app' }
  await shop.patch(deployment, { spec: { template: { metadata: { labels } } } })
  const isNew = ({ metadata }: Pod): boolean => metadata.name !== learning.metadata.name
  const [pod] = await shop.ready('app=web', 1, isNew)
  if (pod === undefined) throw new Error('no pod is ready')
  const digest = (await shop.profile('web.app'))?.status?.revision?.replace('sha256:', '') ?? ''
  t.strictSame(pod.spec.containers[0]?.securityContext?.seccompProfile, {
    type: 'Localhost',
    localhostProfile: `secco/shop/web.app/${digest}.json`
  })
  const pid = await node.pidOf(containerIdOf(pod, 'app'))
  t.match(await readFile(`/proc/${pid}/status`, 'utf8'), /^Seccomp:\s+2\nSeccomp_filters:\s+1$/m)
  t.equal(await shop.ask(pod, '/'), 'ok\n')
  t.equal(await shop.ask(pod, '/call/getsid'), 'getsid ok\n')
  const denied = attack.map((name) => `${name} denied errno 1\n`).join('')
  t.equal(await shop.ask(pod, '/attack'), denied, 'none of it was learned')
  const own = containerIdOf(pod, 'app')
  for (const syscall of attack) {
    const denial = await until(`the denial of ${syscall}`, async () =>
      (await secco.denials()).find((one) => one.syscall === syscall && one.container === own)
    )
    const who = { pod: pod.metadata.name, containerName: 'app', profile: 'web.app' }
    t.match(denial, { ...who, namespace: 'shop', node: 'node-1', count: 1 }, syscall)
  }
  await readByVerbs(t, given, pod)
  // All that the pod did has been taken in when its end has.
  await shop.patch(deployment, { spec: { replicas: 0 } })
  // News that is no news to a profile is written more and more seldom.
  const ended = await until('the end of the attacked pod in the profile', async () => {
    const { status } = (await shop.profile('web.app')) ?? {}
    const all = status?.instances ?? []
    return all.length > 1 && all.every((one) => one.ended) ? status : undefined
  })
  const learned = Object.values(ended.observed ?? {}).flat()
  t.ok(learned.includes('getsid'))
  for (const syscall of attack) t.notOk(learned.includes(syscall), `${syscall} is not learned`)
}

/** What an administrator is told about the attacked pod, with a token and without. */
async function readByVerbs(t: Test, { cluster, secco }: Shop, pod: Pod): Promise<void> {
  const asMe = async (...args: string[]): Promise<string> => {
    const all = ['--kubeconfig', cluster.kubeconfig, ...args]
    const done = await runSecco(all, { env: { SECCO_TOKEN: secco.token } })
    t.equal(done.code, 0, done.stderr)
    return done.stdout
  }
  // Until its filter was read it is starting, for some seconds at most.
  const listed = await until('secco ps to know its filter', async () => {
    const { items } = JSON.parse(await asMe('ps', '-n', 'shop', '-o', 'json')) as {
      items: { pod: string; state: string; denials: number }[]
    }
    const own = items.find((one) => one.pod === pod.metadata.name)
    // Counts are taken in twice a second.
    return own?.state === 'starting' || (own?.denials ?? 0) < attack.length ? undefined : own
  })
  t.match(listed, { state: 'enforced', denials: attack.length }, 'secco ps through the API server')
  t.match(await asMe('denials', '-n', 'shop'), /keyctl/)
  t.match(await asMe('why-eperm', pod.metadata.name, '-n', 'shop'), /chroot|keyctl|unshare/)
  t.match(await asMe('explain', pod.metadata.name, '-n', 'shop'), /web\.app/)
  t.match(await asMe('get', 'nodes'), /node-1/)
  t.match(
    await runSecco(['--kubeconfig', cluster.kubeconfig, 'ps']),
    { code: 1, stderr: /accepts tokens.*has a certificate \(UNAUTHENTICATED\)\n {2}next: / },
    'the administrator of this cluster has a certificate'
  )
  t.match(
    await runSecco(['--kubeconfig', cluster.kubeconfig, '--as', 'ann', 'ps']),
    {
      code: 1,
      stderr: /cannot be asked as ann: a forwarded port.*\(UNAUTHENTICATED\)\n {2}next: install/
    },
    'a forwarded port of the hub does not know another user'
  )
}

/** RuntimeDefault and our own profiles have all that our pods need, and a denial of theirs is seen like any other. */
export async function ownPodsAreNotDenied(t: Test, { cluster, secco, own }: Shop): Promise<void> {
  for (const page of ['/', '/workloads', '/denials', '/api/v1/profiles', '/openapi.json']) {
    const headers = { authorization: `Bearer ${secco.token}` }
    const answer = await fetch(`${secco.ui}${page}`, { headers, redirect: 'manual' })
    t.ok(answer.status < 400, `${page}: ${answer.status}`)
  }
  const before = await own.seen()
  t.strictSame([...before.satellite.denied, ...before.webhook.denied], [])
  if (measuring !== undefined) return
  // Nothing of ours asks for it, and RuntimeDefault would let it through.
  const program = 'try { os.setPriority(5) } catch (error) { console.log(error.info.code) }'
  const exec = ['exec', '-n', 'secco-system', 'deploy/secco', '-c', 'secco', '--']
  const said = await cluster.kubectl(...exec, 'node', '-e', program)
  t.equal(said, 'EPERM\n')
  const denial = await until('the denial in our own namespace', async () =>
    (await secco.denials()).find(({ syscall }) => syscall === 'setpriority')
  )
  t.match(denial, { namespace: 'secco-system', containerName: 'secco', node: 'node-1' })
  const after = await until('the test to see it too', async () => {
    const { webhook } = await own.seen()
    return webhook.denied.length > 0 ? webhook.denied : undefined
  })
  t.match(after, [/^setpriority in secco-/])
}
