import type { Test } from 'tap'
import { names, namespace } from '../../cli/install/names.js'
import type { Radius } from '../../webhook/confinement/what-if/radius.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import type { Explained } from '../../webhook/confinement/explain.js'
import type { NodeView } from '../../webhook/views/view.js'
import { administratorToken } from '../helpers/kubernetes/administrator-token.js'
import {
  containerIdOf,
  listPods,
  testContainer,
  testPod,
  untilPod
} from '../helpers/kubernetes/pods.js'
import type { RealCluster } from '../helpers/kubernetes/real-cluster.js'
import type { SeccoInUse } from '../helpers/kubernetes/secco-in-use.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

const patience = { timeoutMs: 120_000, everyMs: 300 }

interface Listed<Item> {
  items: Item[]
}

/** Returns the name of the pod that has the active hub. */
async function activeHub({ kube }: RealCluster): Promise<string> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${names.hub}`
  const { spec } = (await kube.do('GET', path)) as { spec: { holderIdentity?: string } }
  return (spec.holderIdentity ?? '').replace(/_[^_]*$/, '')
}

/** Lets a stopped process go on, unless the kubelet has replaced it: it answered no probe. */
function goOn(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Every verb is about all nodes, whichever replica it reaches, and also after the active hub stood still. */
export async function verbsOverTwoHubs(
  t: Test,
  { cluster, shop, path }: { cluster: RealCluster; shop: SeccoInUse; path: string }
): Promise<void> {
  const { kube } = cluster
  const token = await administratorToken(cluster)
  const asMe = (...args: string[]) =>
    runSecco(['--kubeconfig', cluster.kubeconfig, ...args], { env: { SECCO_TOKEN: token } })
  const json = async <Answer>(...args: string[]): Promise<Answer> => {
    const done = await asMe(...args, '-o', 'json')
    if (done.code !== 0) throw new Error(`secco ${args.join(' ')}: ${done.stderr}`)
    return JSON.parse(done.stdout) as Answer
  }
  await cluster.addNode({ name: 'node-2' })

  const podOn = (name: string, node: string) =>
    testPod({ name, labels: { 'secco.dev/profile': 'web.app' } }, [testContainer('app')], {
      nodeSelector: { 'kubernetes.io/hostname': node }
    })
  await until(
    'node-2 to have the file',
    async () => {
      const where = '/api/v1/namespaces/shop/pods?dryRun=All'
      const { body } = await kube.call('POST', where, podOn('tried', 'node-2'))
      return JSON.stringify(body).includes(path) ? true : undefined
    },
    patience
  )
  await shop.create('pods', podOn('one', 'node-1'))
  await shop.create('pods', podOn('two', 'node-2'))
  const pods = [await untilPod(cluster, 'shop', 'one'), await untilPod(cluster, 'shop', 'two')]

  const followed = spawnSecco(
    ['--kubeconfig', cluster.kubeconfig, 'denials', '-n', 'shop', '-f', '-o', 'json'],
    { SECCO_TOKEN: token }
  )
  let told = ''
  followed.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()))
  t.teardown(() => void followed.kill('SIGINT'))
  const psOf = async (): Promise<Listed<ContainerView>> => json('ps', '-n', 'shop')
  const isOurs = ({ pod }: { pod: string }): boolean => pod === 'one' || pod === 'two'
  const placesOf = ({ items }: Listed<ContainerView>): string[] =>
    items.filter(isOurs).map(({ pod, node, state }) => `${pod} ${node} ${state}`)
  await until(
    'secco ps to show the containers of both nodes',
    async () => {
      const now = placesOf(await psOf()).join()
      return now === 'one node-1 enforced,two node-2 enforced' ? true : undefined
    },
    patience
  )
  const nodes = await json<Listed<NodeView>>('get', 'nodes')
  t.strictSame(
    nodes.items.map(({ name, connected }) => `${name} ${connected}`),
    ['node-1 true', 'node-2 true']
  )

  /** Counts of `chroot` by pod. */
  const denialsOf = async (): Promise<Record<string, number>> => {
    const { items } = await json<Listed<DenialView>>('denials', '-n', 'shop')
    const counts: Record<string, number> = {}
    for (const { pod, syscall, count } of items) {
      if (syscall === 'chroot' && isOurs({ pod })) counts[pod] = (counts[pod] ?? 0) + count
    }
    return counts
  }
  const counted = (one: number, two: number) =>
    until(
      `chroot of both pods, ${one} and ${two} times`,
      async () => {
        const now = await denialsOf()
        return (now['one'] ?? 0) >= one && (now['two'] ?? 0) >= two ? now : undefined
      },
      patience
    )
  for (const pod of pods) await shop.ask(pod, '/attack')
  t.strictSame(await counted(1, 1), { one: 1, two: 1 })
  const followedOf = (pod: string): number =>
    told
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as DenialView & { added: number }]))
      .filter((one) => one.pod === pod && one.syscall === 'chroot')
      .reduce((sum, { added }) => sum + added, 0)
  await until('denials -f of both nodes', () =>
    followedOf('one') === 1 && followedOf('two') === 1 ? true : undefined
  )
  for (const [pod, node] of [
    ['one', 'node-1'],
    ['two', 'node-2']
  ] as const) {
    const explained = await json<Explained>('explain', pod, '-n', 'shop')
    t.match(explained, { container: { node }, nodes: { ready: 2, total: 2, missing: [] } }, pod)
    t.match((await asMe('why-eperm', pod, '-n', 'shop')).stdout, /chroot/, pod)
  }
  const radius = await json<Radius>('simulate', '-n', 'shop', '--deny', 'listen')
  t.strictSame(
    radius.containers
      .filter(isOurs)
      .map(({ pod }) => pod)
      .sort(),
    ['one', 'two'],
    'both would have been denied it'
  )
  const block = await asMe('block', 'listen', '--dry-run', '--force')
  t.equal(block.code, 0, block.stderr)
  t.match(block.stdout, /node-1[^]*node-2|node-2[^]*node-1/, 'block --dry-run')

  // The active hub stands still, as on a node without power: the other one takes over, and every verb is whole.
  const hubs = await listPods(cluster, namespace, `app.kubernetes.io/instance=${names.hub}`)
  const active = await activeHub(cluster)
  const still = hubs.find(({ metadata }) => metadata.name === active)
  if (still === undefined) throw new Error('there is no active hub')
  const pid = await cluster.node(still.spec.nodeName).pidOf(containerIdOf(still, 'secco'))
  process.kill(pid, 'SIGSTOP')
  try {
    const at = Date.now()
    await until(
      'another hub to be active',
      async () => ((await activeHub(cluster)) === active ? undefined : true),
      patience
    )
    t.comment(`another hub is active after ${Date.now() - at} ms`)
    await until(
      'secco ps to show the containers of both nodes',
      async () => {
        const done = await asMe('ps', '-n', 'shop', '-o', 'json')
        if (done.code !== 0) return undefined
        const now = placesOf(JSON.parse(done.stdout) as Listed<ContainerView>).join()
        return now === 'one node-1 enforced,two node-2 enforced' ? true : undefined
      },
      patience
    )
    t.comment(`all of it is known after ${Date.now() - at} ms`)
    await shop.ask(pods[1] as (typeof pods)[number], '/attack')
    t.strictSame(await counted(1, 2), { one: 1, two: 2 }, 'counted once, not by both hubs')
  } finally {
    goOn(pid)
  }
  const after = await json<Radius>('simulate', '-n', 'shop', '--deny', 'listen')
  t.equal(after.considered, radius.considered, 'and simulated once')
}
