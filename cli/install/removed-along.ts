import { apiVersion, rootNamespace } from '../../src/api/names.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import { find, pathOf } from './installed-objects.js'
import type { Manifest } from './options.js'

const rbac = 'rbac.authorization.k8s.io/v1'
/** Kinds of what goes with the CRDs, wherever it is, and with the namespace. */
const collections: readonly { kind: string; apiVersion: string; path: string }[] = [
  { kind: 'SeccompProfile', apiVersion, path: `/apis/${apiVersion}/seccompprofiles` },
  { kind: 'SeccompRule', apiVersion, path: `/apis/${apiVersion}/seccomprules` },
  ...(
    [
      ['ConfigMap', 'v1', 'configmaps'],
      ['Secret', 'v1', 'secrets'],
      ['ServiceAccount', 'v1', 'serviceaccounts'],
      ['Role', rbac, 'roles'],
      ['RoleBinding', rbac, 'rolebindings']
    ] as const
  ).map(([kind, version, word]) => ({
    ...{ kind, apiVersion: version },
    path: `/${version === 'v1' ? 'api' : 'apis'}/${version}/namespaces/${rootNamespace}/${word}`
  }))
]

/** Objects that Kubernetes makes in every namespace. */
const ofEveryNamespace = new Set(['ConfigMap kube-root-ca.crt', 'ServiceAccount default'])

/**
 * Lists the objects that go when the CRDs and the namespace are removed: profiles, rules, histories, and what people made in
 * the namespace.
 * @param removed objects that are removed one by one before
 */
export async function objectsRemovedAlong(
  call: ApiCall,
  removed: readonly Manifest[]
): Promise<Manifest[]> {
  const named = new Set(removed.map(pathOf))
  const along: Manifest[] = []
  for (const { kind, apiVersion: version, path } of collections) {
    const list = (await find(call, path)) as { items?: Manifest[] } | undefined
    for (const { metadata } of list?.items ?? []) {
      const one = { apiVersion: version, kind, metadata }
      const { name } = metadata as { name: string }
      if (!named.has(pathOf(one)) && !ofEveryNamespace.has(`${kind} ${name}`)) along.push(one)
    }
  }
  return along
}
