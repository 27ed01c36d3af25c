import type { LadderMode } from '../../../src/rules/profile-state.js'
import type { Confinement } from './confinement.js'
import type { ContainerView } from './container-view.js'

/**
 * Returns the mode of the filter that a container has, whatever its profile renders to now: its node saw the filter. One
 * that was not read yet counts as what the container declares.
 */
export function filterModeOf(
  { revisions }: { revisions: Pick<Confinement['revisions'], 'byDigest'> },
  { state, profile, revision }: Pick<ContainerView, 'state' | 'profile' | 'revision'>
): LadderMode {
  if (state === 'enforced') return 'enforce'
  if (state !== 'starting') return state === 'audit' ? 'audit' : 'learn'
  const declared = revisions.byDigest(revision).find((one) => one.profile === profile)
  return declared?.mode ?? 'learn'
}
