import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import type { Json } from '../helpers/kube.js'
import {
  containerIdOf,
  isReady,
  listPods,
  type Pod,
  testContainer,
  testPod
} from '../helpers/kubernetes/pods.js'
import { startRealCluster, whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { runSeccoOnHost } from '../helpers/kubernetes/secco-on-host.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false
const deployments = '/apis/apps/v1/namespaces/shop/deployments'
const merge = { contentType: 'application/merge-patch+json' }

function deployment(name: string, labels: Record<string, string>, replicas = 1): Json {
  const app = { app: name }
  const { spec } = testPod({}, [testContainer('app')]) as { spec: Json }
  return {
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: app },
      template: { metadata: { labels: { ...app, ...labels } }, spec }
    }
  }
}

test('from a labelled Deployment to an enforced filter, on a real node', {
  skip,
  timeout: 300_000
}, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startRealCluster({
    programs: found.programs,
    say: (line) => t.comment(line)
  })
  t.teardown(() => cluster.stop())
  const secco = await runSeccoOnHost(cluster)
  t.teardown(() => secco.stop())
  const node = cluster.node()
  await cluster.kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const run = async (...args: string[]): Promise<string> => {
    const done = await runSecco([
      '--state',
      secco.state,
      '--kubeconfig',
      cluster.kubeconfig,
      ...args
    ])
    if (done.code !== 0) throw new Error(`secco ${args.join(' ')}: ${done.stderr}`)
    return done.stdout
  }
  const profileOf = async (name: string): Promise<SeccompProfile | undefined> => {
    const path = `/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles/${name}`
    const answer = await cluster.kube.call('GET', path)
    return answer.status === 200 ? (answer.body as unknown as SeccompProfile) : undefined
  }
  const readyPods = (count: number, wanted: (pod: Pod) => boolean = () => true): Promise<Pod[]> =>
    until(
      `${count} pods to be ready`,
      async () => {
        const pods = await listPods(cluster, 'shop', 'app=web')
        return pods.length === count && pods.every((pod) => isReady(pod) && wanted(pod))
          ? pods
          : undefined
      },
      { timeoutMs: 60_000, everyMs: 100 }
    )
  const ask = async (pod: Pod, path: string): Promise<string> =>
    await (await fetch(`http://${pod.status.podIP ?? ''}:8080${path}`)).text()
  let learning: Pod | undefined

  await t.test('learn: the pod runs under RuntimeDefault and its profile grows', async (t) => {
    await cluster.kube.do('POST', deployments, deployment('web', { 'secco.dev/learn': 'true' }))
    const [pod] = await readyPods(1)
    if (pod === undefined) return
    learning = pod
    t.match(pod.spec.securityContext?.seccompProfile, { type: 'RuntimeDefault' })
    await until('the start to be observed', async () => {
      const names = (await profileOf('web.app'))?.status?.observed?.x86_64 ?? []
      return names.includes('listen') ? true : undefined
    })
    const before = (await profileOf('web.app'))?.status?.observed?.x86_64 ?? []
    t.notOk(before.includes('getsid'))
    t.equal(await ask(pod, '/'), 'ok\n')
    t.equal(await ask(pod, '/call/getsid'), 'getsid ok\n')
    const after = await until('the traffic to be observed', async () => {
      const names = (await profileOf('web.app'))?.status?.observed?.x86_64 ?? []
      return names.includes('getsid') && names.includes('shutdown') ? names : undefined
    })
    t.ok(after.length > before.length, `${before.length} → ${after.length} syscalls`)
    t.match((await profileOf('web.app'))?.spec.workload, {
      kind: 'Deployment',
      name: 'web',
      container: 'app'
    })
    const wide = await cluster.kubectl('get', 'seccompprofiles', '-n', 'shop', '-o', 'wide')
    t.match(wide, /web\.app/)
    t.comment(wide)
  })

  await t.test('approve: every node has the file', async (t) => {
    await run('profile', 'approve', 'web.app', '-n', 'shop', '--reason', 'e2e')
    const profile = await until('nodes 1/1', async () => {
      const one = await profileOf('web.app')
      return one?.status?.nodes?.ready === 1 && one.status.nodes.total === 1 ? one : undefined
    })
    const digest = profile.status?.revision?.replace('sha256:', '') ?? ''
    const file = join(node.seccompRoot, 'secco/shop/web.app', `${digest}.json`)
    t.match(JSON.parse(await readFile(file, 'utf8')), { defaultAction: 'SCMP_ACT_ERRNO' })
    t.comment(await run('get', 'profiles', '-n', 'shop', '-o', 'wide'))
  })

  await t.test(
    'roll out: the filter is ours, it serves, an attack is refused and seen',
    async (t) => {
      const labels = { 'secco.dev/learn': null, 'secco.dev/profile': 'web.app' }
      const patch = { spec: { template: { metadata: { labels } } } }
      await cluster.kube.do('PATCH', `${deployments}/web`, patch, merge)
      const [pod] = await readyPods(1, ({ metadata }) => metadata.name !== learning?.metadata.name)
      if (pod === undefined) return
      const profile = await profileOf('web.app')
      const digest = profile?.status?.revision?.replace('sha256:', '') ?? ''
      t.strictSame(pod.spec.containers[0]?.securityContext?.seccompProfile, {
        type: 'Localhost',
        localhostProfile: `secco/shop/web.app/${digest}.json`
      })
      const pid = await node.pidOf(containerIdOf(pod, 'app'))
      t.match(
        await readFile(`/proc/${pid}/status`, 'utf8'),
        /^Seccomp:\s+2\nSeccomp_filters:\s+1$/m
      )
      t.equal(await ask(pod, '/'), 'ok\n')
      t.equal(await ask(pod, '/call/getsid'), 'getsid ok\n')
      const attack = ['chroot', 'keyctl', 'unshare']
      t.equal(
        await ask(pod, '/attack'),
        attack.map((name) => `${name} refused errno 1\n`).join(''),
        'none of it was learned'
      )
      for (const syscall of attack) {
        const denial = await until(`the denial of ${syscall}`, async () =>
          (await secco.denials()).find(
            (one) => one.syscall === syscall && one.container === containerIdOf(pod, 'app')
          )
        )
        t.match(denial, { namespace: 'shop', node: 'node-1', count: 1 }, syscall)
      }
    }
  )
})
