import type { Admission } from '../../admission/admit.js'

/** What the webhook said of a pod: the newest answers, to explain a container by. */
export interface Answer {
  at: string
  namespace: string
  /** Name, or the beginning of names that a controller completes. */
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

export interface Answers {
  note(admission: Admission, at: string): void
  /** The newest one of a pod's container, by name or by the generated name's beginning. */
  find(namespace: string, pod: string, container: string): Answer | undefined
}

const most = 5000

export function createAnswers(): Answers {
  const known = new Map<string, Answer>()
  return {
    note({ request, facts, decision }, at) {
      if (facts === undefined || request.dryRun) return
      for (const one of decision.containers) {
        const answer: Answer = {
          ...{ at, namespace: facts.namespace, pod: facts.name, owner: facts.owner },
          ...{ decision: decision.decision, reason: one.reason, container: one.container },
          ...{ rule: one.rule ?? '', profile: one.profile ?? '', revision: one.revision ?? '' },
          ...{ mode: one.mode ?? '', warnings: decision.warnings }
        }
        const key = `${facts.namespace} ${facts.name} ${one.container}`
        known.delete(key)
        known.set(key, answer)
        const [oldest] = known.keys()
        if (known.size > most && oldest !== undefined) known.delete(oldest)
      }
    },
    find(namespace, pod, container) {
      const own = known.get(`${namespace} ${pod} ${container}`)
      if (own !== undefined) return own
      // web-7d9f-x2x4z came as web-7d9f-.
      const begun = pod.replace(/[^-]*$/, '')
      return begun === '' ? undefined : known.get(`${namespace} ${begun} ${container}`)
    }
  }
}
