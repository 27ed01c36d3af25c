import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ContainerDecision, Decision, DecisionReason } from '../../src/rules/decision.js'
import { version } from '../../src/lib/version.js'

/** AdmissionMetrics counts decisions and errors. Labels come from closed sets: no pod, namespace or user. */
export interface AdmissionMetrics {
  decided: (decision: Decision, seconds: number, repeated: boolean) => void
  rejected: (code: string) => void
  certificate: (notAfter: Date) => void
}

const fallbackReasons = new Set<DecisionReason>([
  'not-ready',
  'not-approved',
  'unknown-profile',
  'previous'
])

/** Returns what a container got instead of its profile's newest revision; undefined when it got that revision. */
function insteadOf({ reason }: ContainerDecision, allowed: boolean): string | undefined {
  if (!fallbackReasons.has(reason)) return undefined
  if (!allowed) return 'Deny'
  return reason === 'previous' ? 'Previous' : 'RuntimeDefault'
}

/** Registers the admission metrics in a registry that the program may share with its other parts. */
export function admissionMetrics(registry: Registry, ruleCount: () => number): AdmissionMetrics {
  const registers = [registry]
  const requests = new Counter({
    name: 'secco_admission_requests_total',
    help: 'Reviews answered, by decision and reason.',
    labelNames: ['decision', 'reason'] as const,
    registers
  })
  const duration = new Histogram({
    name: 'secco_admission_duration_seconds',
    help: 'Time from the complete body of a review to its answer.',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 3],
    registers
  })
  const fallbacks = new Counter({
    name: 'secco_admission_fallbacks_total',
    help: 'Containers that got something else than the newest revision, by why and what: RuntimeDefault, Previous, Deny.',
    labelNames: ['reason', 'instead'] as const,
    registers
  })
  const repeats = new Counter({
    name: 'secco_admission_repeated_total',
    help: 'Reviews answered like an earlier one of the same text, without a decision of their own.',
    registers
  })
  const rejected = new Counter({
    name: 'secco_admission_rejected_total',
    help: 'Requests that got a 4xx or 5xx, by error code.',
    labelNames: ['code'] as const,
    registers
  })
  const notAfter = new Gauge({
    name: 'secco_tls_cert_not_after_timestamp_seconds',
    help: 'End of the serving certificate.',
    registers
  })
  new Gauge({
    name: 'secco_rules',
    help: 'Rules in the snapshot that decisions rest on.',
    registers,
    collect() {
      this.set(ruleCount())
    }
  })
  if (registry.getSingleMetric('secco_build_info') === undefined) {
    new Gauge({
      name: 'secco_build_info',
      help: 'Always 1; the version is in the label.',
      labelNames: ['version'] as const,
      registers
    }).set({ version }, 1)
  }
  const loosening = new Counter({
    name: 'secco_admission_loosening_total',
    help: 'Rules and labels of the workload’s people that were not followed because they would have loosened.',
    registers
  })
  const byDecision = new Map<string, Counter.Internal>()
  return {
    decided: (decision, seconds, repeated) => {
      const key = `${decision.decision} ${decision.reason}`
      let counter = byDecision.get(key)
      if (counter === undefined) {
        counter = requests.labels({ decision: decision.decision, reason: decision.reason })
        byDecision.set(key, counter)
      }
      counter.inc()
      duration.observe(seconds)
      for (const container of decision.containers) {
        const instead = insteadOf(container, decision.allowed)
        if (container.loosening !== undefined) loosening.inc(container.loosening.length)
        if (instead !== undefined) fallbacks.inc({ reason: container.reason, instead })
      }
      if (repeated) repeats.inc()
    },
    rejected: (code) => rejected.inc({ code }),
    certificate: (end) => notAfter.set(end.getTime() / 1000)
  }
}
