import type { Assigned } from '../../../src/confinement/assigned.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { Admission } from '../../admission/admit.js'

/** AdmissionAnswer is what the webhook decided for one container of a pod. */
interface AdmissionAnswer {
  at: string
  namespace: string
  /** The pod's name, or the prefix of a generated name (`metadata.generateName`). */
  pod: string
  owner: string
  decision: string
  reason: string
  container: string
  outcome: string
  rule: string
  profile: string
  revision: string
  mode: string
  warnings: readonly string[]
  /** Whether the caller showed a certificate of the API server: without `--client-ca` anybody may ask. */
  proven: boolean
}

/** AnsweredContainer is a container of a stored pod, and what shows whether an answer is about that pod. */
export interface AnsweredContainer {
  namespace: string
  pod: string
  container: string
  /** Its entry in the pod's annotation `secco.dev/assigned`. */
  noted: Assigned | undefined
  /** When the pod was created, RFC 3339; undefined where pods are not watched. */
  createdAt: string | undefined
  /** When the container started, RFC 3339. */
  startedAt: string
}

/** AdmissionAnswers keeps the newest answers of the webhook, to explain containers. */
export interface AdmissionAnswers {
  /** @param isProven whether the caller is known to be the API server */
  note(admission: Admission, at: string, isProven: boolean): void
  /**
   * Returns the newest answer for a pod's container, by the pod's name or by the prefix of its generated name. Names come
   * again and prefixes are shared, so that the answer counts only if it is what the pod carries and as old as the pod.
   */
  find(container: AnsweredContainer): AdmissionAnswer | undefined
}

const mostAnswers = 5000
/** The API server stores a pod after the webhooks have answered (30 s at most each), and has a clock of its own. */
const nearMs = 60_000

/** Returns whether the stored pod carries the answer. Where Secco writes nothing, only a proven caller is believed. */
function isCarried(answer: AdmissionAnswer, noted: Assigned | undefined): boolean {
  if (noted === undefined) return answer.proven && ['kept', 'skipped'].includes(answer.outcome)
  return (['outcome', 'rule', 'profile', 'revision', 'mode'] as const).every(
    (key) => answer[key] === noted[key]
  )
}

function isOfAge({ at }: AdmissionAnswer, { createdAt, startedAt }: AnsweredContainer): boolean {
  if (createdAt === undefined) return Date.parse(at) <= Date.parse(startedAt)
  return Math.abs(Date.parse(at) - Date.parse(createdAt)) <= nearMs
}

export function createAdmissionAnswers(): AdmissionAnswers {
  const known = new Map<string, AdmissionAnswer>()
  return {
    note({ request, facts, decision }, at, proven) {
      if (facts === undefined || request.dryRun) return
      for (const one of decision.containers) {
        const answer: AdmissionAnswer = {
          ...{ at, namespace: facts.namespace, pod: facts.name, owner: facts.owner, proven },
          ...{ decision: decision.decision, reason: one.reason, container: one.container },
          ...{ outcome: one.outcome, rule: one.rule ?? '', profile: one.profile ?? '' },
          ...{ revision: one.revision ?? '', mode: one.mode ?? '', warnings: decision.warnings }
        }
        const key = `${facts.namespace} ${facts.name} ${one.container}`
        known.delete(key)
        known.set(key, answer)
        dropOldest(known, mostAnswers)
      }
    },
    find(one) {
      const { namespace, pod, container } = one
      // The pod web-7d9f-x2x4z was admitted as web-7d9f-.
      return [pod, pod.replace(/[^-]*$/, '')]
        .map((name) => known.get(`${namespace} ${name} ${container}`))
        .find((answer) => answer && isCarried(answer, one.noted) && isOfAge(answer, one))
    }
  }
}
