import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import type { OnNode } from '../helpers/kubernetes/on-node.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { Json } from '../helpers/kube.js'
import { kubectlOf } from '../helpers/kubectl.js'
import {
  containerIdOf,
  listPods,
  type Pod,
  testContainer,
  testPod,
  untilPod,
  seccompOf
} from '../helpers/kubernetes/pods.js'
import { useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

const namespace = 'policy'
const configuration = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/secco'
/** A new export is found within half a minute. */
const patience = { timeoutMs: 180_000, everyMs: 200 }

interface Given extends OnNode {
  kubectl: string
}

/**
 * Webhook-free: a rule as a MutatingAdmissionPolicy. With no webhook asked, the API server gives pods
 * RuntimeDefault until every node has the revision, which the hub then names in the parameters.
 */
export async function rulesWithoutWebhook(t: Test, given: Given): Promise<void> {
  const { cluster, secco, needs } = given
  const { kube } = cluster
  const node = cluster.node()
  const use = await useSecco(cluster, namespace, secco.state)
  const { metadata, ...rest } = await kube.do('GET', configuration)
  await kube.do('DELETE', configuration)
  t.teardown(() =>
    kube.do('POST', configuration.replace(/\/secco$/, ''), {
      ...rest,
      metadata: { name: 'secco', labels: (metadata as { labels: Json }).labels }
    })
  )
  const ours = '/apis/secco.dev/v1alpha1/namespaces'
  await use.create('seccompprofiles', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'hand' } },
    spec: { workload: { kind: 'Pod', name: 'hand', container: 'app' } }
  })
  await kube.do('POST', `${ours}/secco-system/seccomprules`, {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule', metadata: { name: 'hand' } },
    spec: {
      podSelector: { matchLabels: { app: 'hand' } },
      ...{ profile: { namespace, name: 'hand' }, mode: 'enforce' }
    }
  })
  const exported = await use.run('rule', 'export', 'hand')
  const applied = await kubectlOf(given.kubectl, cluster.kubeconfig)(['apply', '-f', '-'], exported)
  t.equal(applied.code, 0, applied.stderr)
  t.comment(applied.stdout)

  const podOf = (name: string): Json =>
    testPod({ name, labels: { app: 'hand' } }, [testContainer('app')])
  const pods = `/api/v1/namespaces/${namespace}/pods`
  /** What the API server would give a pod now. */
  const tried = async (): Promise<Pod> =>
    (await kube.do('POST', `${pods}?dryRun=All`, podOf('tried'))) as unknown as Pod
  const statusOf = async (pod: Pod): Promise<string> => {
    const pid = await node.pidOf(containerIdOf(pod, 'app'))
    return readFile(`/proc/${pid}/status`, 'utf8')
  }
  const assignedOf = (pod: Pod): unknown =>
    JSON.parse(pod.metadata.annotations?.['secco.dev/assigned'] ?? '{}')

  // The node cannot ack while its satellite stands still.
  const [satellite] = await listPods(cluster, 'secco-system', 'secco.dev/role-satellite')
  if (satellite === undefined) throw new Error('no satellite')
  const pid = await node.pidOf(containerIdOf(satellite, 'satellite'))
  process.kill(pid, 'SIGSTOP')
  let revision = ''
  try {
    const path = `${ours}/${namespace}/seccompprofiles/hand`
    await use.patch(path, { spec: { seccomp: needs } })
    revision = await until(
      'a revision that no node has',
      async () => {
        const { status } = (await use.profile('hand')) ?? {}
        return status?.nodes?.ready === 0 ? status.revision : undefined
      },
      patience
    )
    await until(
      'the policy to be in force',
      async () => (seccompOf(await tried())?.type === 'RuntimeDefault' ? true : undefined),
      patience
    )
    const unacked = await use.run('profile', 'export', 'hand', '-n', namespace, '--format', 'map')
    t.match(unacked, /^ {2}localhostProfile: ""$/m, 'an export names no file that a node lacks')
    await use.create('pods', podOf('early'))
    const early = await untilPod(cluster, namespace, 'early')
    t.strictSame(seccompOf(early), { type: 'RuntimeDefault' }, 'before the ack')
    t.match(await statusOf(early), /^Seccomp:\s+2$/m)
    t.match(assignedOf(early), {
      app: { rule: 'secco-system/hand', outcome: 'runtime-default', reason: 'not-ready' }
    })
  } finally {
    process.kill(pid, 'SIGCONT')
  }

  const began = Date.now()
  const wanted = {
    type: 'Localhost',
    localhostProfile: `secco/${namespace}/hand/${revision.replace('sha256:', '')}.json`
  }
  await until(
    'the hub to name the revision',
    async () => (seccompOf(await tried())?.type === 'Localhost' ? true : undefined),
    patience
  )
  const later = await use.run('profile', 'export', 'hand', '-n', namespace, '--format', 'map')
  t.match(later, `localhostProfile: ${wanted.localhostProfile}`)
  t.comment(`in the parameters ${Date.now() - began} ms after the satellite went on`)
  await use.create('pods', podOf('hand'))
  const pod = await untilPod(cluster, namespace, 'hand')
  t.strictSame(seccompOf(pod), wanted)
  t.match(assignedOf(pod), { app: { rule: 'secco-system/hand', revision, outcome: 'assigned' } })
  t.match(await statusOf(pod), /^Seccomp:\s+2\nSeccomp_filters:\s+1$/m)
  t.equal(await use.ask(pod, '/'), 'ok\n', 'it serves')
  t.match(await use.ask(pod, '/attack'), /^chroot denied errno 1$/m)
  // Not only some filter: the kernel's is the revision's, byte for byte.
  const view = await until(
    'secco ps to know its filter',
    async () => {
      const all = ['--kubeconfig', cluster.kubeconfig, 'ps', '-n', namespace, '-o', 'json']
      const { stdout } = await runSecco(all, { env: { SECCO_TOKEN: secco.token } })
      const { items } = JSON.parse(stdout) as { items: ContainerView[] }
      const own = items.find((one) => one.pod === 'hand')
      return own?.checked === 'bytes' ? own : undefined
    },
    patience
  )
  t.match(view, { state: 'enforced', revision, drift: [] })

  const gone = (await kube.call('DELETE', `${ours}/${namespace}/seccompprofiles/hand`)).status
  t.equal(gone, 200)
  await until(
    'pods to get RuntimeDefault again',
    async () => (seccompOf(await tried())?.type === 'RuntimeDefault' ? true : undefined),
    patience
  )
  for (const kind of ['mutatingadmissionpolicybindings', 'mutatingadmissionpolicies']) {
    const api = `/apis/admissionregistration.k8s.io/v1beta1/${kind}`
    const { items } = (await kube.do('GET', api)) as { items: { metadata: { name: string } }[] }
    for (const one of items) await kube.do('DELETE', `${api}/${one.metadata.name}`)
  }
}
