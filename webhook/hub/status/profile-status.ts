import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccoError } from '../../../src/lib/errors.js'
import { recordedApprovals } from '../../../src/seccomp/policy/approval.js'
import { setCondition } from './conditions.js'
import { readyCondition, type Readiness } from '../nodes/readiness.js'
import { withSummary } from './summary.js'

/** ProfileOutcome is the result of rendering one profile and of counting its nodes. */
export type ProfileOutcome =
  | { state: 'unapproved' }
  | { state: 'failed'; error: SeccoError }
  | { state: 'rendered'; digest: string; audit: string; readiness: Readiness }
  /** The emergency overlay: it is rendered into others, so only the decisions about it are listed. */
  | { state: 'overlay' }

/** Whether a profile is observed of a pod of Secco itself, of the names that `secco install` gives them. */
function isOwnWorkload({ metadata, spec }: SeccompProfile): boolean {
  const { kind = '', name = '' } = spec.workload ?? {}
  return (
    metadata.namespace === rootNamespace &&
    (kind === 'Deployment' || kind === 'DaemonSet') &&
    (name === 'secco' || name.startsWith('secco-'))
  )
}

function conditionOf(
  outcome: Exclude<ProfileOutcome, { state: 'overlay' }>,
  generation: number,
  isOwn: boolean
) {
  if (outcome.state === 'rendered') return readyCondition(outcome.readiness, generation)
  const base = { type: 'Ready', status: 'False' as const, observedGeneration: generation }
  if (outcome.state === 'failed') {
    const { code, message } = outcome.error
    const failed = { ...base, message: `${message} (${code})` }
    return code === 'APPROVAL_INVALID'
      ? { ...failed, reason: 'ApprovalInvalid' }
      : { ...failed, reason: 'RenderFailed' }
  }
  if (isOwn) {
    const message = 'Secco brings the profiles of its own pods: there is nothing to approve'
    return { ...base, status: 'True' as const, reason: 'BuiltIn', message }
  }
  const message = 'spec.seccomp is empty: approve the profile first'
  return { ...base, reason: 'NotApproved', message }
}

/** Adds the digest to the newest approval: an approver does not know it, because it depends on the fleet. */
function nameApproval(
  approvals: NonNullable<SeccompProfile['status']>['approvals'],
  digest: string
): typeof approvals {
  const last = approvals?.at(-1)
  if (approvals === undefined || last === undefined || last.revision !== '') return approvals
  return [...approvals.slice(0, -1), { ...last, revision: digest }]
}

/**
 * Returns the profile with the outcome in its status: revision, the previous one, nodes, approvals, Ready (always
 * present, so that `kubectl wait` works) and summary. Returns the same object when nothing changes.
 * @param edits whether changes of the spec without an approval are recorded as well
 */
export function withOutcome(
  profile: SeccompProfile,
  outcome: ProfileOutcome,
  now: string,
  edits = false
): SeccompProfile {
  const before = profile.status ?? {}
  if (outcome.state === 'overlay') {
    const approvals = recordedApprovals(profile, now, edits)
    if (approvals === undefined || approvals === before.approvals) return profile
    return { ...profile, status: { ...before, approvals } }
  }
  const status = { ...before }
  if (outcome.state === 'rendered') {
    if (before.revision !== undefined && before.revision !== outcome.digest) {
      status.previousRevision = before.revision
    }
    const { ready, total } = outcome.readiness
    status.revision = outcome.digest
    status.auditRevision = outcome.audit
    const approvals = nameApproval(recordedApprovals(profile, now, edits), outcome.digest)
    if (approvals !== undefined) status.approvals = approvals
    if (before.nodes?.ready !== ready || before.nodes.total !== total)
      status.nodes = { ready, total }
  }
  const conditions = before.conditions ?? []
  const generation = profile.metadata.generation ?? 1
  const set = setCondition(
    conditions,
    conditionOf(outcome, generation, isOwnWorkload(profile)),
    now
  )
  if (set !== conditions) status.conditions = [...set]
  const same =
    status.revision === before.revision &&
    status.auditRevision === before.auditRevision &&
    status.nodes === before.nodes &&
    status.approvals === before.approvals &&
    set === conditions
  return withSummary(same ? profile : { ...profile, status })
}
