import { stringify } from 'yaml'
import { names, namespace as own, roleLabels, serverNames } from '../../../cli/install/names.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import type { Lease } from '../../../webhook/cluster/replicas/lease.js'
import type { NodePrograms } from '../../helpers/api-server-programs.js'
import type { Json } from '../../helpers/kube.js'
import {
  askPod,
  isReady,
  listPods,
  type Pod,
  testContainer,
  testPod,
  untilPod
} from '../../helpers/kubernetes/pods.js'
import type { RealCluster } from '../../helpers/kubernetes/real-cluster.js'
import { type NodeVictim, restartPrograms } from '../../helpers/kubernetes/restart-programs.js'
import { type Forwarded, forwardUi } from '../../helpers/kubernetes/secco-in-cluster.js'
import { useSecco } from '../../helpers/kubernetes/secco-in-use.js'
import type { SeccoAtWork } from '../../helpers/kubernetes/secco-on-host.js'
import { until } from '../../helpers/until.js'
import { Actor } from './actor.js'
import { type Facts, isMoving, differences, printed } from './facts.js'
import { type Place, readViews } from './read.js'
import { rule } from './scene.js'

const patience = { timeoutMs: 180_000, everyMs: 250 }
const configuration = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/secco'

/** Calls that the containers of the scene make when they are asked to; RuntimeDefault allows them. */
const denied = ['getsid', 'getpgid']

/** What RuntimeDefault allows, without these calls. */
function without(calls: readonly string[]): LinuxSeccomp {
  const all = runtimeDefault()
  const syscalls = (all.syscalls ?? []).map((one) => ({
    ...one,
    names: one.names.filter((name) => !calls.includes(name))
  }))
  return { ...all, syscalls: syscalls.filter(({ names }) => names.length > 0) }
}

const profile = (name: string, spec: Json = {}): Json => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name } },
  spec: { workload: { kind: 'Pod', name, container: 'app' }, seccomp: without(denied), ...spec }
})

interface PodShape {
  labels?: Record<string, string>
  args?: readonly string[]
  securityContext?: Json
}

const podOf = (name: string, { labels = {}, args, securityContext }: PodShape): Json =>
  testPod(
    { name, labels },
    [testContainer('app', args, securityContext === undefined ? {} : { securityContext })],
    args === undefined ? {} : { restartPolicy: 'Never' }
  )

/**
 * NodeScene is an installation in a cluster with a real node: `web` enforced and denied a syscall, `job` in audit, `bare`
 * learned without a profile, `priv` privileged, and `over`, which has ended.
 */
export class NodeScene {
  readonly #cluster: RealCluster
  readonly #programs: NodePrograms
  readonly #secco: SeccoAtWork
  #forwarded: Forwarded | undefined
  place!: Place
  readonly actor: Actor

  constructor(cluster: RealCluster, programs: NodePrograms, secco: SeccoAtWork) {
    this.#cluster = cluster
    this.#programs = programs
    this.#secco = secco
    this.actor = new Actor(() => this.place, secco.state)
  }

  async close(): Promise<void> {
    await this.#forwarded?.stop()
  }

