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
  rule: string
  profile: string
  revision: string
  mode: string
  warnings: readonly string[]
}

/** AdmissionAnswers keeps the newest answers of the webhook, to explain containers. */
export interface AdmissionAnswers {
  note(admission: Admission, at: string): void
  /** Returns the newest answer for a pod's container, by the pod's name or by the prefix of its generated name. */
  find(namespace: string, pod: string, container: string): AdmissionAnswer | undefined
}

const mostAnswers = 5000

export function createAdmissionAnswers(): AdmissionAnswers {
  const known = new Map<string, AdmissionAnswer>()
  return {
    note({ request, facts, decision }, at) {
      if (facts === undefined || request.dryRun) return
      for (const one of decision.containers) {
        const answer: AdmissionAnswer = {
          ...{ at, namespace: facts.namespace, pod: facts.name, owner: facts.owner },
          ...{ decision: decision.decision, reason: one.reason, container: one.container },
          ...{ rule: one.rule ?? '', profile: one.profile ?? '', revision: one.revision ?? '' },
          ...{ mode: one.mode ?? '', warnings: decision.warnings }
        }
        const key = `${facts.namespace} ${facts.name} ${one.container}`
        known.delete(key)
        known.set(key, answer)
        dropOldest(known, mostAnswers)
      }
    },
    find(namespace, pod, container) {
      const own = known.get(`${namespace} ${pod} ${container}`)
      if (own !== undefined) return own
      // The pod web-7d9f-x2x4z was admitted as web-7d9f-.
      const prefix = pod.replace(/[^-]*$/, '')
      return prefix === '' ? undefined : known.get(`${namespace} ${prefix} ${container}`)
    }
  }
}
