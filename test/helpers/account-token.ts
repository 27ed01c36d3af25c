import type { Json, Kube } from './kube.js'

/**
 * A token of a ServiceAccount that exists: TokenRequest (authentication.k8s.io/v1), as `kubectl create token`
 * and the kubelet ask for it.
 */
export async function accountToken(
  kube: Kube,
  namespace: string,
  name: string,
  spec: Json = {}
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`
  const made = await kube.do('POST', path, { spec })
  return (made['status'] as { token: string }).token
}
