export interface LintFinding {
  severity: 'error' | 'warning' | 'note'
  /** Stable word for scripts. */
  rule: string
  /** The syscall or key it is about. */
  subject: string
  message: string
  /** The next step. */
  fix: string
}

/**
 * What the profile is for. `spec`: the approved part of a SeccompProfile, to which rendering adds the
 * base, families and RuntimeDefault's argument rules. `oci`: a file that a runtime loads as it is.
 */
export type LintUse = 'spec' | 'oci'

const order = ['error', 'warning', 'note']

/** Sorts findings by severity, the most serious first, and keeps the order otherwise. */
export function bySeverity(findings: readonly LintFinding[]): LintFinding[] {
  return [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
}

/** Returns the findings that make import and apply reject a document. */
export function forbidden(findings: readonly LintFinding[]): LintFinding[] {
  return findings.filter(({ severity }) => severity === 'error')
}
