import { revisionPath } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Json } from '../kube.js'
import { runSecco } from '../secco-command.js'
import { until } from '../until.js'
import { askPod, isReady, listPods, type Pod, testContainer, testPod } from './pods.js'
import type { RealCluster } from './real-cluster.js'

/** The newest revisions of a profile, and where nodes have them below the seccomp root. */
export interface Delivered {
  revision: string
  enforce: string
  audit: string
}

/** What a person does with Secco in a cluster, in one namespace. */
export interface SeccoInUse {
  namespace: string
  create(
    kind: 'pods' | 'deployments' | 'seccompprofiles' | 'seccomprules',
    body: Json
  ): Promise<void>
  patch(path: string, body: unknown): Promise<void>
  profile(name: string): Promise<SeccompProfile | undefined>
  profiles(): Promise<SeccompProfile[]>
  /** Waits until the profile's observed set has these; gives it. */
  observed(name: string, ...syscalls: string[]): Promise<string[]>
  /** The `secco` command on the cluster's objects; gives standard output. */
  run(...args: string[]): Promise<string>
  /** Approves what was observed and waits until every node has the revision; gives its path below the seccomp root. */
  approve(name: string): Promise<string>
  /** Waits until every node has the newest revisions; `not`: the digest of an earlier one. */
  delivered(name: string, not?: string): Promise<Delivered>
  /** Waits until a pod would be given that path: a dry run, no pod is made. */
  given(pod: Json, path: string): Promise<void>
  /** Waits until exactly so many pods of a selector are ready. */
  ready(selector: string, count: number, wanted?: (pod: Pod) => boolean): Promise<Pod[]>
  /** GET of the test server in a pod. */
  ask(pod: Pod, path: string): Promise<string>
}

const groups = {
  pods: '/api/v1',
  deployments: '/apis/apps/v1',
  seccompprofiles: '/apis/secco.dev/v1alpha1',
  seccomprules: '/apis/secco.dev/v1alpha1'
}

/** A Deployment of the test server; its pods carry `app: NAME` and these labels. */
export function testDeployment(name: string, labels: Record<string, string>, replicas = 1): Json {
  const app = { app: name }
  const { spec } = testPod({}, [testContainer('app')]) as { spec: Json }
  const template = { metadata: { labels: { ...app, ...labels } }, spec }
  return {
    metadata: { name },
    spec: { replicas, selector: { matchLabels: app }, template }
  }
}

/** Names of the ABI of this machine that a profile has observed. */
function namesOf(profile: SeccompProfile | undefined): string[] {
  return profile?.status?.observed?.[process.arch === 'arm64' ? 'aarch64' : 'x86_64'] ?? []
}

/** Makes the namespace when it is missing. @param state Secco's state folder, for `secco --state` */
export async function useSecco(
  cluster: RealCluster,
  namespace: string,
  state: string
): Promise<SeccoInUse> {
  const { kube } = cluster
  const made = await kube.call('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
  if (made.status !== 201 && made.status !== 409) throw new Error(JSON.stringify(made.body))
  // The controller makes it a moment later; pods are denied until then.
  await until(`the service account of ${namespace}`, async () => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`
    return (await kube.call('GET', path)).status === 200 ? true : undefined
  })
  const place = (kind: keyof typeof groups): string =>
    `${groups[kind]}/namespaces/${namespace}/${kind}`
  const profile = async (name: string): Promise<SeccompProfile | undefined> => {
    const answer = await kube.call('GET', `${place('seccompprofiles')}/${name}`)
    return answer.status === 200 ? (answer.body as unknown as SeccompProfile) : undefined
  }
  const profiles = async (): Promise<SeccompProfile[]> => {
    const list = await kube.do('GET', place('seccompprofiles'))
    return list['items'] as SeccompProfile[]
  }
  const run = async (...args: string[]): Promise<string> => {
    const all = ['--state', state, '--kubeconfig', cluster.kubeconfig, ...args]
    const done = await runSecco(all)
    if (done.code !== 0) throw new Error(`secco ${args.join(' ')}: ${done.stderr}`)
    return done.stdout
  }
  return {
    namespace,
    create: async (kind, body) => {
      await kube.do('POST', place(kind), body)
    },
    patch: async (path, body) => {
      const merge = { contentType: 'application/merge-patch+json' }
      await kube.do('PATCH', path, body, merge)
    },
    profile,
    profiles,
    observed: async (name, ...syscalls) => {
      let names: string[] = []
      try {
        return await until(
          `${name} to have observed ${syscalls.join(', ')}`,
          async () => {
            names = namesOf(await profile(name))
            return syscalls.every((one) => names.includes(one)) ? names : undefined
          },
          { timeoutMs: 180_000 }
        )
      } catch (error) {
        const there = (await profiles()).map((one) => one.metadata.name).join(', ')
        throw new Error(`${String(error)}; observed ${names.join(' ')}; profiles: ${there}`, {
          cause: error
        })
      }
    },
    run,
    approve: async (name) => {
      await run('profile', 'approve', name, '-n', namespace, '--reason', 'e2e')
      const nodes = cluster.nodes.length
      const digest = await until(`${nodes} of ${nodes} nodes to have ${name}`, async () => {
        const { status, metadata } = (await profile(name)) ?? { metadata: {} }
        const ready = status?.conditions?.find(({ type }) => type === 'Ready')
        const isNew = ready?.status === 'True' && ready.observedGeneration === metadata.generation
        return isNew && status?.nodes?.ready === nodes ? status.revision : undefined
      })
      return `secco/${namespace}/${name}/${digest.replace('sha256:', '')}.json`
    },
    delivered: (name, not = '') =>
      until(
        `every node to have ${name}`,
        async () => {
          const { status, metadata } = (await profile(name)) ?? { metadata: {} }
          const ready = status?.conditions?.find(({ type }) => type === 'Ready')
          const isNew = ready?.status === 'True' && ready.observedGeneration === metadata.generation
          const { revision = '', auditRevision = '' } = status ?? {}
          if (!isNew || revision === '' || revision === not) return undefined
          const enforce = revisionPath(namespace, name, revision)
          return { revision, enforce, audit: revisionPath(namespace, name, auditRevision) }
        },
        { timeoutMs: 180_000 }
      ),
    given: async (pod, path) => {
      await until(
        `the webhook to give ${path}`,
        async () => {
          // At once, so that the API server asks each replica of the webhook: the standby knows of a revision a moment later.
          const asked = Array.from({ length: 8 }, () =>
            kube.call('POST', `${place('pods')}?dryRun=All`, pod)
          )
          const answers = await Promise.all(asked)
          return answers.every(({ body }) => JSON.stringify(body).includes(path)) ? true : undefined
        },
        { timeoutMs: 180_000, everyMs: 100 }
      )
    },
    ready: async (selector, count, wanted = () => true) =>
      await until(
        `${count} ready pods of ${selector}`,
        async () => {
          const pods = await listPods(cluster, namespace, selector)
          const good = pods.filter((pod) => isReady(pod) && wanted(pod))
          return pods.length === count && good.length === count ? pods : undefined
        },
        { timeoutMs: 180_000, everyMs: 100 }
      ),
    ask: askPod
  }
}
