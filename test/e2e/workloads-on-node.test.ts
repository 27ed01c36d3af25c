import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { accountToken } from '../helpers/account-token.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { kubeconfigOf } from '../helpers/cluster.js'
import type { Json } from '../helpers/kube.js'
import { startHubApiInCluster } from '../helpers/kubernetes/hub-api-in-cluster.js'
import { type RealCluster, whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { isNightly } from '../helpers/fuzz.js'
import { allow, attack } from './journey/attack-and-allow.js'
import { approve, enforce, learn, mistakes } from './journey/learn-and-enforce.js'
import { typeSaidByObjects } from './journey/said-by-objects.js'
import { TypingPerson } from './journey/typing-person.js'
import type { Way } from './journey/way.js'
import { workloads } from './journey/workloads.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

/** The steps of everybody's way, each on what the one before it left. */
const steps: readonly [string, (way: Way) => Promise<void>][] = [
  ['learn', learn],
  ['mistakes', mistakes],
  ['approve in bulk', approve],
  ['roll: everything is enforced', enforce],
  ['attack', attack],
  ['allow by the printed command, roll, closed', allow]
]

interface Ground {
  cluster: RealCluster
  kubectl: string
  folder: string
}

/** Goes the whole way in a namespace of its own that Pod Security restricts. */
async function go(
  t: Test,
  { cluster, kubectl, folder }: Ground,
  {
    namespace,
    kubeconfig,
    workloads
  }: Pick<Way, 'namespace' | 'workloads'> & { kubeconfig: string }
): Promise<void> {
  const administrator = cluster.kubeconfig
  const hands = { folder: join(folder, namespace), kubectl, kubeconfig, administrator }
  const person = await TypingPerson.sitDown(t, hands)
  const done = new Set<string>()
  for (const [what, step] of steps) {
    // An administrator may list everything: it is the others whose next steps must stay within their namespace.
    if (step === mistakes && kubeconfig === administrator) continue
    await t.test(what, async (t) => {
      const began = Date.now()
      person.t = t
      const way = { t, person, cluster, namespace, workloads }
      await step(way)
      const read = await typeSaidByObjects(way, done)
      t.ok(read > 0, `${read} texts of conditions and events`)
      t.comment(`${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`)
    })
  }
  t.comment(['printed by conditions and events:', ...done].join('\n  '))
  t.comment(['followed as printed:', ...person.followed].join('\n  '))
}

async function makeNamespace({ kube }: RealCluster, name: string): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  await kube.do('POST', '/api/v1/namespaces', { metadata: { name, labels } })
}

const rbac = '/apis/rbac.authorization.k8s.io/v1'

/** Gives somebody the roles of Kubernetes' editors and of Secco's operators in one namespace, and in no other. */
async function giveRoles({ kube }: RealCluster, namespace: string, subject: Json): Promise<void> {
  for (const name of ['edit', 'secco-operator']) {
    await kube.do('POST', `${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [subject]
    })
  }
}

/** People with rights in one namespace, and how each proves who it is. */
const people: readonly [
  string,
  (cluster: RealCluster, namespace: string, folder: string) => Promise<string>
][] = [
  [
    'certificate',
    async (cluster, namespace) => {
      const person = { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'cora' }
      await giveRoles(cluster, namespace, person)
      return await cluster.certificateFor('cora')
    }
  ],
  [
    'token',
    async (cluster, namespace, folder) => {
      const metadata = { name: 'tom', namespace }
      await cluster.kube.do('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata })
      await giveRoles(cluster, namespace, { kind: 'ServiceAccount', ...metadata })
      const token = await accountToken(cluster.kube, namespace, 'tom')
      const path = join(folder, 'tom.kubeconfig')
      await writeFile(path, kubeconfigOf(cluster.url, cluster.caPem, token), { mode: 0o600 })
      return path
    }
  ]
]

test('workloads that nobody prepared, on a real node', { skip, timeout: 1_200_000 }, async (t) => {
  const { programs } = found
  if (programs === undefined) return
  const { cluster, folder } = await startHubApiInCluster(t, programs)
  const ground = { cluster, kubectl: programs.kubectl, folder }

  await t.test('by an administrator, with every kind of workload', async (t) => {
    await makeNamespace(cluster, 'shop')
    await go(t, ground, { namespace: 'shop', kubeconfig: cluster.kubeconfig, workloads })
  })

  await t.test('by people with rights in one namespace', { jobs: 2 }, async (t) => {
    const one = workloads.filter(({ kind }) => kind === 'Deployment')
    await Promise.all(
      // One of them is enough for a usual run: both take minutes of two cores.
      people.slice(isNightly ? 0 : 1).map(([what, prepare]) =>
        t.test(`with a ${what}`, { buffered: true }, async (t) => {
          await makeNamespace(cluster, what)
          const kubeconfig = await prepare(cluster, what, folder)
          await go(t, ground, { namespace: what, kubeconfig, workloads: one })
        })
      )
    )
  })
})
