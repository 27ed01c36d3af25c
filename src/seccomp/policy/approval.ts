import type { Static } from 'typebox'
import type { SpecApproval } from '../../api/learning-schema.js'
import { rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { canonicalJson } from '../../lib/canonical.js'
import { digestOf } from '../../lib/digest.js'

type Spec = SeccompProfile['spec']
type Bound = Static<typeof SpecApproval>

/** Records who changes what a profile allows, when and why. */
export type ApprovalDecision = Omit<Bound, 'digest'>

/**
 * Digest of what an approval is about: spec.seccomp and spec.extends, in canonical form, `sha256:<hex>`.
 * What was looked at and what is there now have the same digest, or it is not what was looked at.
 */
export function approvedDigest({ seccomp, extends: parents }: Spec): `sha256:${string}` {
  return digestOf(canonicalJson({ extends: parents ?? [], seccomp: seccomp ?? null }))
}

/** Returns whether a spec has content that people approve: rules of its own, or other profiles that it extends. */
export const hasContent = ({ seccomp, extends: parents = [] }: Spec): boolean =>
  seccomp !== undefined || parents.length > 0

/**
 * Rejects a profile that only learns: what is rendered of it has nothing but the base, and no program runs under that.
 * @param consequence what would follow
 * @throws SeccoError APPROVAL_INVALID
 */
export function mustBeApproved({ metadata, spec }: SeccompProfile, consequence: string): void {
  if (hasContent(spec)) return
  const key = `${metadata.namespace ?? rootNamespace}/${metadata.name}`
  throw new SeccoError('APPROVAL_INVALID', `${key}: nothing is approved yet, and ${consequence}`, {
    hint: approveFirst(key)
  })
}

/** What follows where a profile that only learns is rendered. */
export const noneStarts = 'no container would start under its revision'

/** The next step for a profile that only learns. */
export const approveFirst = (key: string): string =>
  `approve what was observed first: secco profile approve ${key}`

/** The spec for another installation: who applies it there approves it, for the API server takes no other name. */
export function withoutApproval(spec: Spec): Spec {
  const own = { ...spec }
  delete own.approval
  return own
}

/**
 * The spec for another installation, approved in the name of the identity that applies it there. The decision of the
 * person here becomes its reason; nobody's approval travels. A spec without content needs none.
 * @throws SeccoError APPROVAL_INVALID when nobody approved the spec as it stands here
 */
export function approvedAs(profile: SeccompProfile, by: string): Spec {
  checkApproval(profile)
  const { approval, ...spec } = profile.spec
  if (spec.seccomp === undefined && spec.extends === undefined) return spec
  const digest = approvedDigest(spec)
  const known = approval ?? profile.status?.approvals?.at(-1)
  if (known?.digest !== digest) {
    const name = `${profile.metadata.namespace ?? ''}/${profile.metadata.name}`
    throw new SeccoError('APPROVAL_INVALID', `${name}: no approval of this content is known`, {
      hint: 'export it without --approved-by: whoever applies the document approves it'
    })
  }
  const words = [known.reason ?? '', `(approved by ${known.by})`]
  const reason = words.filter(Boolean).join(' ').slice(0, 2048)
  const bound = { digest, by, at: known.at, reason }
  // Without a list the tool that applies this would leave parents in place that somebody else adds.
  return { ...spec, extends: spec.extends ?? [], approval: bound }
}

/** The approval of the spec as it stands. */
export function boundApproval(spec: Spec, who: ApprovalDecision): Bound {
  const { by, at, reason } = who
  return { digest: approvedDigest(spec), by, at, ...(reason === undefined ? {} : { reason }) }
}

/** Whether a spec carries the approval of another content. */
export function isApprovalStale(spec: Spec): boolean {
  return spec.approval !== undefined && spec.approval.digest !== approvedDigest(spec)
}

/**
 * A spec that carries an approval must be what that approval is about.
 * @throws SeccoError APPROVAL_INVALID, field spec.approval.digest
 */
export function checkApproval({ metadata, spec }: SeccompProfile): void {
  if (spec.approval === undefined || !isApprovalStale(spec)) return
  const digest = approvedDigest(spec)
  const { by } = spec.approval
  const stated = spec.approval.digest.slice(0, 19)
  throw new SeccoError(
    'APPROVAL_INVALID',
    `${metadata.namespace ?? ''}/${metadata.name}: ${by} approved ${stated}…, but the spec is ${digest.slice(0, 19)}…`,
    { field: 'spec.approval.digest' }
  )
}

/**
 * The profile with its approval replaced by that of a decision, which changed its content. A profile that carries no
 * approval gets none: in the folder of one machine whoever writes a spec approves it.
 */
export function withOwnApproval(
  profile: SeccompProfile,
  decision: ApprovalDecision
): SeccompProfile {
  const { spec } = profile
  if (spec.approval === undefined) return profile
  return { ...profile, spec: { ...spec, approval: boundApproval(spec, decision) } }
}

/** The profile with an approval of another content replaced by that of who writes it. */
export function withValidApproval(
  profile: SeccompProfile,
  decision: ApprovalDecision
): SeccompProfile {
  return isApprovalStale(profile.spec) ? withOwnApproval(profile, decision) : profile
}

/** Does the same as `withOwnApproval`, and adds the decision to `status.approvals`. */
export function decided(profile: SeccompProfile, decision: ApprovalDecision): SeccompProfile {
  const after = withOwnApproval(profile, decision)
  const entry = { ...boundApproval(after.spec, decision), revision: '' }
  const approvals = [...(profile.status?.approvals ?? []), entry]
  return { ...after, status: { ...profile.status, approvals } }
}

/**
 * A change as a person writes it into a cluster: with other content comes the person's approval, and `status.approvals`
 * stays as it was. The hub lists the approval from the spec.
 */
export function boundChange(
  before: SeccompProfile,
  after: SeccompProfile,
  who: Omit<ApprovalDecision, 'reason'>
): SeccompProfile {
  if (approvedDigest(before.spec) === approvedDigest(after.spec)) return after
  const known = before.status?.approvals
  const own = isApprovalStale(after.spec) ? undefined : after.spec.approval
  const decision = (after.status?.approvals ?? []).slice(known?.length ?? 0).at(-1) ?? own
  const { at = who.at, reason } = decision ?? {}
  const approval = boundApproval(after.spec, {
    ...{ by: who.by, at },
    ...(reason === undefined ? {} : { reason })
  })
  const status = { ...after.status }
  if (known === undefined) delete status.approvals
  else status.approvals = known
  const bound: SeccompProfile = { ...after, spec: { ...after.spec, approval }, status }
  // A status that nobody wrote stays unwritten: people may not even write an empty one.
  if (before.status === undefined && Object.keys(status).length === 0) delete bound.status
  return bound
}

/**
 * A document as a person applies it in a cluster: what it allows is approved by that person. An approval in a document
 * is somebody's, about something.
 */
export function boundDocument(profile: SeccompProfile, decision: ApprovalDecision): SeccompProfile {
  const { approval, ...spec } = profile.spec
  if (spec.seccomp === undefined && spec.extends === undefined && approval === undefined)
    return profile
  return { ...profile, spec: { ...spec, approval: boundApproval(spec, decision) } }
}

/** `by` of a change that nobody put a name to: the API server's audit log has it. */
const unnamedApprover = 'unnamed'

type Approvals = NonNullable<NonNullable<SeccompProfile['status']>['approvals']>

/**
 * `status.approvals` with the approval that the spec carries, and with what somebody who may approve wrote straight into
 * the spec. The same list when it is there already.
 * @param editedAt when a spec without an approval of its own was seen first; undefined: it is not recorded
 */
export function recordedApprovals(
  { spec, status }: SeccompProfile,
  editedAt: string | undefined
): Approvals | undefined {
  const known = status?.approvals
  const { approval } = spec
  if (approval !== undefined) {
    const { digest, by, at } = approval
    const isKnown = known?.some((one) => one.digest === digest && one.by === by && one.at === at)
    return isKnown === true ? known : [...(known ?? []), { ...approval, revision: '' }]
  }
  const digest = approvedDigest(spec)
  if (editedAt === undefined || spec.seccomp === undefined || known?.at(-1)?.digest === digest)
    return known
  const reason = 'written into the spec without an approval of its own'
  return [...(known ?? []), { by: unnamedApprover, at: editedAt, reason, revision: '', digest }]
}
