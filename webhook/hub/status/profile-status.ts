import { rootNamespace } from '../../../src/api/names.js'
import type { ParentRef } from '../../../src/api/learning-schema.js'
import type {
  Condition,
  SeccompProfile,
  SeccompProfileStatus
} from '../../../src/api/seccomp-profile.js'
import type { SeccoError } from '../../../src/lib/errors.js'
import { sameJson } from '../../../src/lib/same-json.js'
import { recordedApprovals } from '../../../src/seccomp/policy/approval.js'
import { openDefaultField } from '../../../src/seccomp/render/open-default.js'
import { setCondition } from './conditions.js'
import { readyCondition, type Readiness, withoutStarting } from '../nodes/readiness.js'
import { revisionsAfter } from './status-revisions.js'
import { withSummary } from './summary.js'

/** What a profile extends in other namespaces; absent where nobody looked for it. */
interface Bound {
  parents?: readonly ParentRef[]
}

/** ProfileOutcome is the result of rendering one profile and of counting its nodes. */
export type ProfileOutcome =
  | ({ state: 'unapproved' } & Bound)
  | ({ state: 'failed'; error: SeccoError } & Bound)
  | ({
      state: 'rendered'
      digest: string
      audit: string
      /** The digest without emergency blocks; absent: nothing is blocked. */
      approved?: string
      readiness: Readiness
      /** See `labelModeOf`. */
      labelMode?: SeccompProfileStatus['labelMode']
    } & Bound)
  /** The emergency overlay: it is rendered into others, so only the decisions about it are listed. */
  | { state: 'overlay' }

/** Whether a profile is observed of a pod of Secco itself, of the names that `secco install` gives them. */
export function isOwnWorkload({ metadata, spec }: SeccompProfile): boolean {
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
    const { code, message, field } = outcome.error
    const failed = { ...base, message: `${message} (${code})` }
    if (field === openDefaultField) return { ...failed, reason: 'AllowsByDefault' }
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

/** What was observed holds for every generation: without this the condition looks out of date until the next observation. */
function learningOf(
  conditions: readonly Condition[],
  generation: number | undefined
): readonly Condition[] {
  const learning = conditions.find(({ type }) => type === 'Learning')
  if (learning === undefined || generation === undefined) return conditions
  const present = { ...learning, observedGeneration: generation }
  return setCondition(conditions, present, learning.lastTransitionTime)
}

/**
 * Returns the conditions without that of another revision: the new one was ready nowhere at first, also where every node has
 * it by the next write.
 */
const withoutReady = (conditions: readonly Condition[]): readonly Condition[] =>
  conditions.filter(({ type, status }) => type !== 'Ready' || status !== 'True')

/** Returns the outcome, where Ready is true of this revision, without what replicas that begin do not serve yet. */
function whileStarting<One extends ProfileOutcome>(
  outcome: One,
  conditions: readonly Condition[],
  generation: number
): One {
  const before = conditions.find(({ type }) => type === 'Ready')
  if (outcome.state !== 'rendered') return outcome
  if (before?.status !== 'True' || before.observedGeneration !== generation) return outcome
  return { ...outcome, readiness: withoutStarting(outcome.readiness) }
}

/**
 * Returns the profile with the outcome in its status: revision, the previous one, nodes, approvals, Ready (always
 * present, so that `kubectl wait` works) and summary. Returns the same object when nothing changes.
 * @param editedAt the parameter of `recordedApprovals`
 */
export function withOutcome(
  profile: SeccompProfile,
  outcome: ProfileOutcome,
  now: string,
  editedAt?: string
): SeccompProfile {
  const before = profile.status ?? {}
  const status = { ...before }
  // The folder of one machine has no generations.
  const observed = profile.metadata.generation
  if (observed !== undefined) status.observedGeneration = observed
  if (outcome.state === 'overlay') {
    const approvals = recordedApprovals(profile, editedAt)
    if (approvals !== undefined) status.approvals = approvals
    const isSeen = before.observedGeneration === observed
    return isSeen && approvals === before.approvals ? profile : { ...profile, status }
  }
  if (outcome.state === 'rendered') {
    const { ready, total } = outcome.readiness
    Object.assign(status, revisionsAfter(profile, outcome))
    if (status.previousRevision === undefined) delete status.previousRevision
    if (status.earlierRevisions?.length === 0) delete status.earlierRevisions
    status.auditRevision = outcome.audit
    if (outcome.labelMode === undefined) delete status.labelMode
    else status.labelMode = outcome.labelMode
    const approvals = nameApproval(
      recordedApprovals(profile, editedAt),
      outcome.approved ?? outcome.digest
    )
    if (approvals !== undefined) status.approvals = approvals
    if (before.nodes?.ready !== ready || before.nodes.total !== total)
      status.nodes = { ready, total }
  }
  // Who removes a parent and adds it again has looked at the new one.
  const extended = new Set(profile.spec.extends ?? [])
  const { parents = before.parents?.filter(({ name }) => extended.has(name)) ?? [] } = outcome
  if (parents.length === 0) delete status.parents
  else if (!sameJson(parents, before.parents)) status.parents = [...parents]
  const conditions = before.conditions ?? []
  const generation = profile.metadata.generation ?? 1
  const isOther = before.revision !== undefined && before.revision !== status.revision
  const kept = isOther ? withoutReady(conditions) : conditions
  const set = setCondition(
    learningOf(kept, observed),
    conditionOf(whileStarting(outcome, kept, generation), generation, isOwnWorkload(profile)),
    now
  )
  if (set !== conditions) status.conditions = [...set]
  const same =
    status.revision === before.revision &&
    status.approvedRevision === before.approvedRevision &&
    status.previousRevision === before.previousRevision &&
    status.auditRevision === before.auditRevision &&
    status.labelMode === before.labelMode &&
    status.nodes === before.nodes &&
    status.parents === before.parents &&
    status.approvals === before.approvals &&
    set === conditions
  return withSummary(same ? profile : { ...profile, status })
}
