import { optedOut } from '../../src/api/opt-out.js'
import { annotations, labels } from '../../src/api/names.js'
import {
  maxContainers,
  maxLabels,
  maxPathLength,
  maxStoredContainers
} from '../../src/rules/limits.js'
import { pathForm, pathIntoTree } from '../../src/rules/secco-path.js'
import { reviewedResources } from './webhook-configuration.js'
import {
  assigned,
  bindingOf,
  cause,
  containerCount,
  earlier,
  type FinalStatePolicyOptions,
  first,
  hasOwn,
  isChange,
  isDecided,
  isSmall,
  judged,
  labelsOf,
  listOf,
  namesIn,
  notMirror,
  notWindows,
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

/** CEL: a label of Secco selects the pod. More labels than Secco reads count as one. @param pod `object` or `oldObject` */
const isLabelled = (pod: string): string => {
  const own = labelsOf(pod)
  return `(${[
    `${own}.size() > ${maxLabels}`,
    `'${labels.profile}' in ${own}`,
    `('${labels.learn}' in ${own} && ${own}['${labels.learn}'] == 'true')`,
    `${own}.exists(k, k.startsWith('${labels.containerProfilePrefix}'))`
  ].join(' || ')})`
}
const ignores = (pod: string): string =>
  `('${labels.ignore}' in ${labelsOf(pod)} && ${labelsOf(pod)}['${labels.ignore}'] == 'true')`
/** A binding also selects a stored pod by the labels that it had. */
const newlyLabelled = {
  name: 'newly-labelled',
  expression:
    `!${isChange} || (${isLabelled('object')}` +
    ` && (!${isLabelled('oldObject')} || (${ignores('oldObject')} && !${ignores('object')})))`
}

/** CEL: the pod has more labels than Secco reads. To look at each of them could exceed the cost limit. */
const hasManyLabels = `(has(object.metadata.labels) && object.metadata.labels.size() > ${maxLabels})`

/**
 * Returns the same policy for pods that only have labels `secco.dev/profile.CONTAINER`, and its binding: no selector of
 * a binding can find a label by the beginning of its key.
 * @returns the policy first, then its binding.
 */
export function containerLabelPolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-final-state-containers.secco.dev'
  const own = 'object.metadata.labels'
  const names = [
    `!('${labels.profile}' in ${own})`,
    `!('${labels.learn}' in ${own} && ${own}['${labels.learn}'] == 'true')`,
    `${own}.exists(k, k.startsWith('${labels.containerProfilePrefix}'))`
  ].join(' && ')
  const expression = `${hasManyLabels} || (has(${own}) && ${names})`
  const policy = finalState(name, options, [{ name: 'names-a-container', expression }])
  return { policy, bindings: [bindingOf(name, 'secco-final-state-containers', options, {})] }
}

const overruled = cause('the secco webhook was not reached, only observes here, or was overruled')

function finalState(
  name: string,
  options: FinalStatePolicyOptions,
  matchConditions: readonly object[] = []
) {
  return policyOf(name, options, {
    matchConditions: [notWindows, notMirror, newlyLabelled, ...matchConditions],
    variables: [
      optedOut(options.allowIgnore === true),
      assigned,
      podType,
      containerCount,
      earlier,
      judged('confinable', `!${privileged}`),
      namesIn('unconfined', 'confinable', unconfined),
      // Secco does not annotate `kubectl debug`.
      namesIn('undecided', 'confinable', `!(${isDecided}) && ${runtimeDefault}`)
    ],
    validations: [
      {
        expression: `!(${hasManyLabels})`,
        message: `secco: the pod has more than ${maxLabels} labels`,
        reason: 'Forbidden'
      },
      smallEnough('variables.optedOut', "'secco: its label'"),
      {
        expression: 'variables.optedOut || variables.unconfined.size() == 0',
        messageExpression:
          `'secco: no seccomp filter on container ' + ${first('unconfined')}` +
          ` + '; ' + ${overruled}`,
        reason: 'Forbidden'
      },
      {
        expression: 'variables.optedOut || variables.undecided.size() == 0',
        messageExpression:
          `'secco: labelled for secco, but container ' + ${first('undecided')}` +
          ` + ' has neither a secco profile nor a reason for that in ${annotations.assigned}; ' + ${overruled}`,
        reason: 'Forbidden'
      }
    ]
  })
}

