import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { blockDecision } from '../../../src/seccomp/render/block.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import type { AuditEntry } from './audit-trail.js'
import { keyOf } from './derived.js'

type Approval = NonNullable<NonNullable<SeccompProfile['status']>['approvals']>[number]

/** An action and what came of it are at one time, within this. */
export const togetherMs = 5000

/** Whether two entries are of one moment. */
export const areTogether = (one: Pick<AuditEntry, 'at'>, other: Pick<AuditEntry, 'at'>): boolean =>
  Math.abs(Date.parse(one.at) - Date.parse(other.at)) < togetherMs

/** Whether a decision in a profile is the one that the action made: then one line shows both. */
function isSame(action: AuditEntry, decision: AuditEntry): boolean {
  const { user, object, detail, status, dryRun } = action
  const isBlock = decision.action !== 'approved'
  return (
    status < 400 &&
    dryRun !== true &&
    user === decision.user &&
    (isBlock
      ? action.action === decision.action && decision.detail.startsWith(object)
      : object === decision.object && detail === decision.detail) &&
    areTogether(action, decision)
  )
}

/** Returns the entry of a decision that a profile keeps: an approval, or a block or its removal in the overlay. */
function decisionOf(profile: SeccompProfile, { at, by, reason = '' }: Approval): AuditEntry {
  const common = { at, user: by, object: keyOf(profile), status: 200 }
  if (!isEmergency(profile)) return { ...common, action: 'approved', detail: reason }
  const { isRemoval, text } = blockDecision(reason)
  return { ...common, action: isRemoval ? 'postUnblock' : 'postBlock', detail: text }
}

/** Returns the decisions that profiles keep and the trail does not have: the command line made them, for example. */
export const decisionsBeside = (
  actions: readonly AuditEntry[],
  profiles: readonly SeccompProfile[]
): AuditEntry[] =>
  profiles
    .flatMap((profile) =>
      (profile.status?.approvals ?? []).map((approval) => decisionOf(profile, approval))
    )
    .filter((decision) => !actions.some((action) => isSame(action, decision)))
