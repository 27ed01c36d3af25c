import type { Ladder } from '../../../src/api/ladder.js'
import type { LadderState, RevisionState } from '../../../src/rules/profile-state.js'

/** Returns the modes that people chose, with the revisions that they named, if their bytes are kept. */
export async function ladderOf(
  ladder: Ladder | undefined,
  kept: (digest: string | undefined) => Promise<RevisionState | undefined>
): Promise<LadderState | undefined> {
  if (ladder === undefined) return undefined
  const { mode, canary } = ladder
  const revision = await kept(ladder.revision)
  const from = await kept(canary?.from.revision)
  return {
    mode,
    ...(revision === undefined ? {} : { revision }),
    ...(canary === undefined
      ? {}
      : {
          canary: {
            percent: canary.percent,
            from: { mode: canary.from.mode, ...(from === undefined ? {} : { revision: from }) }
          }
        })
  }
}
