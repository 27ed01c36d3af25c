/** ConditionReason is one row of docs/reference/conditions.md. */
export interface ConditionReason {
  kind: 'SeccompProfile' | 'SeccompRule' | 'Node'
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason: string
  meaning: string
  next: string
}
