import type { LadderStep } from '../../../src/api/ladder.js'
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

/** What an action and the decision that it made have in common; of a block, `isSame` compares the rest. */
const markOf = ({ user, object, detail, action }: AuditEntry, isBlock: boolean): string =>
  JSON.stringify(isBlock ? [user, action] : [user, object, detail])

/** What the trail calls the steps that a profile keeps. */
const stepActions: Readonly<Record<LadderStep['action'], string>> = {
  promote: 'postPromote',
  canary: 'postPromote',
  complete: 'completeCanary',
  return: 'returnCanary',
  rollback: 'postRollback',
  allow: 'postAllow',
  mute: 'postMute'
}

/** Returns the entry of a step that a profile keeps. */
function stepOf(profile: SeccompProfile, step: LadderStep): AuditEntry {
  const { at, by, action, from, to, reason = '' } = step
  const change = from === to ? '' : `${from} to ${to}`
  const detail = [change, reason].filter((text) => text !== '').join(': ')
  return { at, user: by, action: stepActions[action], object: keyOf(profile), detail, status: 200 }
}

/** A step has one action; the trail has the opposite of a mute under its own name. */
const stepMark = ({ user, object, action }: AuditEntry): string =>
  JSON.stringify([user, object, action === 'postUnmute' ? 'postMute' : action])

/** Returns the steps of a profile that are neither in the trail nor shown as an approval: to allow a denied call is both. */
function stepsBeside(
  byMark: ReadonlyMap<string, readonly AuditEntry[]>,
  profile: SeccompProfile
): AuditEntry[] {
  const { history = [], approvals = [] } = profile.status ?? {}
  return history
    .map((step) => stepOf(profile, step))
    .filter(
      (step) =>
        byMark
          .get(stepMark(step))
          ?.some((one) => one.status < 400 && one.dryRun !== true && areTogether(one, step)) !==
          true &&
        !(
          step.action === 'postAllow' &&
          approvals.some(({ by, at }) => by === step.user && areTogether({ at }, step))
        )
    )
}

/** Returns the decisions and steps that profiles keep and the trail does not have: the command line made them, for example. */
export function decisionsBeside(
  actions: readonly AuditEntry[],
  profiles: readonly SeccompProfile[]
): AuditEntry[] {
  // Both lists may have thousands of entries, so not every action is compared with every decision.
  const byMark = new Map<string, AuditEntry[]>()
  for (const action of actions) {
    for (const mark of [markOf(action, false), markOf(action, true), stepMark(action)]) {
      const known = byMark.get(mark)
      if (known === undefined) byMark.set(mark, [action])
      else known.push(action)
    }
  }
  const decisions = profiles
    .flatMap((profile) =>
      (profile.status?.approvals ?? []).map((approval) => decisionOf(profile, approval))
    )
    .filter((decision) => {
      const alike = byMark.get(markOf(decision, decision.action !== 'approved'))
      return alike?.some((action) => isSame(action, decision)) !== true
    })
  return [...decisions, ...profiles.flatMap((profile) => stepsBeside(byMark, profile))]
}
