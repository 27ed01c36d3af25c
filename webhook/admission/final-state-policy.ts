import { annotations, labels } from '../../src/api/names.js'
import { pathForm, pathIntoTree } from '../../src/rules/secco-path.js'
import {
  assigned,
  bindingOf,
  containerCount,
  earlier,
  type FinalStatePolicyOptions,
  hasOwn,
  isDecided,
  isSmall,
  judged,
  notMirror,
  notWindows,
  optedOut,
  own,
  podType,
  type PolicyBinding,
  policyOf,
  privileged,
  runtimeDefault,
  smallEnough,
  text,
  unconfined
} from './policy-parts.js'

/**
 * Returns the ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on the final state and its bindings: a pod
 * that Secco is responsible for has a filter on every container, and carries Secco's decision: a path of Secco's,
 * or RuntimeDefault with the reason in `secco.dev/assigned`, or its author's own file. The policy runs in the API
 * server, so it also covers `failurePolicy: Ignore` and padded reviews.
 * @returns the policy first, then its bindings.
 */
export function finalStatePolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-final-state.secco.dev'
  const policy = finalState(name, options)
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

/**
 * Returns the same policy for pods that only have labels `secco.dev/profile.CONTAINER`, and its binding: no selector of
 * a binding can find a label by the beginning of its key.
 * @returns the policy first, then its binding.
 */
export function containerLabelPolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-final-state-containers.secco.dev'
  const own = 'object.metadata.labels'
  const expression = [
    `has(${own}) && !('${labels.profile}' in ${own})`,
    `!('${labels.learn}' in ${own} && ${own}['${labels.learn}'] == 'true')`,
    `${own}.exists(k, k.startsWith('${labels.containerProfilePrefix}'))`
  ].join(' && ')
  const policy = finalState(name, options, [{ name: 'names-a-container', expression }])
  return { policy, bindings: [bindingOf(name, 'secco-final-state-containers', options, {})] }
}

function finalState(
  name: string,
  options: FinalStatePolicyOptions,
  matchConditions: readonly object[] = []
) {
  return policyOf(name, options, {
    matchConditions: [notWindows, notMirror, ...matchConditions],
    variables: [
      optedOut(options.allowIgnore === true),
      assigned,
      podType,
      containerCount,
      earlier,
      {
        name: 'unconfined',
        expression: judged(`!${privileged} && ${unconfined}`)
      },
      {
        name: 'undecided',
        // Secco does not annotate `kubectl debug`.
        expression: `${isDecided} ? [] : (${judged(`!${privileged} && ${runtimeDefault}`)})`
      }
    ],
    validations: [
      smallEnough('variables.optedOut', "'secco: its label'"),
      {
        expression: `variables.optedOut || !(${isSmall}) || variables.unconfined.size() == 0`,
        messageExpression:
          "'secco: no seccomp filter on container ' + variables.unconfined.join(', ')" +
          " + '; the secco webhook was not reached, only observes here, or was overruled'",
        reason: 'Forbidden'
      },
      {
        expression: `variables.optedOut || !(${isSmall}) || variables.undecided.size() == 0`,
        messageExpression:
          "'secco: labelled for secco, but container ' + variables.undecided.join(', ')" +
          ` + ' has neither a secco profile nor a reason for that in ${annotations.assigned};` +
          " the secco webhook was not reached, only observes here, or was overruled'",
        reason: 'Forbidden'
      }
    ]
  })
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
      earlier,
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
