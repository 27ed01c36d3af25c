import { annotations, mirrorAnnotation } from '../../src/api/names.js'
import { maxContainers } from '../../src/rules/limits.js'
import { type InstallMode, modeLabel } from '../../src/rules/observe.js'
import { reviewedResources, touchedNamespaces } from './webhook-configuration.js'

/**
 * This module has what the ValidatingAdmissionPolicies on pods share. Every expression stays below the cost limit of the
 * API server (1,000,000 per expression, k8s.io/apiserver/pkg/apis/cel/config.go): an expression that exceeds it counts as
 * fulfilled, so a pod must not be able to make it exceed.
 */

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
  /** The webhook's own option: in observe mode no rule changes a pod. Default enforce. */
  mode?: InstallMode
}

/** CEL: the request is `kubectl debug`, which arrives as UPDATE of `pods/ephemeralcontainers`. */
export const isDebug = "(has(request.subResource) && request.subResource == 'ephemeralcontainers')"
/** CEL: the request changes labels, annotations, finalizers, owners or images of a stored pod. No profile changes any more. */
export const isChange = `(request.operation == 'UPDATE' && !${isDebug})`
/** CEL for why a pod is as it is, at the end of a message. */
export const cause = (ofNew: string): string =>
  `(${isChange} ? 'a filter cannot be added to a running pod: recreate it' : ${text(ofNew)})`

/** Policies also judge a stored pod whose labels or images change, so that something selects it now. */
export const judgedResources = reviewedResources.map((one) =>
  one.resources[0] === 'pods' ? { ...one, operations: ['CREATE', 'UPDATE'] } : one
)

export const labelsOf = (pod: string): string =>
  `(has(${pod}.metadata.labels) ? ${pod}.metadata.labels : {})`

/** Returns CEL for whether labels satisfy a selector of the rule, as `selectorMatches` computes it. */
export function selects(selector: string, labels: string): string {
  const value = `${labels}[e.key]`
  const values = '(has(e.values) ? e.values : [])'
  // A requirement that needs values and has none makes a rule that selects nothing.
  const valid = `((e.operator in ['In', 'NotIn']) == (${values}.size() > 0))`
  const holds = [
    `e.operator == 'In' ? e.key in ${labels} && ${value} in ${values}`,
    `e.operator == 'NotIn' ? !(e.key in ${labels} && ${value} in ${values})`,
    `e.operator == 'Exists' ? e.key in ${labels}`,
    `e.operator == 'DoesNotExist' && !(e.key in ${labels})`
  ].join(' : ')
  const pairs = `${selector}.matchLabels.all(k, k in ${labels} && ${labels}[k] == ${selector}.matchLabels[k])`
  const expressions = `${selector}.matchExpressions.all(e, ${valid} && (${holds}))`
  return [
    `(!has(${selector}) || ((!has(${selector}.matchLabels) || ${pairs})`,
    `(!has(${selector}.matchExpressions) || ${expressions})))`
  ].join(' && ')
}

