import type { Condition, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { namedNode, setCondition } from '../hub/conditions.js'

const type = 'WouldRefuse'

const conditionOf = ({ status }: SeccompProfile): Condition | undefined =>
  status?.conditions?.find((one) => one.type === type)

/** Whether a hub has said that enforce would refuse something: no policy goes up while that stands. */
export const wouldRefuse = (profile: SeccompProfile): boolean =>
  conditionOf(profile)?.status === 'True'

/**
 * The condition WouldRefuse of a profile in audit that a policy is to enforce. Each replica of the hub knows
 * the calls of its own nodes only, and any of them may enforce: whoever knows of one says so on the object.
 * What another one says of a node of its own only that one takes back. Pure.
 * @param known the newest such call on this hub's nodes; undefined: there is none
 */
export function withAudit(
  profile: SeccompProfile,
  known: { node: string; newest: string } | undefined,
  now: string,
  isElsewhere: (node: string) => boolean
): SeccompProfile {
  const before = conditionOf(profile)
  const stands = before?.status === 'True'
  // The first call is enough to hold it back: a write for each further one would tell nothing new.
  const isSaid = known === undefined ? !stands || isElsewhere(namedNode(before)) : stands
  if (isSaid) return profile
  const conditions = profile.status?.conditions ?? []
  const set = setCondition(
    conditions,
    known === undefined
      ? {
          type,
          status: 'False',
          reason: 'AuditQuiet',
          message: 'no call that enforce would refuse'
        }
      : {
          ...{ type, status: 'True', reason: 'CallsInAudit' },
          message: `enforce would refuse: ${known.node}: ${known.newest}`
        },
    now
  )
  return set === conditions
    ? profile
    : { ...profile, status: { ...profile.status, conditions: [...set] } }
}
