import { isOptedOut, optedOut } from '../../src/api/opt-out.js'
import { annotations, apiVersion, rootNamespace } from '../../src/api/names.js'
import {
  maxImagePairs,
  maxImageProduct,
  maxImagesLength,
  maxNameProduct
} from '../../src/rules/limits.js'
import { fittingImages, imagePatterns } from './image-expressions.js'
import {
  assigned,
  bindingOf,
  cause,
  containerCount,
  earlier,
  type FinalStatePolicyOptions,
  first,
  isChange,
  isDebug,
  isDecided,
  isSmall,
  judged,
  labelsOf,
  listOf,
  localhost,
  namesIn,
  notMirror,
  notWindows,
  observed,
  podType,
  policyOf,
  privileged,
  runtimeDefault,
  selects,
  smallEnough,
  unconfined
} from './policy-parts.js'

const allOf = `(${listOf('containers')} + ${listOf('initContainers')})`
const imageOf = (container: string) => `(has(${container}.image) ? ${container}.image : '')`
/** CEL for the images of new ephemeral containers: they select a rule for themselves. */
const debugImages =
  `(${isDebug} ? ${listOf('ephemeralContainers')}.filter(c, !(c.name in variables.earlier))` +
  `.map(c, ${imageOf('c')}) : [])`
/** Returns CEL for the images of a pod, each with its container: an update adds and removes no containers. */
const imagesOf = (pod: string) =>
  `(${['containers', 'initContainers']
    .map((list) => `(has(${pod}.spec.${list}) ? ${pod}.spec.${list} : [])`)
    .join(' + ')}).map(c, c.name + ' ' + ${imageOf('c')})`
/** A text that is matched counts as ten characters more: CEL rounds up. */
const lengthOf = (list: string) => `${list}.map(n, n.size() + 11).sum()`

/** CEL about the names of containers and images, and the rule's patterns for them. */
const named = [
  {
    name: 'literalNames',
    expression:
      "has(params.spec.containers) ? params.spec.containers.filter(p, !p.contains('*')) : []"
  },
  {
    name: 'nameRegex',
    expression: [
      "!has(params.spec.containers) || !params.spec.containers.exists(p, p.contains('*')) ? ''",
      ` : '^(' + params.spec.containers.filter(p, p.contains('*')).map(p, p.replace('*', '.*')).join('|') + ')$'`
    ].join('')
  },
  { name: 'names', expression: `${isSmall} ? ${allOf}.map(c, c.name) : []` },
  {
    name: 'patterns',
    expression: imagePatterns
  },
  {
    name: 'images',
    expression: `has(params.spec.images) && ${isSmall} ? ${allOf}.map(c, ${imageOf('c')}) + ${debugImages} : []`
  },
  { name: 'imagesLength', expression: 'variables.images.map(n, n.size()).sum()' },
  {
    name: 'comparable',
    expression: [
      `${lengthOf('variables.names')} * variables.nameRegex.size() <= ${maxNameProduct}`,
      `variables.images.size() * variables.patterns.size() <= ${maxImagePairs}`,
      `${lengthOf('variables.images')} * variables.patterns.map(p, p[3].size() + p[4].size()).sum() <= ${maxImageProduct}`
    ].join(' && ')
  },
  {
    name: 'fitting',
    expression: fittingImages
  },
  {
    name: 'fitsPod',
    expression: `${isDebug} && ${isSmall} && ${allOf}.exists(c, ${imageOf('c')} in variables.fitting)`
  }
]

/** CEL on `c`, a container: what selects it now did not do so before the update. */
const isNewlyCovered = ` && (!variables.selectedBefore || !(c.name + ' ' + ${imageOf('c')} in variables.imagesBefore))`
/** CEL on `c`, a container: the rule names it. */
const covered = [
  '(!has(params.spec.containers) || c.name in variables.literalNames' +
    " || (variables.nameRegex != '' && c.name.matches(variables.nameRegex)))",
  `(!has(params.spec.images) || ${imageOf('c')} in variables.fitting)`
].join(' && ')
/** An ephemeral container gets RuntimeDefault where a rule selects its pod, whatever its name, or its own image. */
const coveredDebug = `(!has(params.spec.images) || variables.fitsPod || ${imageOf('c')} in variables.fitting)`
const isJudged = `!${privileged} && (${isDebug} ? ${coveredDebug} : (${covered}${isNewlyCovered}))`

/** CEL: the hub has read this version of the rule, so that the webhooks had it a second ago. */
const isAccepted = [
  'has(params.status) && has(params.status.conditions)',
  "params.status.conditions.exists(s, s.type == 'Accepted' && s.status == 'True'" +
    ' && has(s.observedGeneration) && s.observedGeneration == params.metadata.generation)'
].join(' && ')

const who = "'secco: rule ' + params.metadata.namespace + '/' + params.metadata.name"
const why = cause('the secco webhook was not reached or was overruled')
const areImagesShort = `variables.imagesLength <= ${maxImagesLength}`

