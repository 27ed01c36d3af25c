import { rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import {
  approvedDigest,
  checkApproval,
  type ApprovalDecision,
  withOwnApproval
} from '../policy/approval.js'
import { extendsRef } from './approved.js'
import { emergencyLabel, isEmergency } from './emergency.js'

/**
 * The profile built on more, or on fewer others; an approval that it carries is replaced by that of who decided it.
 * Entries are NAME or NAMESPACE/NAME. The same object when nothing changes. Pure.
 * @throws SeccoError APPROVAL_INVALID for a profile whose approval is about another content, INVALID_ARGUMENT where
 *   one of the two is the emergency overlay
 */
export function withParents(
  profile: SeccompProfile,
  add: readonly string[],
  remove: readonly string[],
  who: Omit<ApprovalDecision, 'reason'>
): SeccompProfile {
  checkApproval(profile)
  mustNotBeOverlay(profile, add)
  const { extends: before = [], ...spec } = profile.spec
  const after = [...new Set([...before, ...add])].filter((each) => !remove.includes(each))
  const changed = { ...profile, spec: after.length === 0 ? spec : { ...spec, extends: after } }
  if (approvedDigest(changed.spec) === approvedDigest(profile.spec)) return profile
  const reason = `extends ${after.length === 0 ? 'nothing' : after.join(', ')}`
  return withOwnApproval(changed, { by: who.by, at: who.at, reason })
}

/** The overlay takes calls out of every profile: as a parent, or with parents, it would only look as if it added some. */
function mustNotBeOverlay(profile: SeccompProfile, add: readonly string[]): void {
  const { namespace = rootNamespace } = profile.metadata
  const refs = add.map((entry) => extendsRef(entry, namespace))
  const isParent = refs.some((ref) => `${ref.namespace}/${ref.name}` === emergencyLabel)
  if (!isParent && (add.length === 0 || !isEmergency(profile))) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${emergencyLabel}: it is what is blocked, not a profile`,
    {
      hint: 'secco block lists what is blocked; extend another profile'
    }
  )
}
