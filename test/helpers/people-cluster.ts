import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { accountToken } from './account-token.js'
import type { ApiServerPrograms } from './api-server-programs.js'
import { type Cluster, kubeconfigOf, startCluster } from './cluster.js'
import type { Json } from './kube.js'
import { repositoryRoot } from './repository.js'
import { until } from './until.js'
import { startWebhookProgram } from './webhook-program.js'

const rbac = '/apis/rbac.authorization.k8s.io/v1'
const all = `${rbac}/clusterrolebindings`
const own = `${rbac}/namespaces/secco-system`
const profiles = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles'
const pathOf: Record<string, string> = {
  ClusterRole: `${rbac}/clusterroles`,
  ClusterRoleBinding: `${rbac}/clusterrolebindings`,
  Role: `${own}/roles`,
  RoleBinding: `${own}/rolebindings`,
  Secret: '/api/v1/namespaces/secco-system/secrets',
  CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding:
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings'
}

/** What is installed, from the files that people apply. */
export async function install({ kube }: Cluster, file: string): Promise<void> {
  const text = await readFile(join(repositoryRoot, 'manifests', file), 'utf8')
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as Json & { kind: string }
    const path = pathOf[object.kind]
    if (path === undefined) continue
    // Both layouts have the Secret for sessions.
    const answer = object.kind === 'Secret' ? await kube.call('POST', path, object) : undefined
    if (answer?.status !== 409 && answer?.status !== 201) await kube.do('POST', path, object)
  }
}

export async function account({ kube }: Cluster, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`
  await kube.do('POST', path, { metadata: { name } })
  return accountToken(kube, namespace, name)
}

interface HubNear {
  webhook: Awaited<ReturnType<typeof startWebhookProgram>>
  /** The state folder of a command line that reaches the hub as that person. */
  near: string
}

/** Starts a hub with pages, and what a port that is forwarded to its pod is to the command line, without a pod. */
export async function startHubNear(
  { tokens, kubeconfig }: PeopleCluster,
  folder: string,
  person: keyof typeof roles
): Promise<HubNear> {
  const [state, near] = [join(folder, 'hub'), join(folder, 'near')]
  const config = await kubeconfig(folder, 'hub')
  const webhook = await startWebhookProgram(state, '--kubeconfig', config, '--roles', 'hub,ui')
  await mkdir(near)
  await copyFile(join(state, 'addresses.json'), join(near, 'addresses.json'))
  await writeFile(join(near, 'ui-token'), tokens[person], { mode: 0o600 })
  return { webhook, near }
}

/** Roles in the namespace shop: olga may approve there, dora edits, vera looks. */
const roles = {
  olga: ['secco-viewer', 'secco-developer', 'secco-approver'],
  dora: ['secco-viewer', 'secco-developer'],
  vera: ['secco-viewer']
}

interface PeopleCluster {
  cluster: Cluster
  tokens: Record<keyof typeof roles | 'hub', string>
  /** Gives a role in another namespace too; without one in all of them. */
  give: (role: string, name: keyof typeof roles, namespace?: string) => Promise<unknown>
  /** Writes a kubeconfig of that identity. @returns its path */
  kubeconfig: (folder: string, name: keyof PeopleCluster['tokens']) => Promise<string>
}

/**
 * A real API server with Secco's resources, rights and approval policy, with the hub's account and with people; the
 * policy is in force.
 * @param flags further arguments of kube-apiserver
 */
export async function startPeopleCluster(
  programs: ApiServerPrograms,
  flags: readonly string[] = []
): Promise<PeopleCluster> {
  const cluster = await startCluster(programs, flags)
  const { kube, url, caPem } = cluster
  const give: PeopleCluster['give'] = (role, name, namespace) =>
    kube.do(
      'POST',
      namespace === undefined ? all : `${rbac}/namespaces/${namespace}/rolebindings`,
      {
        metadata: { name: `${role}-${name}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', name, namespace: 'shop' }]
      }
    )
  try {
    for (const name of ['shop', 'secco-system'])
      await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
    for (const file of [
      ...['crds/seccompprofiles.yaml', 'crds/seccomprules.yaml', 'base/people-rights.yaml'],
      ...['base/approval-policy.yaml', 'overlays/ha/rights.yaml']
    ]) {
      await install(cluster, file)
    }
    const tokens = {
      hub: await account(cluster, 'secco-system', 'secco-hub'),
      olga: await account(cluster, 'shop', 'olga'),
      dora: await account(cluster, 'shop', 'dora'),
      vera: await account(cluster, 'shop', 'vera')
    }
    for (const name of ['olga', 'dora', 'vera'] as const)
      for (const role of roles[name]) await give(role, name, 'shop')
    // A policy takes its time from being written to being asked.
    await until('the policy to be in force', async () => {
      const body = {
        ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
        metadata: { name: 'probe' },
        spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } }
      }
      const asUser = 'system:serviceaccount:shop:dora'
      const answer = await kube.call('POST', `${profiles}?dryRun=All`, body, { asUser })
      return String(answer.body['message']).includes('may not approve') ? true : undefined
    })
    return {
      ...{ cluster, tokens, give },
      async kubeconfig(folder, name) {
        const path = join(folder, `kubeconfig-${name}`)
        await writeFile(path, kubeconfigOf(url, caPem, tokens[name]), { mode: 0o600 })
        return path
      }
    }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
