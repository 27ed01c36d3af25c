import type { Logger } from '../../src/lib/log.js'
import type { Admission } from './admit.js'

/** LoggedContainer is one container in the log line. */
interface LoggedContainer {
  name: string
  kind: string
  outcome: string
  reason: string
  rule: string | undefined
  profile: string | undefined
  mode: string | undefined
  revision: string | undefined
  /** Rules and labels that were ignored because they would have loosened the profile. */
  loosening: readonly string[] | undefined
}

/**
 * DecisionLine has the fields of the audit line. With the logger's `time`, `level`, `msg` and `component` they are
 * a stable interface for scripts. They never hold a body, an environment value or an annotation.
 */
export interface DecisionLine {
  uid: string
  dryRun: boolean
  namespace: string
  pod: string
  owner: string
  user: string
  /** Whether the caller showed a certificate of the API server. Otherwise anybody may have invented the review and its user. */
  proven: boolean
  decision: string
  rule: string | null
  profile: string | null
  revision: string | null
  mode: string | null
  containers: LoggedContainer[]
  reason: string
  durationMs: number
}

const maxName = 253
const maxContainers = 64

/**
 * Returns the audit line of one decision. `rule`, `profile`, `revision` and `mode` are those of the first
 * container that a rule covers; `containers` has those of each container.
 */
export function decisionLine(
  admission: Admission,
  durationMs: number,
  proven: boolean
): DecisionLine {
  const { request, facts, decision } = admission
  const first = decision.containers.find((c) => c.rule !== undefined)
  return {
    uid: request.uid,
    dryRun: request.dryRun,
    namespace: request.namespace.slice(0, maxName),
    pod: facts?.name.slice(0, maxName) ?? '',
    owner: facts?.owner.slice(0, 2 * maxName) ?? '',
    user: request.user,
    proven,
    decision: decision.decision,
    rule: first?.rule ?? decision.matched[0] ?? null,
    profile: first?.profile ?? null,
    revision: first?.revision ?? null,
    mode: first?.mode ?? null,
    containers: decision.containers.slice(0, maxContainers).map((c) => ({
      name: c.container.slice(0, maxName),
      kind: c.kind,
      outcome: c.outcome,
      reason: c.reason,
      rule: c.rule,
      profile: c.profile,
      mode: c.mode,
      revision: c.revision,
      loosening: c.loosening
    })),
    reason: decision.reason,
    durationMs: Math.round(durationMs * 1000) / 1000
  }
}

/**
 * WriteDecision writes the audit line of one review.
 * @param durationMs how long the decision took
 * @param proven whether the caller is known to be the API server
 */
export type WriteDecision = (uid: string, durationMs: number, proven: boolean) => void

const message = 'admission decision'

/** Returns the writer of a decision that is made once. */
export function decisionWriter(logger: Logger, admission: Admission): WriteDecision {
  return (_uid, durationMs, proven) =>
    logger.info(decisionLine(admission, durationMs, proven), message)
}

/** Returns the writer of a decision that is repeated: all fields but those of the request are serialised once. */
export function repeatedDecisionWriter(logger: Logger, admission: Admission): WriteDecision {
  const line: Partial<DecisionLine> = decisionLine(admission, 0, false)
  delete line.uid
  delete line.durationMs
  delete line.proven
  const child = logger.child(line)
  return (uid, durationMs, proven) =>
    child.info({ uid, proven, durationMs: Math.round(durationMs * 1000) / 1000 }, message)
}
