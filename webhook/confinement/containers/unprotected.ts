import type { Assigned } from '../../../src/confinement/assigned.js'
import type { ConfinementState } from '../../../src/confinement/state.js'
import type { ContainerDecision } from '../../../src/rules/decision.js'
import { modeLabel } from '../../../src/rules/observe.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import type { ContainerView } from './container-view.js'
import { runsLikeDefault } from './like-default.js'

/** Returns why a container has less than a new one would get, as the annotation of its pod says: others can write that too. */
function whyLess(
  annotated: Assigned | undefined,
  { isObserved, namespace, running }: Given
): string {
  if (annotated === undefined) {
    if (running.container?.podName === '')
      return 'outside Kubernetes no webhook assigns it, and the container was created without it'
    return isObserved
      ? `Secco only observes here; to apply rules: kubectl label --overwrite namespace ${namespace} ${modeLabel}=enabled`
      : 'its pod has no decision of Secco: no rule selected it when it was created, or the webhook was not asked'
  }
  if (annotated.revision === '') {
    const given = annotated.outcome === '' ? 'nothing' : annotated.outcome
    return `the pod's annotation says that it was given ${given} when it was admitted`
  }
  return "the pod's annotation says that it was given a revision, and it started without it"
}

/** Given is a container as it runs, and where. */
interface Given {
  running: Running
  state: ConfinementState
  annotated: Assigned | undefined
  namespace: string
  /** Rules are reported there and not applied. */
  isObserved: boolean
}

/** Returns the rule that gives a container more protection than it has, or null. @param since returns since when */
export function unprotectedOf(
  given: Given,
  decision: ContainerDecision | undefined,
  since: () => string
): ContainerView['unprotected'] {
  const { running, state, annotated } = given
  if (decision === undefined || running.privileged || state === 'starting') return null
  const { outcome, rule = '' } = decision
  const isOpen = state === 'unconfined'
  const gives =
    outcome === 'assigned'
      ? `${decision.mode ?? ''} ${shortRevision(decision.profile ?? '', decision.revision ?? '')}`
      : outcome === 'learn' || outcome === 'runtime-default'
        ? 'RuntimeDefault'
        : ''
  if (gives === '') return null
  const isLike = state === 'other' && runsLikeDefault(running)
  const isLess = outcome === 'assigned' && (state === 'runtime-default' || isLike)
  if (!isOpen && !isLess) return null
  const has = isOpen
    ? 'it runs unconfined'
    : `it runs with ${isLike ? 'a profile like RuntimeDefault' : 'RuntimeDefault'}`
  // An ephemeral container gets what it has from no single rule.
  const who = rule === '' ? 'the webhook' : rule
  const does = given.isObserved && annotated === undefined ? 'would give' : 'gives'
  const message = `${who} ${does} ${gives}, yet ${has}: ${whyLess(annotated, given)}`
  return { rule, message, since: since() }
}
