/**
 * The conditions WouldDeny and QuietUnproven. The active hub writes them to the profile for people, and for the hub that
 * takes over: it has not seen which nodes recorded before, and hears of their denials only when they connect.
 */
import type { Condition, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { namedNode, setCondition } from '../../hub/status/conditions.js'
import type { NotRecording } from '../containers/denial-recording.js'

interface AuditCondition {
  type: string
  /** While it is True; the message names a node. */
  whileTrue: { reason: string; words: string }
  /** After it is over. */
  whileFalse: { reason: string; message: string }
}

/** A node, and what the condition says about it. */
interface NodeFinding {
  node: string
  finding: string
}

const wouldDenyCondition: AuditCondition = {
  type: 'WouldDeny',
  whileTrue: { reason: 'CallsInAudit', words: 'enforce would deny' },
  whileFalse: { reason: 'AuditQuiet', message: 'no syscall that enforce would deny' }
}

const unprovenCondition: AuditCondition = {
  type: 'QuietUnproven',
  whileTrue: { reason: 'NobodyWatches', words: 'denials are not recorded' },
  whileFalse: { reason: 'NodesWatch', message: 'denials are recorded' }
}

const conditionOf = ({ status }: SeccompProfile, { type }: AuditCondition): Condition | undefined =>
  status?.conditions?.find((one) => one.type === type)

const isTrue = (profile: SeccompProfile, condition: AuditCondition): boolean =>
  conditionOf(profile, condition)?.status === 'True'

/** Returns whether a hub reports that enforce would deny a syscall: then no policy enforces the profile. */
export const wouldDeny = (profile: SeccompProfile): boolean => isTrue(profile, wouldDenyCondition)

/** Returns whether a hub reports that no node records the denials of what is on trial. */
export const isUnproven = (profile: SeccompProfile): boolean => isTrue(profile, unprovenCondition)

/**
 * Returns when a hub last ended QuietUnproven, in milliseconds; 0: never. Nothing was recorded before. A hub that
 * restarted, or that took the node over from another hub, learns that time only from here.
 */
export function recordedSince(profile: SeccompProfile): number {
  const { status, lastTransitionTime = '' } = conditionOf(profile, unprovenCondition) ?? {}
  return status === 'False' ? Date.parse(lastTransitionTime) || 0 : 0
}

function withCondition(
  profile: SeccompProfile,
  condition: AuditCondition,
  known: NodeFinding | undefined,
  now: string
): SeccompProfile {
  const { type, whileTrue, whileFalse } = condition
  // The first finding is enough: further ones would only cost writes.
  if (isTrue(profile, condition) === (known !== undefined)) return profile
  const conditions = profile.status?.conditions ?? []
  const set = setCondition(
    conditions,
    known === undefined
      ? { type, status: 'False', ...whileFalse }
      : {
          ...{ type, status: 'True', reason: whileTrue.reason },
          message: `${whileTrue.words}: ${known.node}: ${known.finding}`
        },
    now
  )
  return set === conditions
    ? profile
    : { ...profile, status: { ...profile.status, conditions: [...set] } }
}

/**
 * Returns a profile in audit, which a policy is to enforce, with its condition WouldDeny. Pure.
 * @param known the newest call that enforce would deny; undefined: there is none
 * @param isElsewhere tells nodes that have not connected since this hub is active: what they told still holds
 */
export function withAudit(
  profile: SeccompProfile,
  known: { node: string; newest: string } | undefined,
  now: string,
  isElsewhere: (node: string) => boolean
): SeccompProfile {
  const finding = known && { node: known.node, finding: known.newest }
  const told = namedNode(conditionOf(profile, wouldDenyCondition))
  return finding === undefined && isElsewhere(told)
    ? profile
    : withCondition(profile, wouldDenyCondition, finding, now)
}

/**
 * Returns a profile that would be taken on without denials, with its condition QuietUnproven. Pure.
 * @param known a node that runs it without recording; undefined: a node records it
 */
export function withUnproven(
  profile: SeccompProfile,
  known: NotRecording | undefined,
  now: string
): SeccompProfile {
  const finding = known && { node: known.node, finding: known.why }
  return withCondition(profile, unprovenCondition, finding, now)
}
