import { labels, rootNamespace } from '../../src/api/names.js'
import { alwaysExcludedNamespaces } from '../../src/rules/exclusions.js'

/** Where the API server finds the webhook: a URL (outside a cluster, tests) or a Service. */
export type WebhookTarget =
  | { url: string }
  | { service: { name: string; namespace: string; port?: number } }

export interface WebhookConfigurationOptions {
  target: WebhookTarget
  /**
   * Base64 of the PEM bundle that signs the webhook's certificate; see certs/files.ts `caBundle`. Empty:
   * the field is left out, so that applying the object again leaves what somebody else put there.
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
}

/** `kubernetes.io/metadata.name NotIn [...]`: what neither the webhook nor the policy may touch. */
function namespaceSelector(
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

function clientConfig(target: WebhookTarget, caBundle: string) {
  const bundle = caBundle === '' ? {} : { caBundle }
  if ('url' in target) return { url: target.url, ...bundle }
  const { name, namespace, port } = target.service
  return { service: { name, namespace, path: '/mutate', port: port ?? 443 }, ...bundle }
}

/** The two things the webhook reviews. `kubectl debug` arrives as UPDATE of `pods/ephemeralcontainers`. */
const reviewedResources = [
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

/**
 * The MutatingWebhookConfiguration (admissionregistration.k8s.io/v1) as a plain object to apply.
 * Opt-outs, mirror and Windows pods are decided in code, where they are reported, and not by a
 * matchCondition. The own namespace is kept out by the selector, by a condition and by decide(): who
 * edits one of them has not yet made Secco depend on itself.
 * @param options.target a URL must end in `/mutate`.
 */
export function mutatingWebhookConfiguration(options: WebhookConfigurationOptions) {
  const own = options.ownNamespace ?? rootNamespace
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: {
      name: options.name ?? 'secco',
      labels: { 'app.kubernetes.io/name': 'secco' }
    },
    webhooks: [
      {
        name: 'pods.secco.dev',
        admissionReviewVersions: ['v1'],
        clientConfig: clientConfig(options.target, options.caBundle),
        rules: reviewedResources,
        namespaceSelector: namespaceSelector(options),
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
    ]
  }
}

/** Containers of one list whose effective profile is none or Unconfined. Privileged ones have no filter anyway. */
function unconfinedIn(list: string): string {
  return [
    `(has(object.spec.${list}) ? object.spec.${list} : []).filter(c,`,
    '!(has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged) &&',
    '(has(c.securityContext) && has(c.securityContext.seccompProfile)',
    "? c.securityContext.seccompProfile.type == 'Unconfined'",
    ': !variables.podConfined)).map(c, c.name)'
  ].join(' ')
}

/** Containers of one list that name a file below `secco/` in a form that Secco never writes. */
function strangePathIn(list: string): string {
  return [
    `(has(object.spec.${list}) ? object.spec.${list} : []).filter(c,`,
    'has(c.securityContext) && has(c.securityContext.seccompProfile) &&',
    'has(c.securityContext.seccompProfile.localhostProfile) &&',
    "c.securityContext.seccompProfile.localhostProfile.startsWith('secco/') &&",
    "!c.securityContext.seccompProfile.localhostProfile.matches('^secco/[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[0-9a-f]{64}[.]json$')",
    ').map(c, c.name)'
  ].join(' ')
}

const lists = ['containers', 'initContainers', 'ephemeralContainers']

/** One selector of pods that must end up confined, e.g. a SeccompRule's. */
export interface PolicyBinding {
  /** Suffix of the binding's name. */
  name: string
  podSelector: object
  /** Added to the exclusion of the namespaces that stay untouched. */
  namespaceSelector?: { matchLabels?: object; matchExpressions?: readonly object[] }
}

export interface FinalStatePolicyOptions {
  ownNamespace?: string
  excludedNamespaces?: readonly string[]
  /** Default `['Warn', 'Audit']`; `['Deny']` refuses pods that the webhook could not patch. */
  validationActions?: readonly ('Warn' | 'Audit' | 'Deny')[]
  /** Beside the two ready-made labels, which are always bound. */
  bindings?: readonly PolicyBinding[]
}

/**
 * The ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on the final state and its bindings:
 * a pod that Secco is responsible for has a filter on every container, whether or not the webhook was
 * reached. Runs inside the API server, so it also covers `failurePolicy: Ignore` and padded reviews.
 * @returns the policy first, then its bindings.
 */
export function finalStatePolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-final-state.secco.dev'
  const base = namespaceSelector(options)
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, labels: { 'app.kubernetes.io/name': 'secco' } },
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: base,
        resourceRules: reviewedResources
      },
      matchConditions: [
        {
          name: 'not-windows',
          expression:
            "!(has(object.spec.os) && has(object.spec.os.name) && object.spec.os.name == 'windows')"
        },
        {
          name: 'not-mirror',
          expression:
            "!(has(object.metadata.annotations) && 'kubernetes.io/config.mirror' in object.metadata.annotations)"
        },
        {
          name: 'not-opted-out',
          expression: `!(has(object.metadata.labels) && '${labels.ignore}' in object.metadata.labels && object.metadata.labels['${labels.ignore}'] == 'true')`
        }
      ],
      variables: [
        {
          name: 'podConfined',
          expression:
            "has(object.spec.securityContext) && has(object.spec.securityContext.seccompProfile) && object.spec.securityContext.seccompProfile.type != 'Unconfined'"
        },
        { name: 'unconfined', expression: lists.map(unconfinedIn).join(' + ') },
        { name: 'strange', expression: lists.map(strangePathIn).join(' + ') }
      ],
      validations: [
        {
          expression: 'variables.unconfined.size() == 0',
          messageExpression:
            "'secco: no seccomp filter on container ' + variables.unconfined.join(', ') + '; the secco webhook was not reached or was overruled'",
          reason: 'Forbidden'
        },
        {
          expression: 'variables.strange.size() == 0',
          messageExpression:
            "'secco: localhostProfile is not a secco revision on container ' + variables.strange.join(', ')",
          reason: 'Forbidden'
        }
      ]
    }
  }
  const readyMade: PolicyBinding[] = [
    {
      name: 'label-profile',
      podSelector: { matchExpressions: [{ key: labels.profile, operator: 'Exists' }] }
    },
    { name: 'label-learn', podSelector: { matchLabels: { [labels.learn]: 'true' } } }
  ]
  const bindings = [...readyMade, ...(options.bindings ?? [])].map((binding) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: {
      name: `secco-final-state-${binding.name}`,
      labels: { 'app.kubernetes.io/name': 'secco' }
    },
    spec: {
      policyName: name,
      validationActions: options.validationActions ?? ['Warn', 'Audit'],
      matchResources: {
        objectSelector: binding.podSelector,
        namespaceSelector: {
          ...(binding.namespaceSelector?.matchLabels === undefined
            ? {}
            : { matchLabels: binding.namespaceSelector.matchLabels }),
          matchExpressions: [
            ...base.matchExpressions,
            ...(binding.namespaceSelector?.matchExpressions ?? [])
          ]
        }
      }
    }
  }))
  return { policy, bindings }
}
