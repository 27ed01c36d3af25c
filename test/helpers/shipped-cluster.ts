import { installParts } from '../../cli/install/objects.js'
import { defaultOptions } from '../../cli/install/options.js'
import { customResourceDefinitions } from '../../src/api/crd.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { ApiServerPrograms } from './api-server-programs.js'
import { type Cluster, startCluster } from './cluster.js'
import type { Json, KubeResponse } from './kube.js'
import { until } from './until.js'

const api = '/apis/admissionregistration.k8s.io/v1'
const plurals: Record<string, string> = {
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
  MutatingWebhookConfiguration: 'mutatingwebhookconfigurations'
}
export const rulesPath = '/apis/secco.dev/v1alpha1/namespaces/secco-system/seccomprules'

/** Returns the shipped objects on admission, with the webhook's configuration as a function of its address. */
export function shippedAdmission(finalState: 'warn' | 'deny') {
  const options = { ...defaultOptions, image: 'secco:test', mode: 'enforce' as const, finalState }
  const { admission } = installParts(options)
  const policies = admission
    .filter((one) => plurals[String(one['kind'])] !== undefined)
    .slice(0, -1)
  const configuration = admission.at(-1) as { webhooks: Json[] } & Json
  return {
    policies,
    configurationFor: (url: string, caBundle: string): Json => ({
      ...configuration,
      webhooks: configuration.webhooks.map((one) => ({ ...one, clientConfig: { url, caBundle } }))
    })
  }
}

/** ShippedCluster is a real API server with Secco's resources, without a hub and without the objects on admission. */
export interface ShippedCluster {
  cluster: Cluster
  create: (namespace: string, pod: Json, query?: string) => Promise<KubeResponse>
  /** Creates the rule, and does what the hub does when it reads it. */
  accept: (rule: SeccompRule) => Promise<void>
  acceptAgain: (name: string) => Promise<void>
  apply: (objects: readonly Json[]) => Promise<void>
}

async function prepare(
  { kube }: Cluster,
  namespaces: Readonly<Record<string, Record<string, string>>>
): Promise<void> {
  for (const [name, labels] of Object.entries(namespaces)) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name, labels } })
  }
  for (const definition of Object.values(customResourceDefinitions())) {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    await kube.do('POST', path, definition)
  }
  await until('the rules to be served', async () =>
    (await kube.call('GET', rulesPath)).status === 200 ? true : undefined
  )
}

/**
 * @param namespaces labels of the namespaces to create, by name
 * @param more further arguments of kube-apiserver
 */
export async function startShippedCluster(
  programs: ApiServerPrograms,
  namespaces: Readonly<Record<string, Record<string, string>>>,
  more: readonly string[] = []
): Promise<ShippedCluster> {
  const cluster = await startCluster(programs, more)
  const { kube } = cluster
  await prepare(cluster, namespaces).catch(async (error: unknown) => {
    await cluster.stop()
    throw error
  })
  async function acceptAgain(name: string): Promise<void> {
    const { metadata } = await kube.do('GET', `${rulesPath}/${name}`)
    const { generation } = metadata as { generation: number }
    const now = new Date().toISOString()
    const condition = { type: 'Accepted', status: 'True', reason: 'Valid', message: 'in force' }
    const conditions = [{ ...condition, lastTransitionTime: now, observedGeneration: generation }]
    await kube.do(
      'PATCH',
      `${rulesPath}/${name}/status`,
      { status: { conditions } },
      { contentType: 'application/merge-patch+json' }
    )
  }
  return {
    cluster,
    acceptAgain,
    create: (namespace, pod, query = '?dryRun=All') =>
      kube.call('POST', `/api/v1/namespaces/${namespace}/pods${query}`, pod),
    async accept(rule) {
      await kube.do('POST', rulesPath, rule)
      await acceptAgain(rule.metadata.name)
    },
    async apply(objects) {
      for (const object of objects) {
        const path = `${api}/${plurals[String(object['kind'])] ?? ''}`
        const { name } = object['metadata'] as { name: string }
        const before = await kube.call('GET', `${path}/${name}`)
        if (before.status === 404) {
          await kube.do('POST', `${path}?fieldValidation=Strict`, object)
          continue
        }
        const { resourceVersion } = before.body['metadata'] as { resourceVersion: string }
        const metadata = { ...(object['metadata'] as Json), resourceVersion }
        await kube.do('PUT', `${path}/${name}`, { ...object, metadata })
      }
    }
  }
}
