export interface Finding {
  severity: 'error' | 'warning' | 'note'
  /** Stable word for scripts. */
  rule: string
  /** The syscall or key it is about. */
  subject: string
  message: string
  /** What to do. */
  mend: string
}

/**
 * What the profile is for. `spec`: the approved part of a SeccompProfile, to which rendering adds the
 * base, families and RuntimeDefault's argument rules. `oci`: a file that a runtime loads as it is.
 */
export type LintUse = 'spec' | 'oci'

const order = ['error', 'warning', 'note']

/** The most serious first; otherwise as found. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
}

/** What must not be accepted: import and apply refuse a document that has any of these. */
export function forbidden(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity === 'error')
}
