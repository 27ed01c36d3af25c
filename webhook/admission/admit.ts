import { toSeccoError } from '../../src/lib/errors.js'
import { decide } from '../../src/rules/decide.js'
import type { Decision } from '../../src/rules/decision.js'
import type { PodFacts } from '../../src/rules/facts.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { buildPatch, type PatchOperation } from './patch.js'
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

/**
 * Returns the answer to a review. Pure.
 * A pod with a field of the wrong type is allowed with a warning: the API server itself rejects such a pod.
 * @param turnOf returns how many pods of a workload came before; not called for dry runs, nor without a canary.
 * @throws SeccoError INVALID_REVIEW when the envelope is wrong, so that there is nothing to answer to.
 */
export function admit(
  snapshot: Snapshot,
  body: unknown,
  turnOf?: (workload: string) => number
): Admission {
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
      oldObject: request.oldObject
    })
  } catch (error) {
    const { message } = toSeccoError(error)
    return passed(request, skippedDecision('unreadable', `secco: pod left as it is: ${message}`))
  }
  // Pods that a controller creates have no name yet: only their number distinguishes them.
  if (snapshot.canaries && turnOf !== undefined && !request.dryRun) {
    facts = { ...facts, turn: turnOf(`${facts.namespace}/${facts.owner || facts.name}`) }
  }
  const decision = decide(snapshot, facts)
  const patch = buildPatch(facts, decision, snapshot.options.legacyAnnotations)
  return { request, facts, decision, patch, response: respond(request.uid, decision, patch) }
}
