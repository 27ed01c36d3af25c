import { accountToken } from '../account-token.js'
import type { RealCluster } from './real-cluster.js'

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