  async fill(): Promise<void> {
    await this.#look()
    const use = await useSecco(this.#cluster, 'default', this.#secco.state)
    await use.create('seccompprofiles', profile('web'))
    await use.create('seccompprofiles', profile('job', { ladder: { mode: 'audit' } }))
    await use.create('seccomprules', rule)
    const [web, job] = [await use.delivered('web'), await use.delivered('job')]
    const admit = async (name: string, shape: PodShape, path: string): Promise<void> => {
      await use.given(podOf(name, shape), path)
      await use.create('pods', podOf(name, shape))
    }
    const shop = { team: 'shop' }
    await admit('over', { labels: shop, args: ['once', 'getsid'] }, web.enforce)
    await admit('web', { labels: shop }, web.enforce)
    await admit('job', { labels: { 'secco.dev/profile': 'job' } }, job.audit)
    await use.create('pods', podOf('bare', { labels: { 'secco.dev/learn': 'true' } }))
    await use.create('pods', podOf('priv', { securityContext: { privileged: true } }))
    await this.#ask('web', 'getsid')
    await this.#ask('job', 'getpgid')
    await this.#ask('bare', 'getpriority')
    await untilPod(this.#cluster, 'default', 'priv')
    await this.#denied('over', 'web', 'job')
    await this.actor.importTrace('learned')
    await this.actor.secco('denials mute job getpgid --reason known')
    await this.actor.secco('block keyctl --reason CVE')
    await use.observed('bare.app', 'getpriority')
  }

  /** Returns all views once they stay as they are and `check` does not throw. */
  settled(check: (now: Facts) => void = () => undefined, timeoutMs = 180_000): Promise<Facts> {
    let before: Facts = new Map()
    return until(
      'the views to stay as they are',
      async () => {
        const now = await this.read()
        const moved = differences(before, now).filter(({ path }) => !isMoving(path))
        before = now
        if (moved.length > 0) throw new Error(printed(moved))
        check(now)
        return now
      },
      { timeoutMs, everyMs: 1000 }
    )
  }

  /** Reads all views of data. Secco's own pods are others after a restart: what is about them is left out. */
  async read(): Promise<Facts> {
    const facts = [await readViews(this.place, 'api'), await readViews(this.place, 'verbs')]
    const isOwn = (text: string): boolean => text.includes(own)
    return new Map(
      facts.flatMap((each) => [...each]).filter(([path, value]) => !isOwn(path) && !isOwn(value))
    )
  }

  /** Ends these programs, and resolves when others of them are ready. */
  async restart(victims: readonly NodeVictim[]): Promise<void> {
    await restartPrograms(this.#cluster, victims)
    await this.#look()
  }

  #pods(role: string): Promise<Pod[]> {
    return listPods(this.#cluster, own, `${role}=true`)
  }

  async #ask(name: string, call: string): Promise<void> {
    await askPod(await untilPod(this.#cluster, 'default', name, isReady), `/call/${call}`)
  }

  async #denied(...pods: readonly string[]): Promise<void> {
    await until(
      `denials of ${pods.join(', ')}`,
      async (note) => {
        const known = (await this.#secco.denials()).map(({ pod }) => pod)
        note(known)
        return pods.every((pod) => known.includes(pod)) || undefined
      },
      patience
    )
  }

  /** Finds where the installation is read now: the active hub's pod, and a port to the pages. */
  async #look(): Promise<void> {
    const { kube, kubeconfig } = this.#cluster
    const path = `/apis/coordination.k8s.io/v1/namespaces/${own}/leases/${names.hub}`
    const active = await until(
      'an active hub',
      async (note) => {
        const { spec } = (await kube.do('GET', path)) as unknown as Lease
        note(spec)
        const pods = await this.#pods(roleLabels.hub)
        return pods.find(({ metadata }) => spec.holderIdentity?.startsWith(metadata.name) === true)
      },
      patience
    )
    await this.#forwarded?.stop()
    this.#forwarded = await forwardUi(this.#programs, this.#cluster)
    const { webhooks } = (await kube.do('GET', configuration)) as unknown as {
      webhooks: [{ clientConfig: { caBundle: string } }]
    }
    this.place = {
      options: ['--kubeconfig', kubeconfig, '--state', this.#secco.state],
      ...{ env: {}, files: { POD: stringify(podOf('web-1', { labels: { team: 'shop' } })) } },
      ...{ ui: this.#forwarded.url, webhook: `https://${active.status.podIP ?? ''}:9443` },
      ca: Buffer.from(webhooks[0].clientConfig.caBundle, 'base64').toString(),
      serverName: serverNames[0] ?? '',
      headers: { authorization: `Bearer ${this.#secco.token}` }
    }
  }
}
