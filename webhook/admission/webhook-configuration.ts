import { rootNamespace } from '../../src/api/names.js'
import { alwaysExcludedNamespaces } from '../../src/rules/exclusions.js'

/** WebhookTarget is the address of the webhook for the API server: a URL (outside a cluster, tests) or a Service. */
export type WebhookTarget =
  | { url: string }
  | { service: { name: string; namespace: string; port?: number } }

export interface WebhookConfigurationOptions {
  target: WebhookTarget
  /**
   * Base64 of the PEM bundle that signs the webhook's certificate; see certs/files.ts `caBundle`. When it is empty,
   * the field is left out, so that applying the object again keeps the bundle that is there.
   */
  caBundle: string
  /** Name of the configuration object; default `secco`. */
  name?: string
  /** Namespace that Secco runs in; default the root namespace. */
  ownNamespace?: string
  /** Further namespaces that stay untouched. */
  excludedNamespaces?: readonly string[]
  /** Default `Ignore`: a missing webhook never stops pods; the ValidatingAdmissionPolicy reports them. */
  failurePolicy?: 'Ignore' | 'Fail'
  /** Whether new nodes get the start-up taint; default false. */
  nodes?: boolean
}

/** Returns `kubernetes.io/metadata.name NotIn [...]`, which excludes namespaces from the webhook and the policies. */
export function touchedNamespaces(
  options: Pick<WebhookConfigurationOptions, 'ownNamespace' | 'excludedNamespaces'>
) {
  const own = options.ownNamespace ?? rootNamespace
  const values = [
    ...new Set([...alwaysExcludedNamespaces, own, ...(options.excludedNamespaces ?? [])])
  ].sort()
  return {
    matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values }]
  }
}

function clientConfig(target: WebhookTarget, caBundle: string, path = '/mutate') {
  const bundle = caBundle === '' ? {} : { caBundle }
  if ('url' in target) return { url: target.url.replace(/\/mutate$/, path), ...bundle }
  const { name, namespace, port } = target.service
  return { service: { name, namespace, path, port: port ?? 443 }, ...bundle }
}

/** The two resources that the webhook reviews. `kubectl debug` arrives as UPDATE of `pods/ephemeralcontainers`. */
export const reviewedResources = [
  {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['CREATE'],
    resources: ['pods'],
    scope: 'Namespaced'
  },
  {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['UPDATE'],
    resources: ['pods/ephemeralcontainers'],
    scope: 'Namespaced'
  }
]

/** Returns the webhook that reviews new pods. */
function podWebhook(options: WebhookConfigurationOptions) {
  const own = options.ownNamespace ?? rootNamespace
  return {
    name: 'pods.secco.dev',
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(options.target, options.caBundle),
    rules: reviewedResources,
    namespaceSelector: touchedNamespaces(options),
    matchConditions: [
      { name: 'not-own-namespace', expression: `request.namespace != '${own}'` },
      {
        name: 'not-own-service-accounts',
        expression: `!request.userInfo.username.startsWith('system:serviceaccount:${own}:')`
      }
    ],
    matchPolicy: 'Equivalent',
    sideEffects: 'None',
    reinvocationPolicy: 'IfNeeded',
    failurePolicy: options.failurePolicy ?? 'Ignore',
    timeoutSeconds: 2
  }
}

/** Path of the webhook that reviews new nodes. */
export const nodePath = '/mutate-node'

/**
 * Returns the webhook that gives new nodes the start-up taint. It never stops a node: a cluster without Secco gets its
 * nodes, and pods on them get what `whenNotReady` specifies.
 */
function nodeWebhook({ target, caBundle }: WebhookConfigurationOptions) {
  return {
    name: 'nodes.secco.dev',
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(target, caBundle, nodePath),
    rules: [
      {
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: ['nodes'],
        scope: 'Cluster'
      }
    ],
    matchPolicy: 'Equivalent',
    sideEffects: 'None',
    reinvocationPolicy: 'Never',
    failurePolicy: 'Ignore' as const,
    timeoutSeconds: 2
  }
}

/**
 * Returns the MutatingWebhookConfiguration (admissionregistration.k8s.io/v1) as a plain object to apply.
 * Opt-outs, mirror and Windows pods are decided in code, where they are reported, and not by a matchCondition. The
 * own namespace is excluded three times, by the selector, by a condition and by decide(), so that one edit does not
 * make Secco depend on itself.
 * @param options.target a URL must end in `/mutate`.
 */
export function mutatingWebhookConfiguration(options: WebhookConfigurationOptions) {
  const webhooks: [ReturnType<typeof podWebhook>, ...ReturnType<typeof nodeWebhook>[]] = [
    podWebhook(options),
    ...(options.nodes === true ? [nodeWebhook(options)] : [])
  ]
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: {
      name: options.name ?? 'secco',
      labels: { 'app.kubernetes.io/name': 'secco' }
    },
    webhooks
  }
}
