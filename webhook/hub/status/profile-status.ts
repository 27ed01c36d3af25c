import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccoError } from '../../../src/lib/errors.js'
import { recordedApprovals } from '../../../src/seccomp/policy/approval.js'
import { setCondition } from './conditions.js'
import { readyCondition, type Readiness } from '../nodes/readiness.js'
import { withSummary } from './summary.js'

/** What the hub found out about one profile. */
export type Verdict =
  | { state: 'unapproved' }
  | { state: 'failed'; error: SeccoError }
  | { state: 'rendered'; digest: string; audit: string; readiness: Readiness }

function conditionOf(verdict: Verdict, generation: number) {
  if (verdict.state === 'rendered') return readyCondition(verdict.readiness, generation)
  const base = { type: 'Ready', status: 'False' as const, observedGeneration: generation }
  if (verdict.state === 'failed') {
    const { code, message } = verdict.error
    const failed = { ...base, message: `${message} (${code})` }
    return code === 'APPROVAL_INVALID'
      ? { ...failed, reason: 'ApprovalInvalid' }
      : { ...failed, reason: 'RenderFailed' }
  }
  const message = 'spec.seccomp is empty: approve the profile first'
  return { ...base, reason: 'NotApproved', message }
}

/** Who approves does not know the digest yet, for it depends on the fleet: the newest approval gets it here. */
function nameApproval(
  approvals: NonNullable<SeccompProfile['status']>['approvals'],
  digest: string
): typeof approvals {
  const last = approvals?.at(-1)
  if (approvals === undefined || last === undefined || last.revision !== '') return approvals
  return [...approvals.slice(0, -1), { ...last, revision: digest }]
}

/**
 * The profile with the verdict in its status: revision, the one before it, nodes, approvals, Ready (always
 * there, so that `kubectl wait` works) and summary.
 * `edits`: what was written into the spec without an approval is recorded as well. Returns the same
 * object when nothing changes.
 */
export function withVerdict(
  profile: SeccompProfile,
  verdict: Verdict,
  now: string,
  edits = false
): SeccompProfile {
  const before = profile.status ?? {}
  const status = { ...before }
  if (verdict.state === 'rendered') {
    if (before.revision !== undefined && before.revision !== verdict.digest) {
      status.previousRevision = before.revision
    }
    const { ready, total } = verdict.readiness
    status.revision = verdict.digest
    status.auditRevision = verdict.audit
    const approvals = nameApproval(recordedApprovals(profile, now, edits), verdict.digest)
    if (approvals !== undefined) status.approvals = approvals
    if (before.nodes?.ready !== ready || before.nodes.total !== total)
      status.nodes = { ready, total }
  }
  const conditions = before.conditions ?? []
  const generation = profile.metadata.generation ?? 1
  const set = setCondition(conditions, conditionOf(verdict, generation), now)
  if (set !== conditions) status.conditions = [...set]
  const same =
    status.revision === before.revision &&
    status.auditRevision === before.auditRevision &&
    status.nodes === before.nodes &&
    status.approvals === before.approvals &&
    set === conditions
  return withSummary(same ? profile : { ...profile, status })
}
