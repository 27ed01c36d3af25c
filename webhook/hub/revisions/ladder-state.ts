import type { Ladder } from '../../../src/api/ladder.js'
import type { LadderState, RevisionState } from '../../../src/rules/profile-state.js'

/**
 * Returns the modes that people chose, with the revisions that they named.
 * @param revision the revision of the ladder, if it can be used
 * @param from the revision that a canary replaces, if it can be used
 */
export function ladderOf(
  ladder: Ladder | undefined,
  revision: RevisionState | undefined,
  from: RevisionState | undefined
): LadderState | undefined {
  if (ladder === undefined) return undefined
  const { mode, canary } = ladder
  const named = revision === undefined ? {} : { revision }
  if (canary === undefined) return { mode, ...named }
  const before = { mode: canary.from.mode, ...(from === undefined ? {} : { revision: from }) }
  return { mode, ...named, canary: { percent: canary.percent, from: before } }
}