/** What a pod must fulfil that the rule selects. */
const validations = [
  smallEnough('!variables.selected', who),
  {
    expression: `!variables.selected || ${areImagesShort}`,
    messageExpression: `${who} + ' selects this pod, and the names of its images have more than ${maxImagesLength} characters'`,
    reason: 'Forbidden'
  },
  {
    expression: `!variables.selected || !(${areImagesShort}) || variables.comparable`,
    messageExpression: `${who} + ' selects this pod, and has too many patterns for so many names of containers and images'`,
    reason: 'Forbidden'
  },
  {
    expression: 'variables.unconfined.size() == 0',
    messageExpression:
      `${who} + ' enforces a profile, but there is no seccomp filter on container ' + ` +
      `${first('unconfined')} + '; ' + ${why}`,
    reason: 'Forbidden'
  },
  {
    expression: 'variables.ownFile.size() == 0',
    messageExpression:
      `${who} + ' enforces a profile, but container ' + ${first('ownFile')}` +
      ` + ', added to the running pod, has a file of its own instead of RuntimeDefault; ' + ${why}`,
    reason: 'Forbidden'
  },
  {
    expression: 'variables.undecided.size() == 0',
    messageExpression:
      `${who} + ' enforces a profile, but container ' + ${first('undecided')}` +
      ` + ' has neither one nor a reason for that in ${annotations.assigned}; ' + ${why}`,
    reason: 'Forbidden'
  }
]

/**
 * Returns the ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on pods that an enforcing rule of the root
 * namespace selects, and its binding. The rules are the policy's parameters: the API server follows them, and evaluates
 * each of them with cost limits of its own, so that neither a hub nor a webhook has to run, and any number of rules fits.
 * What a pod must have is what Secco's decision gives at least: a filter on every container that the rule names, and
 * Secco's annotation if that is RuntimeDefault.
 *
 * A stored pod is judged again when its labels or images change, so that the rule names a container that it did not name
 * before. No other change of a pod is judged, whatever the pod has.
 *
 * No honest pod is denied. Not judged are: pods that decide() does not change (excluded namespaces, Secco's own
 * accounts, observe mode, opt-out where it counts, Windows, mirror pods, privileged containers), files of the author of
 * the pod (they stay while the profile is not ready), and rules that no hub has accepted yet in their present version: webhooks
 * may not know them. A profile that is not approved, not distributed or only for canaries leaves RuntimeDefault and
 * the annotation with the reason. CEL cannot know who wrote an annotation: who invents one gets RuntimeDefault at least.
 * @returns the policy first, then its binding.
 */
export function rulePolicy(options: FinalStatePolicyOptions = {}) {
  const name = 'secco-rules.secco.dev'
  const own = options.ownNamespace ?? rootNamespace
  const policy = policyOf(name, options, {
    paramKind: { apiVersion, kind: 'SeccompRule' },
    matchConditions: [
      { name: 'enforces', expression: "params.spec.mode == 'enforce'" },
      {
        name: 'changes-what-is-selected',
        expression: `!${isChange} || ${labelsOf('object')} != ${labelsOf('oldObject')} || ${imagesOf('object')} != ${imagesOf('oldObject')}`
      },
      notWindows,
      notMirror,
      {
        name: 'not-own-service-accounts',
        expression: `!request.userInfo.username.startsWith('system:serviceaccount:${own}:')`
      }
    ],
    variables: [
      optedOut(options.allowIgnore === true),
      observed(options.mode ?? 'enforce'),
      { name: 'labels', expression: labelsOf('object') },
      {
        name: 'namespaceLabels',
        expression: `namespaceObject == null ? {} : (${labelsOf('namespaceObject')})`
      },
      { name: 'labelsBefore', expression: `oldObject == null ? {} : ${labelsOf('oldObject')}` },
      {
        name: 'selectedBefore',
        expression: [
          isChange,
          `!(${isOptedOut('oldObject', options.allowIgnore === true)})`,
          selects('params.spec.podSelector', 'variables.labelsBefore')
        ].join(' && ')
      },
      {
        name: 'imagesBefore',
        expression: `variables.selectedBefore ? ${imagesOf('oldObject')} : []`
      },
      {
        name: 'selected',
        expression: [
          isAccepted,
          '!variables.optedOut && !variables.observed',
          `(!variables.selectedBefore || (has(params.spec.images) && ${imagesOf('object')} != variables.imagesBefore))`,
          selects('params.spec.podSelector', 'variables.labels'),
          selects('params.spec.namespaceSelector', 'variables.namespaceLabels')
        ].join(' && ')
      },
      assigned,
      podType,
      containerCount,
      earlier,
      ...named,
      {
        name: 'judges',
        expression: `variables.selected && ${isSmall} && ${areImagesShort} && variables.comparable`
      },
      judged(
        'covered',
        `variables.judges && (!has(params.spec.images) || variables.fitting.size() > 0) && ${isJudged}`
      ),
      namesIn('unconfined', 'covered', unconfined),
      namesIn('ownFile', 'covered', `${isDebug} && ${localhost}`),
      namesIn('undecided', 'covered', `!(${isDecided}) && ${runtimeDefault}`)
    ],
    validations
  })
  const paramRef = { namespace: rootNamespace, selector: {}, parameterNotFoundAction: 'Allow' }
  return { policy, bindings: [bindingOf(name, 'secco-rules', options, { paramRef })] }
}
