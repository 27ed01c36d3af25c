import type { Logger } from '../../src/lib/log.js'
import type { Admission } from './admit.js'

/** One container in the log line. */
interface LoggedContainer {
  name: string
  kind: string
  outcome: string
  reason: string
  rule: string | undefined
  profile: string | undefined
  mode: string | undefined
  revision: string | undefined
  /** Rules and labels that were not followed, for they would have loosened. */
  loosening: readonly string[] | undefined
}

/**
 * The fields of the audit line; with `time`, `level`, `msg` and `component` of the logger they are the
 * stable set that others script against. Never a body, an environment value or an annotation.
 */
export interface DecisionLine {
  uid: string
  dryRun: boolean
  namespace: string
  pod: string
  owner: string
  user: string
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
 * The audit line of one decision. `rule`, `profile`, `revision` and `mode` are those of the first
 * container that a rule covers; `containers` has each one's own.
 */
export function decisionLine(admission: Admission, durationMs: number): DecisionLine {
  const { request, facts, decision } = admission
  const first = decision.containers.find((c) => c.rule !== undefined)
  return {
    uid: request.uid,
    dryRun: request.dryRun,
    namespace: request.namespace.slice(0, maxName),
    pod: facts?.name.slice(0, maxName) ?? '',
    owner: facts?.owner.slice(0, 2 * maxName) ?? '',
    user: request.user,
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

/** Writes the audit line of one review: its uid and how long the decision took, in ms. */
export type WriteDecision = (uid: string, durationMs: number) => void

const message = 'admission decision'

/** Writes the line of a decision that is made once. */
export function decisionWriter(logger: Logger, admission: Admission): WriteDecision {
  return (_uid, durationMs) => logger.info(decisionLine(admission, durationMs), message)
}

/** The same for a decision that is made again and again: all but uid and duration is put into words once. */
export function repeatedDecisionWriter(logger: Logger, admission: Admission): WriteDecision {
  const line: Partial<DecisionLine> = decisionLine(admission, 0)
  delete line.uid
  delete line.durationMs
  const child = logger.child(line)
  return (uid, durationMs) =>
    child.info({ uid, durationMs: Math.round(durationMs * 1000) / 1000 }, message)
}