const path = `${own}.localhostProfile`
const ofPod = 'object.spec.securityContext'
const hasPath = `${hasOwn} && has(${path})`
/** The longest path of Secco: namespace, name and digest. */
const longest = 'secco/'.length + 63 + 1 + 253 + 1 + 64 + '.json'.length

/** Returns CEL for whether a path is below `secco/`, or so long that it leads to no file. */
const isPointing = (value: string): string =>
  `(${value}.size() > ${maxPathLength} || ${value}.matches(${text(pathIntoTree)}))`

/** CEL: a pod with more containers than are compared has a path, or so many of them that CEL cannot look at each. */
const isCrowded = `!(${isSmall}) && (${[
  `variables.containerCount > ${maxStoredContainers}`,
  ...['containers', 'initContainers', 'ephemeralContainers'].map(
    (list) => `${listOf(list)}.exists(c, ${hasPath})`
  )
].join(' || ')})`

const after = (part: string): string => `e.split('${part}')[1].split('"')[0]`
/**
 * CEL for the entries of `secco.dev/assigned` that give a revision, each as `"container namespace/profile digest`; see
 * assignment() in patch.ts. Regular expressions over the whole annotation would exceed the cost limit, and no part of a
 * text that somebody made up must end in an error.
 */
const given = [
  `variables.entries.size() > ${maxContainers + 2} ? [] : variables.entries`,
  `.filter(e, e.contains('":{') && e.contains('"profile":"') && e.contains('"revision":"sha256:'))`,
  `.map(e, e.split('":{')[0].replace('{', '').replace(',', '')`,
  ` + ' ' + ${after('"profile":"')} + ' ' + ${after('"revision":"sha256:')})`
].join('')
/** The same of a container with a path of Secco. */
const taken = `[${path}.split('/')].map(p, '"' + c.name + ' ' + p[1] + '/' + p[2] + ' ' + p[3].replace('.json', ''))[0]`

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
  const policy = policyOf(
    name,
    options,
    {
      matchConditions: [notMirror],
      variables: [
        assigned,
        containerCount,
        earlier,
        { name: 'crowded', expression: isCrowded },
        judged('pointing', `${hasPath} && ${isPointing(path)}`),
        namesIn(
          'strange',
          'pointing',
          `${path}.size() > ${longest} || !${path}.matches(${text(pathForm)})`
        ),
        { name: 'entries', expression: "variables.assigned.split('}')" },
        { name: 'given', expression: given },
        namesIn(
          'unassigned',
          'pointing',
          // Ephemeral containers never get a path of Secco's.
          `!(c.name in variables.strange) && (request.operation == 'UPDATE' || !(${taken} in variables.given))`
        ),
        {
          name: 'onPod',
          expression: [
            `request.operation != 'UPDATE' && has(${ofPod})`,
            `has(${ofPod}.seccompProfile) && has(${ofPod}.seccompProfile.localhostProfile)`,
            isPointing(`${ofPod}.seccompProfile.localhostProfile`)
          ].join(' && ')
        }
      ],
      validations: [
        {
          expression: '!variables.crowded',
          message: `secco: the pod has a localhostProfile and more than ${maxContainers} containers`,
          reason: 'Forbidden'
        },
        {
          expression: 'variables.strange.size() == 0',
          messageExpression: `'secco: localhostProfile is not a secco revision on container ' + ${first('strange')}`,
          reason: 'Forbidden'
        },
        {
          expression: 'variables.unassigned.size() == 0',
          messageExpression:
            `'secco: container ' + ${first('unassigned')} + ' points below secco/ by hand: ` +
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
    },
    reviewedResources
  )
  return { policy, bindings: [bindingOf(name, 'secco-paths', options, {})] }
}
