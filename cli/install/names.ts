import { hubGroup, hubVersion } from '../../src/api/hub-path.js'
import { admissionRole, rootNamespace, sessionSecret } from '../../src/api/names.js'

/** The namespace of all objects of Secco. Its webhook never changes pods there. */
export const namespace = rootNamespace

export const names = {
  /** Cluster-wide objects and the DaemonSet. */
  webhook: 'secco-webhook',
  hub: 'secco-hub',
  pages: 'secco-pages',
  satellite: 'secco-satellite',
  /** Deployment and ServiceAccount of the process that is webhook and hub. */
  both: 'secco',
  /** Authority and serving pair. The webhook creates and renews them; they are not part of the installation. */
  certificates: 'secco-certificates',
  /** Sessions of browsers. The active hub writes them. */
  sessions: sessionSecret,
  /** ConfigMap with the authorities that satellites trust; the webhook creates it. */
  authority: 'secco-authority',
  /** ConfigMap with the authority of the API server's client certificate, where the installation has one. */
  clients: 'secco-clients',
  /** Lease of the replica that renews certificates. */
  lease: 'secco-certificates',
  configuration: 'secco',
  /** APIService of the hub's API; Kubernetes prescribes the name. */
  apiService: `${hubVersion}.${hubGroup}`,
  /** ConfigMap in which the active hub writes what nodes hold. */
  summary: 'secco-hub-active',
  /** ConfigMap in which each replica of the webhook writes which revisions it serves. */
  replicas: 'secco-replicas',
  /** cert-manager's Certificate and Issuer. */
  issuer: 'secco'
} as const

/** Labels of a pod for each of its roles. Services and policies select them. */
export const roleLabels = {
  admission: admissionRole,
  hub: 'secco.dev/role-hub',
  /** Webhook, hub or both, which serve metrics. */
  central: 'secco.dev/role-central',
  satellite: 'secco.dev/role-satellite'
} as const

export const ports = { webhook: 9443, hub: 9444, pages: 9445, api: 9446, satellite: 9447 } as const

/** Audience of the tokens that satellites show to the hub. */
export const tokenAudience = 'secco-hub'

/** Labels of every object of Secco, for people and for `kubectl delete -l`. */
export const commonLabels = {
  'app.kubernetes.io/name': 'secco',
  'app.kubernetes.io/part-of': 'secco'
} as const

/** The names that the serving certificate covers, for both Services. */
export const serverNames: readonly string[] = [names.webhook, names.hub].flatMap((name) => [
  `${name}.${namespace}.svc`,
  `${name}.${namespace}.svc.cluster.local`
])

/** Returns metadata for an object in our namespace. */
export function named(name: string, component: string) {
  return {
    name,
    namespace,
    labels: { ...commonLabels, 'app.kubernetes.io/component': component }
  }
}

/** Returns metadata for a cluster-wide object. */
export function clusterNamed(name: string, component: string) {
  return { name, labels: { ...commonLabels, 'app.kubernetes.io/component': component } }
}
