import { rootNamespace } from '../../src/api/names.js'

/** Where everything of Secco lives; its own pods are never touched by its own webhook. */
export const namespace = rootNamespace

export const names = {
  /** Cluster-wide objects and the DaemonSet. */
  webhook: 'secco-webhook',
  hub: 'secco-hub',
  pages: 'secco-pages',
  satellite: 'secco-satellite',
  /** Deployment and ServiceAccount of the one process that is both. */
  both: 'secco',
  /** Authority and serving pair; made and renewed by the webhook, not part of what is applied. */
  certificates: 'secco-certificates',
  /** ConfigMap with the authorities that satellites trust; made by the webhook. */
  authority: 'secco-authority',
  /** Lease of who renews. */
  lease: 'secco-certificates',
  configuration: 'secco',
  /** cert-manager's Certificate and Issuer. */
  issuer: 'secco'
} as const

/** Labels that a pod carries for each role it plays: what Services and policies select. */
export const roleLabels = {
  admission: 'secco.dev/role-admission',
  hub: 'secco.dev/role-hub',
  /** Webhook, hub or both: what serves their metrics. */
  central: 'secco.dev/role-central',
  satellite: 'secco.dev/role-satellite'
} as const

export const ports = { webhook: 9443, hub: 9444, pages: 9445, satellite: 9447 } as const

/** Audience of the tokens that satellites show to the hub. */
export const tokenAudience = 'secco-hub'

export const startupTaint = 'secco.dev/not-ready'

/** What names every object of ours: for people, and for `kubectl delete -l`. */
export const commonLabels = {
  'app.kubernetes.io/name': 'secco',
  'app.kubernetes.io/part-of': 'secco'
} as const

/** The names that the serving certificate covers, for both Services. */
export const serverNames: readonly string[] = [names.webhook, names.hub].flatMap((name) => [
  `${name}.${namespace}.svc`,
  `${name}.${namespace}.svc.cluster.local`
])

/** metadata of an object in our namespace. */
export function named(name: string, component: string) {
  return {
    name,
    namespace,
    labels: { ...commonLabels, 'app.kubernetes.io/component': component }
  }
}

/** metadata of an object of the whole cluster. */
export function clusterNamed(name: string, component: string) {
  return { name, labels: { ...commonLabels, 'app.kubernetes.io/component': component } }
}
