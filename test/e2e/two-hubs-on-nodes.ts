import type { Test } from 'tap'
import { names, namespace } from '../../cli/install/names.js'
import type { MissingHub } from '../../cli/lib/missing-hubs.js'
import type { Radius } from '../../webhook/confinement/what-if/blast-radius.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import type { Explained } from '../../webhook/confinement/explain.js'
import type { NodeView } from '../../webhook/views/view.js'
import { decodeSummary } from '../../webhook/cluster/replicas/hub-summary.js'
import { summaryLabel } from '../../webhook/cluster/replicas/summary-publisher.js'
import { administratorToken } from '../helpers/kubernetes/administrator-token.js'
import {
  containerIdOf,
  isReady,
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
const satelliteLabel = 'secco.dev/role-satellite'

interface Listed<Item> {
  items: Item[]
  incomplete?: MissingHub[]
}

/** By node, which hub it is connected to, as the hubs tell each other. */
async function hubsOfNodes({ kube }: RealCluster): Promise<Map<string, string>> {
  const path = `/api/v1/namespaces/${namespace}/configmaps?labelSelector=${summaryLabel}`
  const { items } = (await kube.do('GET', path)) as {
    items: {
      metadata: { name: string }
      data?: { ended?: string }
      binaryData?: { summary?: string }
    }[]
  }
  const there = new Map<string, string>()
  for (const { metadata, data, binaryData } of items) {
    if (data?.ended === 'true') continue
    const summary = decodeSummary(Buffer.from(binaryData?.summary ?? '', 'base64'))
    for (const node of summary?.connected ?? []) there.set(node, metadata.name)
  }
  return there
}

/** Ends the satellite of a node until its next one speaks to a hub that is right. */
async function redial(
  cluster: RealCluster,
  node: string,
  isRight: (hubs: ReadonlyMap<string, string>) => boolean
): Promise<void> {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const hubs = await until(
      `${node} to be connected`,
      async () => {
        const now = await hubsOfNodes(cluster)
        return now.has(node) ? now : undefined
      },
      patience
    )
    if (isRight(hubs)) return
    const [before] = (await listPods(cluster, namespace, satelliteLabel)).filter(
      ({ spec }) => spec.nodeName === node
    )
    await cluster.kubectl('-n', namespace, 'delete', 'pod', before?.metadata.name ?? '')
    await until(
      `another satellite on ${node}`,
      async () => {
        const pods = await listPods(cluster, namespace, satelliteLabel)
        const own = pods.find(({ spec }) => spec.nodeName === node)
        return own !== undefined && isReady(own) && own.metadata.name !== before?.metadata.name
          ? true
          : undefined
      },
      patience
    )
  }
  throw new Error(`the satellite of ${node} never dialled the hub that it should`)
}

/** Every verb is about all nodes, although each hub knows half of them; and says when a hub is away. */
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
  await redial(cluster, 'node-2', (hubs) => hubs.get('node-1') !== hubs.get('node-2'))

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
  t.equal((await psOf()).incomplete, undefined)
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

  // The satellite goes to the hub of the other, to which it reports everything again; the old one keeps running.
  await redial(cluster, 'node-2', (hubs) => hubs.get('node-1') === hubs.get('node-2'))
  await shop.ask(pods[1] as (typeof pods)[number], '/attack')
  t.strictSame(await counted(1, 2), { one: 1, two: 2 }, 'counted once, not by both hubs')
  await until('denials -f to tell it', () => followedOf('two') === 2 || undefined, patience)
  await until(
    'each container once',
    async () =>
      placesOf(await psOf()).join() === 'one node-1 enforced,two node-2 enforced' || undefined,
    patience
  )
  const after = await json<Radius>('simulate', '-n', 'shop', '--deny', 'listen')
  t.equal(after.considered, radius.considered, 'and simulated once')

  // A hub that stands still: said, and the answer of the other one given.
  const idle = (await hubsOfNodes(cluster)).get('node-1') ?? ''
  const hubs = await listPods(cluster, namespace, `app.kubernetes.io/instance=${names.hub}`)
  const still = hubs.find(({ metadata }) => `secco-hub-${metadata.name}` !== idle)
  if (still === undefined) throw new Error('there is no other hub')
  const pid = await cluster.node(still.spec.nodeName).pidOf(containerIdOf(still, 'secco'))
  process.kill(pid, 'SIGSTOP')
  try {
    const partial = await until(
      'its pod not to be ready',
      async () => {
        const done = await asMe('ps', '-n', 'shop', '-o', 'json')
        return done.stdout.includes('"incomplete"') ? done : undefined
      },
      patience
    )
    t.equal(partial.code, 0)
    const listed = JSON.parse(partial.stdout) as Listed<ContainerView>
    t.match(listed.incomplete, [{ hub: still.metadata.name, code: 'UNAVAILABLE', next: /\w/ }])
    t.match(partial.stderr, /^warning: hub \S+ and its satellites are missing: .*; next: .*\n$/)
    t.comment(partial.stderr)
    t.strictSame(placesOf(listed), ['one node-1 enforced', 'two node-2 enforced'])
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}
