import type { Condition, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { namedNode, setCondition } from '../../hub/status/conditions.js'
import type { DeafNode } from './hearing.js'

/** What a hub says on a profile of its own nodes, for all replicas. */
interface Word {
  type: string
  /** Of a node. */
  said: { reason: string; words: string }
  /** When that is over. */
  taken: { reason: string; message: string }
}

const refusing: Word = {
  type: 'WouldRefuse',
  said: { reason: 'CallsInAudit', words: 'enforce would refuse' },
  taken: { reason: 'AuditQuiet', message: 'no call that enforce would refuse' }
}

const deaf: Word = {
  type: 'QuietUnproven',
  said: { reason: 'NobodyWatches', words: 'what is refused is not heard of' },
  taken: { reason: 'NodesWatch', message: 'what is refused is heard of' }
}

const conditionOf = ({ status }: SeccompProfile, { type }: Word): Condition | undefined =>
  status?.conditions?.find((one) => one.type === type)

const stands = (profile: SeccompProfile, word: Word): boolean =>
  conditionOf(profile, word)?.status === 'True'

/** Whether a hub has said that enforce would refuse something: no policy goes up while that stands. */
export const wouldRefuse = (profile: SeccompProfile): boolean => stands(profile, refusing)

/** Whether a hub has said that nobody watches what is on trial. */
export const isUnproven = (profile: SeccompProfile): boolean => stands(profile, deaf)

/** The node that a hub has said that of; empty: none did. */
export const unprovenNode = (profile: SeccompProfile): string =>
  namedNode(conditionOf(profile, deaf))

/**
 * When a hub took that back last, in milliseconds; 0: never. What was before was watched by nobody, and a hub
 * that began anew, or has got the node from another one, knows it from here only.
 */
export function watchedSince(profile: SeccompProfile): number {
  const { status, lastTransitionTime = '' } = conditionOf(profile, deaf) ?? {}
  return status === 'False' ? Date.parse(lastTransitionTime) || 0 : 0
}

/** What another hub says of a node of its own only that one takes back. */
function withWord(
  profile: SeccompProfile,
  word: Word,
  known: { node: string; newest: string } | undefined,
  now: string,
  isElsewhere: (node: string) => boolean
): SeccompProfile {
  const { type, said, taken } = word
  const before = conditionOf(profile, word)
  // The first one is enough: a write for each further one would tell nothing new.
  const isSaid =
    known === undefined
      ? !stands(profile, word) || isElsewhere(namedNode(before))
      : stands(profile, word)
  if (isSaid) return profile
  const conditions = profile.status?.conditions ?? []
  const set = setCondition(
    conditions,
    known === undefined
      ? { type, status: 'False', ...taken }
      : {
          ...{ type, status: 'True', reason: said.reason },
          message: `${said.words}: ${known.node}: ${known.newest}`
        },
    now
  )
  return set === conditions
    ? profile
    : { ...profile, status: { ...profile.status, conditions: [...set] } }
}

/**
 * The condition WouldRefuse of a profile in audit that a policy is to enforce. Each replica of the hub knows
 * the calls of its own nodes only, and any of them may enforce: whoever knows of one says so on the object. Pure.
 * @param known the newest such call on this hub's nodes; undefined: there is none
 */
export function withAudit(
  profile: SeccompProfile,
  known: { node: string; newest: string } | undefined,
  now: string,
  isElsewhere: (node: string) => boolean
): SeccompProfile {
  return withWord(profile, refusing, known, now, isElsewhere)
}

/**
 * The condition QuietUnproven of a profile whose quiet would take it on, where nobody of this hub's nodes
 * watches. Pure.
 * @param known one of those nodes, and why it does not; undefined: somebody watches
 */
export function withUnproven(
  profile: SeccompProfile,
  known: DeafNode | undefined,
  now: string,
  isElsewhere: (node: string) => boolean
): SeccompProfile {
  const said = known && { node: known.node, newest: known.why }
  return withWord(profile, deaf, said, now, isElsewhere)
}