export const text = (value: string): string =>
  `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
export const privileged =
  '(has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged)'
export const hasOwn = '(has(c.securityContext) && has(c.securityContext.seccompProfile))'
export const own = 'c.securityContext.seccompProfile'

export const podType = {
  name: 'podType',
  expression:
    'has(object.spec.securityContext) && has(object.spec.securityContext.seccompProfile)' +
    " ? object.spec.securityContext.seccompProfile.type : ''"
}
/** CEL on `c`, a container: no filter, given the variable podType. */
export const unconfined = `(${hasOwn} ? ${own}.type == 'Unconfined' : variables.podType in ['', 'Unconfined'])`
/** CEL on `c`, a container: RuntimeDefault, given the variable podType. */
export const runtimeDefault = `(${hasOwn} ? ${own}.type : variables.podType) == 'RuntimeDefault'`
/** CEL on `c`, a container: a file on the node, given the variable podType. */
export const localhost = `(${hasOwn} ? ${own}.type : variables.podType) == 'Localhost'`
/** CEL: the pod carries a decision of Secco, or is none that gets one. */
export const isDecided = `${isDebug} || variables.assigned != ''`

/** Returns CEL for a list of the pod's containers; empty when the pod has none. */
export const listOf = (list: string) => `(has(object.spec.${list}) ? object.spec.${list} : [])`

/** The number of containers that a policy looks at: see `maxContainers`. */
export const containerCount = {
  name: 'containerCount',
  expression: ['containers', 'initContainers', 'ephemeralContainers']
    .map((list) => `${listOf(list)}.size()`)
    .join(' + ')
}

/** The ephemeral containers that the pod had before: they cannot change. */
export const earlier = {
  name: 'earlier',
  expression:
    'oldObject != null && has(oldObject.spec.ephemeralContainers)' +
    ' ? oldObject.spec.ephemeralContainers.map(c, c.name) : []'
}

/** CEL: every other expression is within its cost limit. */
export const isSmall = `variables.containerCount <= ${maxContainers}`

/** Returns the validation that denies pods with more containers than Secco decides about. */
export const smallEnough = (otherwise: string, who: string) => ({
  expression: `${otherwise} || ${isSmall}`,
  messageExpression: `${who} + ' selects this pod, and it has more than ${maxContainers} containers'`,
  reason: 'Forbidden'
})

/** Returns CEL for the first name of a list, and how many more there are: a message of more than 5 KiB is not shown. */
export const first = (list: string): string =>
  `variables.${list}[0] + (variables.${list}.size() > 1 ? ' and ' + string(variables.${list}.size() - 1) + ' more' : '')`

/**
 * Returns the variable with the judged containers that fulfil a condition on `c`; none of a pod that has too many. By
 * `kubectl debug` only the ephemeral containers are new; the others were judged when the pod was created.
 */
export function judged(name: string, condition: string): { name: string; expression: string } {
  const made = `(${listOf('containers')} + ${listOf('initContainers')})`
  const added = `${listOf('ephemeralContainers')}.filter(c, !(c.name in variables.earlier))`
  const all = `(${isDebug} ? ${added} : ${made})`
  return { name, expression: `!(${isSmall}) ? [] : ${all}.filter(c, ${condition})` }
}

/** Returns the variable with the names of those of an earlier variable's containers that fulfil a condition on `c`. */
export const namesIn = (name: string, list: string, condition: string) => ({
  name,
  expression: `variables.${list}.filter(c, ${condition}).map(c, c.name)`
})

export const notWindows = {
  name: 'not-windows',
  expression: [
    "!(has(object.spec.os) && has(object.spec.os.name) && object.spec.os.name == 'windows')",
    [
      "!(has(object.spec.nodeSelector) && 'kubernetes.io/os' in object.spec.nodeSelector",
      "object.spec.nodeSelector['kubernetes.io/os'] == 'windows')"
    ].join(' && ')
  ].join(' && ')
}
/** Only the node that a pod names can mark it as a mirror pod: the annotation does not count on anybody else's pod. */
export const notMirror = {
  name: 'not-mirror',
  expression: [
    `!(has(object.metadata.annotations) && '${mirrorAnnotation}' in object.metadata.annotations`,
    "has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups",
    "has(object.spec.nodeName) && request.userInfo.username == 'system:node:' + object.spec.nodeName)"
  ].join(' && ')
}
export const assigned = {
  name: 'assigned',
  expression: [
    `has(object.metadata.annotations) && '${annotations.assigned}' in object.metadata.annotations`,
    `? object.metadata.annotations['${annotations.assigned}'] : ''`
  ].join(' ')
}

/** Returns the variable that does what isObserved() does: the label of the namespace wins over the installation. */
export const observed = (mode: InstallMode) => ({
  name: 'observed',
  expression: [
    `namespaceObject != null && has(namespaceObject.metadata.labels) && '${modeLabel}' in namespaceObject.metadata.labels`,
    `&& namespaceObject.metadata.labels['${modeLabel}'] in ['enabled', 'observe']`,
    `? namespaceObject.metadata.labels['${modeLabel}'] == 'observe' : ${mode === 'observe'}`
  ].join(' ')
})

export function policyOf(
  name: string,
  options: FinalStatePolicyOptions,
  spec: {
    matchConditions: object[]
    variables: object[]
    validations: object[]
    paramKind?: object
  },
  resourceRules: readonly object[] = judgedResources
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
        resourceRules
      },
      ...spec
    }
  }
}

export function bindingOf(
  policyName: string,
  name: string,
  options: FinalStatePolicyOptions,
  binding: Omit<PolicyBinding, 'name' | 'podSelector'> & { podSelector?: object; paramRef?: object }
) {
  const { matchLabels, matchExpressions = [] } = binding.namespaceSelector ?? {}
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name, labels: { 'app.kubernetes.io/name': 'secco' } },
    spec: {
      policyName,
      ...(binding.paramRef === undefined ? {} : { paramRef: binding.paramRef }),
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
 * Returns a policy and its binding. What violates the policy, or cannot be evaluated, is rejected, or met with the other
 * validation actions if there are any.
 * @param name the name of the binding; that of the policy has `.secco.dev` behind it
 */
export function strictPolicy(
  name: string,
  resourceRule: object,
  spec: {
    matchConditions?: object[]
    variables?: object[]
    validations: object[]
    auditAnnotations?: object[]
    /** Default: Deny. */
    validationActions?: readonly string[]
  }
): readonly object[] {
  const { validationActions = ['Deny'], ...rules } = spec
  const labels = { 'app.kubernetes.io/name': 'secco' }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  const policyName = `${name}.secco.dev`
  const policy = {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: { name: policyName, labels } },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { matchPolicy: 'Equivalent', resourceRules: [resourceRule] },
      ...rules
    }
  }
  const binding = {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name, labels } },
    spec: { policyName, validationActions }
  }
  return [policy, binding]
}
