import type { SeccompProfile } from '../../api/seccomp-profile.js'
import {
  approvedDigest,
  checkApproval,
  type ApprovalDecision,
  withOwnApproval
} from './approval.js'

/**
 * The profile built on more, or on fewer others; an approval that it carries is replaced by that of who decided it.
 * Entries are NAME or NAMESPACE/NAME. The same object when nothing changes. Pure.
 * @throws SeccoError APPROVAL_INVALID for a profile whose approval is about another content
 */
export function withParents(
  profile: SeccompProfile,
  add: readonly string[],
  remove: readonly string[],
  who: Omit<ApprovalDecision, 'reason'>
): SeccompProfile {
  checkApproval(profile)
  const { extends: before = [], ...spec } = profile.spec
  const after = [...new Set([...before, ...add])].filter((each) => !remove.includes(each))
  const changed = { ...profile, spec: after.length === 0 ? spec : { ...spec, extends: after } }
  if (approvedDigest(changed.spec) === approvedDigest(profile.spec)) return profile
  const reason = `extends ${after.length === 0 ? 'nothing' : after.join(', ')}`
  return withOwnApproval(changed, { by: who.by, at: who.at, reason })
}
