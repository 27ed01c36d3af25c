import { labels, rootNamespace } from '../api/names.js'
import type { ContainerDecision, Decision } from './decision.js'

function shortDigest(revision: string | undefined): string {
  return revision === undefined ? '' : `, revision ${revision.slice(0, 'sha256:'.length + 12)}`
}

function because(decision: ContainerDecision): string {
  return decision.rule === undefined ? '' : ` (${decision.rule})`
}

/** Names the nodes that lack the newest revision; `every node` where nodes are not known as objects. */
function missingAt({ lacking = [] }: ContainerDecision): string {
  if (lacking.length === 0) return 'every node'
  const more = lacking.at(-1) === '…'
  const names = (more ? lacking.slice(0, -1) : lacking).join(', ')
  return `${names}${more ? ' and others' : ''}`
}

const onlyRoot = `only a rule in ${rootNamespace} that names the namespace of the profile may assign it`

/** Length of the longest name in a label's key (apimachinery, validation.qualifiedNameMaxLength). */
const longestLabel = 63

/** Returns what gives a container a profile of its own. */
function ownProfile(container: string): string {
  const label = labels.containerProfilePrefix + container
  const isLabel = label.length - label.indexOf('/') - 1 <= longestLabel
  return isLabel
    ? `the label ${label} gives this container one of its own`
    : 'a rule with spec.containers gives this container one of its own'
}

function besides({ beside }: ContainerDecision): string {
  return beside === undefined
    ? 'the labels name profiles of other containers'
    : `profile ${beside} is of another container`
}

/** Says in words why a revision cannot be used. */
function obstacle(decision: ContainerDecision): string {
  const profile = decision.profile ?? 'it names'
  switch (decision.reason) {
    case 'unknown-profile':
      return `profile ${profile} does not exist`
    case 'other-container':
      return `${besides(decision)}; ${ownProfile(decision.container)}`
    case 'wider':
      return `profile ${profile} allows more than RuntimeDefault; ${onlyRoot}`
    case 'not-approved':
      return `profile ${profile} is not approved yet`
    default:
      return `profile ${profile} has not reached ${missingAt(decision)} yet`
  }
}

/**
 * Returns what a container gets, for a person who expected a certain profile: `RuntimeDefault by shop/web: profile
 * shop/web is not approved yet`.
 */
export function containerOutcome(
  own: ContainerDecision | undefined,
  { reason }: Pick<Decision, 'reason'>
): string {
  if (own === undefined || own.reason === 'no-rule')
    return podOutcomes[reason] ?? 'no rule covers it'
  const by = own.rule === undefined ? '' : ` by ${own.rule}`
  switch (own.outcome) {
    case 'assigned':
      return `it gets ${own.profile ?? 'another profile'}${by}`
    case 'learn':
      return `it gets RuntimeDefault and is learned${by}`
    case 'kept':
      return `it keeps its own Localhost profile${by}`
    case 'runtime-default':
      return own.reason === 'ephemeral'
        ? 'an ephemeral container gets RuntimeDefault'
        : `it gets RuntimeDefault${by}: ${obstacle(own)}`
    case 'skipped':
      return own.reason === 'privileged'
        ? 'it is privileged: the runtime applies no seccomp filter'
        : `it is not created${by}: ${obstacle(own)}`
  }
}

/** Why a pod is not changed at all. */
const podOutcomes: Readonly<Partial<Record<Decision['reason'], string>>> = {
  'opt-out': `its pod opts out by the label ${labels.ignore}`,
  'excluded-namespace': 'its namespace is excluded from admission',
  mirror: 'it is a static pod: the webhook cannot change it',
  windows: 'Windows has no seccomp',
  'too-many-containers': 'its pod has more containers than are read',
  'too-many-labels': 'its pod has more labels than are read'
}

/** What is said where a label gives audit. */
export const startAtRiskText = 'not enforce, because a start under it can fail'

/** One line for the person who created the pod: what the container got and why. */
export function containerWarning(decision: ContainerDecision): string | undefined {
  const name = `secco: ${decision.container}:`
  const instead =
    decision.overrides === undefined
      ? ''
      : decision.overrides === 'Unconfined'
        ? ' instead of Unconfined'
        : ' instead of its own Localhost profile'
  switch (decision.outcome) {
    case 'assigned': {
      const older =
        decision.reason === 'previous' ? `, the newest has not reached ${missingAt(decision)}` : ''
      const what = `${decision.mode ?? 'enforce'} ${decision.profile ?? ''}`
      const why = decision.startAtRisk === true ? `, ${startAtRiskText}` : ''
      return `${name} ${what}${shortDigest(decision.revision)}${older}${why}${instead}${because(decision)}`
    }
    case 'learn': {
      const into = decision.profile === undefined ? '' : ` into ${decision.profile}`
      return `${name} RuntimeDefault${instead}, learning${into}${because(decision)}`
    }
    case 'runtime-default':
      return decision.reason === 'ephemeral'
        ? `${name} RuntimeDefault${instead}, like every ephemeral container`
        : `${name} RuntimeDefault${instead}: ${obstacle(decision)}${because(decision)}`
    case 'kept':
      return `${name} keeps its own Localhost profile${because(decision)}`
    case 'skipped':
      return decision.reason === 'privileged'
        ? `${name} is privileged: the runtime applies no seccomp filter${because(decision)}`
        : undefined
  }
}

/** Returns the message for a pod that `whenNotReady: Deny` rejects. */
export function denialMessage(decision: ContainerDecision): string {
  return `secco: container ${decision.container}: ${obstacle(decision)}, and rule ${decision.rule ?? ''} has whenNotReady: Deny`
}

/** Returns one line for each rule or label that was ignored because it would have loosened the result. */
export function looseningWarnings({ container, loosening = [] }: ContainerDecision): string[] {
  return loosening.map(
    (source) =>
      `secco: ${container}: ${source} is ignored: it allows more than what applies without it`
  )
}
