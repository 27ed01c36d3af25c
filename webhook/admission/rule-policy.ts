import { annotations, apiVersion, rootNamespace } from '../../src/api/names.js'
import { maxImagesLength } from '../../src/rules/limits.js'
import {
  assigned,
  bindingOf,
  containerCount,
  earlier,
  type FinalStatePolicyOptions,
  isDecided,
  isSmall,
  judged,
  listOf,
  notMirror,
  notWindows,
  observed,
  optedOut,
  podType,
  policyOf,
  privileged,
  runtimeDefault,
  smallEnough,
  unconfined
} from './policy-parts.js'

const labelsOf = (object: string) =>
  `has(${object}.metadata.labels) ? ${object}.metadata.labels : {}`

/** Returns CEL for whether labels satisfy a selector of the rule, as `selectorMatches` computes it. */
function selects(selector: string, labels: string): string {
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

/** Returns CEL for whether a text is what a pattern with `*` stands for. No pattern has other signs of regular expressions than the dot. */
const glob = (text: string, pattern: string) =>
  `${text}.matches('(?s)^' + ${pattern}.replace('.', '[.]').replace('*', '.*') + '$')`

const lastPart = (name: string) => `${name}.substring(${name}.lastIndexOf('/') + 1)`
const isTagged = (name: string) => `${lastPart(name)}.contains(':')`

/**
 * Returns CEL for a list of images as lists of repository, tag and digest, as `parseImage` computes them.
 * @param list a list of strings
 */
function parsedImages(list: string): string {
  const named = "i.split('@')[0]"
  const digest = "i.contains('@') ? i.substring(i.indexOf('@') + 1) : ''"
  const repository = `${isTagged('p[0]')} ? p[0].substring(0, p[0].lastIndexOf(':')) : p[0]`
  const tag = `${isTagged('p[0]')} ? p[0].substring(p[0].lastIndexOf(':') + 1) : ''`
  const isRegistry = "p[0].split('/')[0] == 'localhost' || p[0].split('/')[0].matches('[.:*]')"
  const withRegistry = [
    "!p[0].contains('/') ? (p[0].startsWith('*') ? p[0] : 'docker.io/library/' + p[0])",
    `(${isRegistry}) ? p[0] : 'docker.io/' + p[0]`
  ].join(' : ')
  const rest = "p[0].substring(p[0].indexOf('/') + 1)"
  const onHub = [
    "!p[0].startsWith('docker.io/') && !p[0].startsWith('index.docker.io/') ? p[0]",
    `${rest}.contains('/') || ${rest}.contains('*') ? 'docker.io/' + ${rest}`,
    `'docker.io/library/' + ${rest}`
  ].join(' : ')
  return (
    `${list}.map(i, [${named}, ${digest}])` +
    `.map(p, [${repository}, ${tag}, p[1]])` +
    `.map(p, [${withRegistry}, p[1], p[2]])` +
    `.map(p, [${onHub}, p[1], p[2]])`
  )
}

const shortName = "i[0].replace('docker.io/library/', 'docker.io/')"
const matchesPattern = [
  `(${glob('i[0]', 'p[0]')} || (p[0].contains('*') && i[0].startsWith('docker.io/library/') && ${glob(shortName, 'p[0]')}))`,
  `(p[1] == '' || ${glob("(i[1] == '' && i[2] == '' ? 'latest' : i[1])", 'p[1]')})`,
  "(p[2] == '' || p[2] == i[2])"
].join(' && ')

const fits = `variables.patterns.exists(p, ${matchesPattern})`
const imagesOf = (list: string) => `${list}.map(c, has(c.image) ? c.image : '')`

/** CEL for the names of the images' containers that fit one of the rule's patterns. */
const named = [
  {
    name: 'patterns',
    expression: `has(params.spec.images) ? ${parsedImages('params.spec.images')} : []`
  },
  {
    name: 'images',
    expression: `(${imagesOf(`(${listOf('containers')} + ${listOf('initContainers')})`)})`
  },
  {
    name: 'imagesLength',
    expression: 'has(params.spec.images) ? variables.images.map(n, n.size()).sum() : 0'
  },
  {
    name: 'fitting',
    expression: `!has(params.spec.images) ? [] : variables.images.filter(n, ${parsedImages('[n]')}.exists(i, ${fits}))`
  }
]

/** CEL on `c`, a container: the rule names it. */
const covered = [
  `(!has(params.spec.containers) || params.spec.containers.exists(p, ${glob('c.name', 'p')}))`,
  "(!has(params.spec.images) || (has(c.image) ? c.image : '') in variables.fitting)"
].join(' && ')
/** Every ephemeral container of a pod that a rule selects gets RuntimeDefault, whatever its name. */
const isJudged = `!${privileged} && (request.operation == 'UPDATE' || (${covered}))`

/** CEL: the hub has read this version of the rule, so that the webhooks had it a second ago. */
const isAccepted = [
  'has(params.status) && has(params.status.conditions)',
  "params.status.conditions.exists(s, s.type == 'Accepted' && s.status == 'True'" +
    ' && has(s.observedGeneration) && s.observedGeneration == params.metadata.generation)'
].join(' && ')

const who = "'secco: rule ' + params.metadata.namespace + '/' + params.metadata.name"
const first = (list: string) =>
  `variables.${list}[0] + (variables.${list}.size() > 1 ? ' and ' + string(variables.${list}.size() - 1) + ' more' : '')`
const why = 'the secco webhook was not reached or was overruled'
const areNamesShort = `variables.imagesLength <= ${maxImagesLength}`
const judges = `variables.selected && ${isSmall} && ${areNamesShort} && variables.matches`

/**
 * Returns the ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) on pods that an enforcing rule of the root
 * namespace selects, and its binding. The rules are the policy's parameters: the API server follows them, and evaluates
 * each of them with cost limits of its own, so that neither a hub nor a webhook has to run, and any number of rules fits.
 * What a pod must have is what Secco's decision gives at least: a filter on every container that the rule names, and
 * Secco's annotation if that is RuntimeDefault.
 *
 * No honest pod is denied. Not judged are: pods that decide() does not change (excluded namespaces, Secco's own
 * accounts, observe mode, opt-out where it counts, Windows, mirror pods, privileged containers), files of the author
 * (they stay while the profile is not ready), and rules that no hub has accepted yet in their present version: webhooks
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
      {
        name: 'selected',
        expression: [
          isAccepted,
          '!variables.optedOut && !variables.observed',
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
        name: 'matches',
        expression:
          'variables.selected && (!has(params.spec.images) || variables.fitting.size() > 0)'
      },
      { name: 'unconfined', expression: judged(`${isJudged} && ${unconfined}`) },
      {
        name: 'undecided',
        expression: `${isDecided} ? [] : (${judged(`${isJudged} && ${runtimeDefault}`)})`
      }
    ],
    validations: [
      smallEnough('!variables.selected', who),
      {
        expression: `!variables.selected || !(${isSmall}) || ${areNamesShort}`,
        messageExpression: `${who} + ' selects this pod, and the names of its images have more than ${maxImagesLength} characters'`,
        reason: 'Forbidden'
      },
      {
        expression: `!(${judges}) || variables.unconfined.size() == 0`,
        messageExpression:
          `${who} + ' enforces a profile, but there is no seccomp filter on container ' + ` +
          `${first('unconfined')} + '; ${why}'`,
        reason: 'Forbidden'
      },
      {
        expression: `!(${judges}) || variables.undecided.size() == 0`,
        messageExpression:
          `${who} + ' enforces a profile, but container ' + ${first('undecided')}` +
          ` + ' has neither one nor a reason for that in ${annotations.assigned}; ${why}'`,
        reason: 'Forbidden'
      }
    ]
  })
  const paramRef = { namespace: rootNamespace, selector: {}, parameterNotFoundAction: 'Allow' }
  return { policy, bindings: [bindingOf(name, 'secco-rules', options, { paramRef })] }
}
