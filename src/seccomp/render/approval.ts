import type { Static } from 'typebox'
import type { SpecApproval } from '../../api/learning-schema.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { canonicalJson } from '../../lib/canonical.js'
import { digestOf } from '../../lib/digest.js'

type Spec = SeccompProfile['spec']
type Bound = Static<typeof SpecApproval>

/**
 * Digest of what an approval is about: spec.seccomp and spec.extends, in canonical form, `sha256:<hex>`.
 * What was looked at and what is there now have the same digest, or it is not what was looked at.
 */
export function approvedDigest({ seccomp, extends: parents }: Spec): `sha256:${string}` {
  return digestOf(canonicalJson({ extends: parents ?? [], seccomp: seccomp ?? null }))
}

/** The approval of the spec as it stands. */
export function boundApproval(spec: Spec, who: Omit<Bound, 'digest'>): Bound {
  const { by, at, reason } = who
  return { digest: approvedDigest(spec), by, at, ...(reason === undefined ? {} : { reason }) }
}

/**
 * A spec that carries an approval must be what that approval is about.
 * @throws SeccoError APPROVAL_INVALID, field spec.approval.digest
 */
export function checkApproval({ metadata, spec }: SeccompProfile): void {
  if (spec.approval === undefined) return
  const digest = approvedDigest(spec)
  if (spec.approval.digest === digest) return
  const { by } = spec.approval
  const stated = spec.approval.digest.slice(0, 19)
  throw new SeccoError(
    'APPROVAL_INVALID',
    `${metadata.namespace ?? ''}/${metadata.name}: ${by} approved ${stated}…, the spec is ${digest.slice(0, 19)}…`,
    { field: 'spec.approval.digest' }
  )
}

/** `by` of a change that nobody put a name to: the API server's audit log has it. */
export const unnamedApprover = 'unnamed'

type Approvals = NonNullable<NonNullable<SeccompProfile['status']>['approvals']>

/**
 * `status.approvals` with the approval that the spec carries; with `edits` also with what somebody who
 * may approve wrote straight into the spec. The same list when it is there already.
 */
export function recordedApprovals(
  { spec, status }: SeccompProfile,
  now: string,
  edits: boolean
): Approvals | undefined {
  const known = status?.approvals
  const { approval } = spec
  if (approval !== undefined) {
    const { digest, by, at } = approval
    const isKnown = known?.some((one) => one.digest === digest && one.by === by && one.at === at)
    return isKnown === true ? known : [...(known ?? []), { ...approval, revision: '' }]
  }
  const digest = approvedDigest(spec)
  if (!edits || spec.seccomp === undefined || known?.at(-1)?.digest === digest) return known
  const reason = 'written into the spec without an approval of its own'
  return [...(known ?? []), { by: unnamedApprover, at: now, reason, revision: '', digest }]
}
