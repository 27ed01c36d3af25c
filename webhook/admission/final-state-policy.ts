import { annotations, labels } from '../../src/api/names.js'
import { allowIgnoreLabel } from '../../src/rules/exclusions.js'
import { pathForm, pathIntoTree } from '../../src/rules/secco-path.js'
import { reviewedResources, touchedNamespaces } from './webhook-configuration.js'

/** ValidationAction is what a policy does with a pod that violates it. */
export type ValidationAction = 'Warn' | 'Audit' | 'Deny'

/** PolicyBinding selects pods that must end up confined, e.g. those of a SeccompRule. */
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
  /** Default `['Warn', 'Audit']`; `['Deny']` rejects pods that the webhook could not patch. */
  validationActions?: readonly ValidationAction[]
  /** Bindings besides those of the two ready-made labels, which always exist. */
  bindings?: readonly PolicyBinding[]
  /** Whether `secco.dev/ignore` counts in namespaces that do not set it; the webhook's own option. */
  allowIgnore?: boolean
}

/** CEL: pods that carry no decision although Secco made one. */
const notAnnotated =
  "request.operation == 'UPDATE' || variables.assigned != '' || object.spec.containers.size()" +
  ' + (has(object.spec.initContainers) ? object.spec.initContainers.size() : 0) > 256'

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const privileged =
  '(has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged)'
const hasOwn = '(has(c.securityContext) && has(c.securityContext.seccompProfile))'
const own = 'c.securityContext.seccompProfile'

/**
 * Returns CEL for the names of the judged containers that fulfil a condition on `c`. An UPDATE is `kubectl debug`:
 * only the ephemeral containers are new; the others were judged when the pod was created.
 */
function judged(condition: string): string {
  const named = (list: string) =>
    `(has(object.spec.${list}) ? object.spec.${list} : []).filter(c, ${condition}).map(c, c.name)`
  const made = ['containers', 'initContainers'].map(named).join(' + ')
  return `request.operation == 'UPDATE' ? ${named('ephemeralContainers')} : ${made}`
}

const notWindows = {
  name: 'not-windows',
  expression: [
    "!(has(object.spec.os) && has(object.spec.os.name) && object.spec.os.name == 'windows')",
    [
      "!(has(object.spec.nodeSelector) && 'kubernetes.io/os' in object.spec.nodeSelector",
      "object.spec.nodeSelector['kubernetes.io/os'] == 'windows')"
    ].join(' && ')
  ].join(' && ')
}
/** Only the kubelet can mark a pod as a mirror pod: the annotation does not count on anybody else's pod. */
const notMirror = {
  name: 'not-mirror',
  expression: [
    "!(has(object.metadata.annotations) && 'kubernetes.io/config.mirror' in object.metadata.annotations",
    "has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups)"
  ].join(' && ')
}
const assigned = {
  name: 'assigned',
  expression: [
    `has(object.metadata.annotations) && '${annotations.assigned}' in object.metadata.annotations`,
    `? object.metadata.annotations['${annotations.assigned}'] : ''`
  ].join(' ')
}

/**
 * Returns the variable that does what decide() does: the label counts where the namespace allows it, else where the
 * installation does. A matchCondition cannot do this: it does not get the namespace.
 */
const optedOut = (allowIgnore: boolean) => ({
  name: 'optedOut',
  expression: [
    `has(object.metadata.labels) && '${labels.ignore}' in object.metadata.labels && object.metadata.labels['${labels.ignore}'] == 'true'`,
    [
      `(namespaceObject != null && has(namespaceObject.metadata.labels)`,
      `'${allowIgnoreLabel}' in namespaceObject.metadata.labels`
    ].join(' && ') +
      ` ? namespaceObject.metadata.labels['${allowIgnoreLabel}'] == 'true' : ${allowIgnore})`
  ].join(' && ')
})

function policyOf(
  name: string,
  options: FinalStatePolicyOptions,
  spec: { matchConditions: object[]; variables: object[]; validations: object[] }
) {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, labels: { 'app.kubernetes.io/name': 'secco' } },
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: touchedNamespaces(options),
        resourceRules: reviewedResources
      },
      ...spec
    }
  }
}

function bindingOf(
  policyName: string,
  name: string,
  options: FinalStatePolicyOptions,
  binding: Omit<PolicyBinding, 'name' | 'podSelector'> & { podSelector?: object }
) {
  const { matchLabels, matchExpressions = [] } = binding.namespaceSelector ?? {}
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name, labels: { 'app.kubernetes.io/name': 'secco' } },
    spec: {
      policyName,
      validationActions: options.validationActions ?? ['Warn', 'Audit'],
      matchResources: {
        ...(binding.podSelector === undefined ? {} : { objectSelector: binding.podSelector }),
        namespaceSelector: {
          ...(matchLabels === undefined ? {} : { matchLabels }),
          matchExpressions: [...touchedNamespaces(options).matchExpressions, ...matchExpressions]
        }
      }
    }
  }
}

/**
 * Returns the ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on the final state and its bindings: a pod
 * that Secco is responsible for has a filter on every container, and carries Secco's decision: a path of Secco's,
 * or RuntimeDefault with the reason in `secco.dev/assigned`, or its author's own file. The policy runs in the API
 * server, so it also covers `failurePolicy: Ignore` and padded reviews.
 * @returns the policy first, then its bindings.
 */
