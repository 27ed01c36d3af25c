import { annotations, labels } from '../../src/api/names.js'
import { allowIgnoreLabel } from '../../src/rules/exclusions.js'
import { pathForm, pathIntoTree } from '../../src/rules/secco-path.js'
import { reviewedResources, touchedNamespaces } from './webhook-configuration.js'

/** What a policy does with a pod that breaks it. */
export type ValidationAction = 'Warn' | 'Audit' | 'Deny'

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
  validationActions?: readonly ValidationAction[]
  /** Beside the two ready-made labels, which are always bound. */
  bindings?: readonly PolicyBinding[]
  /** Whether `secco.dev/ignore` counts where the namespace says nothing; the webhook's own option. */
  allowIgnore?: boolean
}

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const privileged =
  '(has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged)'
const hasOwn = '(has(c.securityContext) && has(c.securityContext.seccompProfile))'
const own = 'c.securityContext.seccompProfile'

/**
 * Names of the containers that are judged and fulfil a condition on `c`. An UPDATE is `kubectl debug`:
 * only the ephemeral containers are new then, and the others are what they were when the pod was made.
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
    "!(has(object.spec.nodeSelector) && 'kubernetes.io/os' in object.spec.nodeSelector && object.spec.nodeSelector['kubernetes.io/os'] == 'windows')"
  ].join(' && ')
}
/** The kubelet's own word: somebody else's pod does not become a mirror by saying so. */
const notMirror = {
  name: 'not-mirror',
  expression:
    "!(has(object.metadata.annotations) && 'kubernetes.io/config.mirror' in object.metadata.annotations && has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups)"
}
const assigned = {
  name: 'assigned',
  expression: `has(object.metadata.annotations) && '${annotations.assigned}' in object.metadata.annotations ? object.metadata.annotations['${annotations.assigned}'] : ''`
}

/**
 * What decide() does: the label counts where the namespace allows it, else where the installation does.
 * A variable and no matchCondition: those are not given the namespace.
 */
const optedOut = (allowIgnore: boolean) => ({
  name: 'optedOut',
  expression: [
    `has(object.metadata.labels) && '${labels.ignore}' in object.metadata.labels && object.metadata.labels['${labels.ignore}'] == 'true'`,
    `(namespaceObject != null && has(namespaceObject.metadata.labels) && '${allowIgnoreLabel}' in namespaceObject.metadata.labels ? namespaceObject.metadata.labels['${allowIgnoreLabel}'] == 'true' : ${allowIgnore})`
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
 * The ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on the final state and its bindings:
 * a pod that Secco is responsible for has a filter on every container, and carries what Secco decided:
 * a path of Secco's, or RuntimeDefault with the reason for it in `secco.dev/assigned`, or its author's
 * own file. Runs inside the API server, so it also covers `failurePolicy: Ignore` and padded reviews.
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
          "has(object.spec.securityContext) && has(object.spec.securityContext.seccompProfile) ? object.spec.securityContext.seccompProfile.type : ''"
      },
      {
        name: 'unconfined',
        expression: judged(
          `!${privileged} && (${hasOwn} ? ${own}.type == 'Unconfined' : variables.podType in ['', 'Unconfined'])`
        )
      },
      {
        name: 'undecided',
        // Nothing is annotated on `kubectl debug`, nor on pods of so many containers: see buildPatch.
        expression: `request.operation == 'UPDATE' || variables.assigned != '' || object.spec.containers.size() + (has(object.spec.initContainers) ? object.spec.initContainers.size() : 0) > 256 ? [] : (${judged(
          `!${privileged} && (${hasOwn} ? ${own}.type : variables.podType) == 'RuntimeDefault'`
        )})`
      }
    ],
    validations: [
      {
        expression: 'variables.optedOut || variables.unconfined.size() == 0',
        messageExpression:
          "'secco: no seccomp filter on container ' + variables.unconfined.join(', ') + '; the secco webhook was not reached, only observes here, or was overruled'",
        reason: 'Forbidden'
      },
      {
        expression: 'variables.optedOut || variables.undecided.size() == 0',
        messageExpression: `'secco: labelled for secco, but container ' + variables.undecided.join(', ') + ' has neither a profile of secco nor its word (${annotations.assigned}) why not; the secco webhook was not reached, only observes here, or was overruled'`,
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

/** The entry of `secco.dev/assigned` that goes with a path; see assignment() in patch.ts. */
const entryOf = (path: string) =>
  [
    `'"' + c.name + '":[{][^{}]*"profile":"' + ${path}.split('/')[1] + '/' + ${path}.split('/')[2].replace('.', '[.]')`,
    `'"[^{}]*"revision":"sha256:' + ${path}.split('/')[3].substring(0, 64) + '"'`
  ].join(' + ')

/**
 * The ValidatingAdmissionPolicy on paths below `secco/`, and its binding to every pod, labelled or not:
 * they are Secco's to write, and stand only beside Secco's own word for that container. Nobody opts out
 * of it.
 *
 * CEL sees the pod and not who wrote which part of it: an annotation made up to fit its path passes here.
 * Where the webhook is reached it does not get that far: what no rule gives is taken out of
 * `secco.dev/assigned` there. Nor does CEL know the approvals: whether the revision is the profile's
 * newest is for the hub, and whether the file is what its name says is for the satellite.
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
          // Ephemeral containers never get a path of ours.
          `${points} && ${formed} && (request.operation == 'UPDATE' || !variables.assigned.matches(${entryOf(path)}))`
        )
      },
      {
        name: 'onPod',
        expression: `request.operation != 'UPDATE' && has(object.spec.securityContext) && has(object.spec.securityContext.seccompProfile) && has(object.spec.securityContext.seccompProfile.localhostProfile) && object.spec.securityContext.seccompProfile.localhostProfile.matches(${text(pathIntoTree)})`
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
        messageExpression: `'secco: container ' + variables.unassigned.join(', ') + ' points below secco/ by hand: ${annotations.assigned} does not give it that revision; a rule in the root namespace does'`,
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
