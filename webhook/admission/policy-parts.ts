import { annotations, labels, mirrorAnnotation } from '../../src/api/names.js'
import { allowIgnoreLabel } from '../../src/rules/exclusions.js'
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
/** CEL: the pod carries a decision of Secco, or is none that gets one. */
export const isDecided = "request.operation == 'UPDATE' || variables.assigned != ''"

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

/** Whether every other expression is within its cost limit. */
export const isSmall = `variables.containerCount <= ${maxContainers}`

/** Returns the validation that denies pods with more containers than Secco decides about. */
export const smallEnough = (otherwise: string, who: string) => ({
  expression: `${otherwise} || ${isSmall}`,
  messageExpression: `${who} + ' selects this pod, and it has more than ${maxContainers} containers'`,
  reason: 'Forbidden'
})

/**
 * Returns CEL for the names of the judged containers that fulfil a condition on `c`. An UPDATE is `kubectl debug`:
 * only the ephemeral containers are new; the others were judged when the pod was created.
 */
export function judged(condition: string): string {
  const named = (list: string) => `${listOf(list)}.filter(c, ${condition}).map(c, c.name)`
  const made = ['containers', 'initContainers'].map(named).join(' + ')
  const added = named('ephemeralContainers')
  return `request.operation == 'UPDATE' ? ${added}.filter(n, !(n in variables.earlier)) : ${made}`
}

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
/** Only the kubelet can mark a pod as a mirror pod: the annotation does not count on anybody else's pod. */
export const notMirror = {
  name: 'not-mirror',
  expression: [
    `!(has(object.metadata.annotations) && '${mirrorAnnotation}' in object.metadata.annotations`,
    "has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups)"
  ].join(' && ')
}
export const assigned = {
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
export const optedOut = (allowIgnore: boolean) => ({
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
  }
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
 * Returns a policy that rejects what violates it, also when it cannot be evaluated, and its binding.
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
  }
): readonly object[] {
  const labels = { 'app.kubernetes.io/name': 'secco' }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  const policyName = `${name}.secco.dev`
  const policy = {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: { name: policyName, labels } },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { matchPolicy: 'Equivalent', resourceRules: [resourceRule] },
      ...spec
    }
  }
  const binding = {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name, labels } },
    spec: { policyName, validationActions: ['Deny'] }
  }
  return [policy, binding]
}
