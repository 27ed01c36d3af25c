import { annotations } from '../../src/api/names.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { decide } from '../../src/rules/decide.js'
import type { Decision } from '../../src/rules/decision.js'
import type { PodFacts } from '../../src/rules/facts.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { assignmentIn, buildPatch, type PatchOperation } from './patch.js'
import type { PodTurns } from './pod-counter.js'
import { podFacts } from './pod-facts.js'
import { skippedDecision, respond, type ReviewResponse } from './respond.js'
import { isAboutPod, readReview, type ReviewRequest } from './review.js'

export interface Admission {
  request: ReviewRequest
  /** Undefined when the review is not about a pod or the pod could not be read. */
  facts: PodFacts | undefined
  decision: Decision
  patch: readonly PatchOperation[]
  response: ReviewResponse
}

function passed(request: ReviewRequest, decision: Decision): Admission {
  return {
    request,
    facts: undefined,
    decision,
    patch: [],
    response: respond(request.uid, decision, [])
  }
}

/** Returns the annotation of Secco that a pod came with: an answer of the first review, or a copy of another pod's. */
function carriedBy({ annotations: own }: PodFacts): string | undefined {
  return own !== undefined && Object.hasOwn(own, annotations.assigned)
    ? own[annotations.assigned]
    : undefined
}

/**
 * Returns the answer to a review. Pure.
 * A pod with a field of the wrong type is allowed with a warning: the API server itself rejects such a pod.
 * @param turns numbers the pods of a workload; not used for dry runs, nor without a canary.
 * @throws SeccoError INVALID_REVIEW when the envelope is wrong, so that there is nothing to answer to.
 */
export function admit(snapshot: Snapshot, body: unknown, turns?: PodTurns): Admission {
  const request = readReview(body)
  if (!isAboutPod(request) || request.object === undefined) {
    return passed(
      request,
      skippedDecision('not-a-pod', 'secco: only reviews of new pods are decided here')
    )
  }
  let facts: PodFacts
  try {
    facts = podFacts(request.object, {
      operation: request.operation === 'UPDATE' ? 'UPDATE' : 'CREATE',
      subresource: request.subresource,
      namespace: request.namespace,
      oldObject: request.oldObject,
      user: request.user,
      groups: request.groups
    })
  } catch (error) {
    const { message } = toSeccoError(error)
    return passed(request, skippedDecision('unreadable', `secco: pod left as it is: ${message}`))
  }
  // Pods that a controller creates have no name yet: only their number distinguishes them.
  const isCounted = snapshot.canaries && !request.dryRun && facts.subresource === ''
  const counted = isCounted ? turns : undefined
  // Whoever creates a pod without a controller chooses its name: such pods of a namespace are counted together.
  const workload = `${facts.namespace}/${facts.owner}`
  const { name } = facts
  const withSender = (annotation: string) => `${request.user}\n${name}\n${annotation}`
  if (counted !== undefined) {
    const carried = carriedBy(facts)
    const known = carried === undefined ? undefined : withSender(carried)
    facts = { ...facts, turn: counted.of(workload, known) }
  }
  const decision = decide(snapshot, facts)
  const patch = buildPatch(facts, decision, snapshot.options.legacyAnnotations)
  const given = counted === undefined ? undefined : assignmentIn(patch)
  if (given !== undefined && facts.turn !== undefined)
    counted?.gave(workload, withSender(given), facts.turn)
  return { request, facts, decision, patch, response: respond(request.uid, decision, patch) }
}
