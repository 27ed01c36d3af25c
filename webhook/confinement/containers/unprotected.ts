import type { Assigned } from '../../../src/confinement/assigned.js'
import type { ConfinementState } from '../../../src/confinement/state.js'
import type { ContainerDecision } from '../../../src/rules/decision.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import type { ContainerView } from './container-view.js'

/** Returns why a container has less than a new one would get, from the webhook's note on its pod. */
function whyLess(annotated: Assigned | undefined): string {
  if (annotated === undefined) return 'it was admitted without the webhook'
  if (annotated.revision === '') {
    return `it was given ${annotated.outcome === '' ? 'nothing' : annotated.outcome} when it was admitted`
  }
  return 'it was given a revision and started without it'
}

/** Returns the rule that gives a container more protection than it has, or null. @param since returns since when */
export function unprotectedOf(
  {
    running,
    state,
    annotated
  }: { running: Running; state: ConfinementState; annotated: Assigned | undefined },
  decision: ContainerDecision | undefined,
  since: () => string
): ContainerView['unprotected'] {
  if (decision === undefined || running.privileged || state === 'starting') return null
  const { outcome, rule = '' } = decision
  const isOpen = state === 'unconfined' || (state === 'other' && running.declared === 'allow-all')
  const gives =
    outcome === 'assigned'
      ? `${decision.mode ?? ''} ${shortRevision(decision.profile ?? '', decision.revision ?? '')}`
      : outcome === 'learn' || outcome === 'runtime-default'
        ? 'RuntimeDefault'
        : ''
  if (gives === '') return null
  const isLess = outcome === 'assigned' && state === 'runtime-default'
  if (!isOpen && !isLess) return null
  const has = isOpen ? 'it runs unconfined' : 'it runs with RuntimeDefault'
  // An ephemeral container gets what it has from no single rule.
  const message = `${rule === '' ? 'the webhook' : rule} gives ${gives}, yet ${has}: ${whyLess(annotated)}`
  return { rule, message, since: since() }
}
