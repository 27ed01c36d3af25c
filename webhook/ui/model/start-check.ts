import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { keyOfProfile } from '../../../src/seccomp/review/start-risk.js'
import {
  type GateOptions,
  mustNotBeginToEnforce,
  obstacleToStart,
  type StartObstacle,
  withProfile
} from '../../../src/confinement/start-gate.js'
import { proposedProfile } from '../../../src/seccomp/review/proposed-profile.js'
import type { Ui } from './context.js'
import { derivedOf } from './derived.js'
import type { Proposal } from './proposal.js'
import { rulesNow } from './rules.js'

/** Returns the objects before and after a write, among the profiles and rules that the person may read. */
function sidesOf(
  { sources }: Pick<Ui, 'sources'>,
  rules: readonly SeccompRule[],
  before: SeccompProfile | undefined,
  after: SeccompProfile
) {
  const others = sources.profiles().filter((one) => keyOfProfile(one) !== keyOfProfile(after))
  const stored = {
    profiles: before === undefined ? others : [...others, before],
    rules
  }
  return [stored, withProfile(stored, after)] as const
}

/**
 * Returns a check of what is about to be written: it does not begin to enforce a start that can fail, unless it is forced.
 */
export async function profileCheck(
  ui: Pick<Ui, 'sources' | 'now'>,
  options: Pick<GateOptions, 'force' | 'nevertheless'>
): Promise<(before: SeccompProfile | undefined, after: SeccompProfile) => void> {
  const { readable: rules } = await rulesNow(ui.sources)
  const { resolve } = derivedOf(ui.sources, ui.now())
  return (before, after) => {
    mustNotBeginToEnforce(...sidesOf(ui, rules, before, after), { ...options, resolve })
  }
}

/** Returns why an approval of these calls has to be forced; undefined where it does not, or where it cannot be given. */
export function obstacleToProposal(
  ui: Pick<Ui, 'sources' | 'now'>,
  profile: SeccompProfile,
  { allow }: Pick<Proposal, 'allow'>
): StartObstacle | undefined {
  const { resolve } = derivedOf(ui.sources, ui.now())
  try {
    const after = proposedProfile(profile, { allow })
    return obstacleToStart(...sidesOf(ui, ui.sources.rules(), profile, after), { resolve })
  } catch {
    return undefined
  }
}