export function finalStatePolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-final-state.secco.dev'
  const policy = policyOf(name, options, {
    matchConditions: [notWindows, notMirror],
    variables: [
      optedOut(options.allowIgnore === true),
      assigned,
      {
        name: 'podType',
        expression:
          'has(object.spec.securityContext) && has(object.spec.securityContext.seccompProfile)' +
          " ? object.spec.securityContext.seccompProfile.type : ''"
      },
      {
        name: 'unconfined',
        expression: judged(
          `!${privileged} && (${hasOwn} ? ${own}.type == 'Unconfined' : variables.podType in ['', 'Unconfined'])`
        )
      },
      {
        name: 'undecided',
        // Secco annotates neither `kubectl debug` nor pods with more than 256 containers: see buildPatch.
        expression: `${notAnnotated} ? [] : (${judged(
          `!${privileged} && (${hasOwn} ? ${own}.type : variables.podType) == 'RuntimeDefault'`
        )})`
      }
    ],
    validations: [
      {
        expression: 'variables.optedOut || variables.unconfined.size() == 0',
        messageExpression:
          "'secco: no seccomp filter on container ' + variables.unconfined.join(', ')" +
          " + '; the secco webhook was not reached, only observes here, or was overruled'",
        reason: 'Forbidden'
      },
      {
        expression: 'variables.optedOut || variables.undecided.size() == 0',
        messageExpression:
          "'secco: labelled for secco, but container ' + variables.undecided.join(', ')" +
          ` + ' has neither a secco profile nor a reason for that in ${annotations.assigned};` +
          " the secco webhook was not reached, only observes here, or was overruled'",
        reason: 'Forbidden'
      }
    ]
  })
  const readyMade: PolicyBinding[] = [
    {
      name: 'label-profile',
      podSelector: { matchExpressions: [{ key: labels.profile, operator: 'Exists' }] }
    },
    { name: 'label-learn', podSelector: { matchLabels: { [labels.learn]: 'true' } } }
  ]
  const bindings = [...readyMade, ...(options.bindings ?? [])].map((binding) =>
    bindingOf(name, `secco-final-state-${binding.name}`, options, binding)
  )
  return { policy, bindings }
}

/** Returns CEL for the entry of `secco.dev/assigned` that belongs to a path; see assignment() in patch.ts. */
const entryOf = (path: string) =>
  [
    `'"' + c.name + '":[{][^{}]*"profile":"' + ${path}.split('/')[1] + '/' + ${path}.split('/')[2].replace('.', '[.]')`,
    `'"[^{}]*"revision":"sha256:' + ${path}.split('/')[3].substring(0, 64) + '"'`
  ].join(' + ')

/**
 * Returns the ValidatingAdmissionPolicy on paths below `secco/`, and its binding to every pod, labelled or not: only
 * Secco writes such paths, together with its annotation for that container. There is no opt-out.
 *
 * CEL sees the pod but not who wrote which part of it: an invented annotation that fits its path passes. When the
 * webhook is reached, it removes from `secco.dev/assigned` what no rule assigns. CEL does not know the approvals
 * either: the hub checks whether the revision is the profile's newest, and the satellite checks the file's digest.
 * @returns the policy first, then its binding.
 */
export function pathPolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-paths.secco.dev'
  const path = `${own}.localhostProfile`
  const points = `${hasOwn} && has(${path}) && ${path}.matches(${text(pathIntoTree)})`
  const formed = `${path}.matches(${text(pathForm)})`
  const policy = policyOf(name, options, {
    matchConditions: [notMirror],
    variables: [
      assigned,
      { name: 'strange', expression: judged(`${points} && !${formed}`) },
      {
        name: 'unassigned',
        expression: judged(
          // Ephemeral containers never get a path of Secco's.
          `${points} && ${formed} && (request.operation == 'UPDATE' || !variables.assigned.matches(${entryOf(path)}))`
        )
      },
      {
        name: 'onPod',
        expression: [
          "request.operation != 'UPDATE' && has(object.spec.securityContext)",
          'has(object.spec.securityContext.seccompProfile)',
          'has(object.spec.securityContext.seccompProfile.localhostProfile)',
          `object.spec.securityContext.seccompProfile.localhostProfile.matches(${text(pathIntoTree)})`
        ].join(' && ')
      }
    ],
    validations: [
      {
        expression: 'variables.strange.size() == 0',
        messageExpression:
          "'secco: localhostProfile is not a secco revision on container ' + variables.strange.join(', ')",
        reason: 'Forbidden'
      },
      {
        expression: 'variables.unassigned.size() == 0',
        messageExpression:
          "'secco: container ' + variables.unassigned.join(', ') + ' points below secco/ by hand: " +
          `${annotations.assigned} does not give it that revision; a rule in the root namespace does'`,
        reason: 'Forbidden'
      },
      {
        expression: '!variables.onPod',
        message:
          'secco: the pod itself points below secco/: secco gives profiles to containers, never to a whole pod',
        reason: 'Forbidden'
      }
    ]
  })
  return { policy, bindings: [bindingOf(name, 'secco-paths', options, {})] }
}
