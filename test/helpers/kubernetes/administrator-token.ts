import { accountToken } from '../account-token.js'
import { type Outcome, runSecco } from '../secco-command.js'
import type { RealCluster } from './real-cluster.js'
import type { SeccoAtWork } from './secco-on-host.js'

/** A token of the cluster's administrator, as a person would get one by `kubectl create token`. */
export async function administratorToken({ kube }: RealCluster): Promise<string> {
  const name = 'administrator'
  const metadata = { name, namespace: 'default' }
  await kube.do('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata })
  await kube.do('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'cluster-admin'
    },
    subjects: [{ kind: 'ServiceAccount', ...metadata }]
  })
  return accountToken(kube, metadata.namespace, name)
}

/** Runs `secco --kubeconfig … ARG…` to its end, as that administrator. */
export function asAdministrator(
  { cluster, secco }: { cluster: RealCluster; secco: SeccoAtWork },
  ...args: string[]
): Promise<Outcome> {
  const all = ['--kubeconfig', cluster.kubeconfig, ...args]
  return runSecco(all, { env: { SECCO_TOKEN: secco.token } })
}
