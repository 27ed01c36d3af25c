import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { isMuted } from '../../../src/confinement/ladder.js'
import { isOfProfile } from '../../hub/denials/profile-of-denial.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { denyingRevision, isMutedAmong, learnedKey, ownerKeys } from './denial-owners.js'
import type { NamedRevision, RevisionIndex } from './revision-index.js'
import type { ConfinementSources } from './sources.js'

interface DenialFacts {
  hub: ConfinementSources['hub']
  index: RevisionIndex
  /** The profiles with mutes, by key. */
  muting: ReadonlyMap<string, SeccompProfile>
  /** The revision that the container declares, with the profiles that it may be of. */
  revision: NamedRevision | undefined
}

/**
 * Counts the denials of the run of a container. Muted ones are no open denials, as in `DenialView`.
 * @param reads gets the keys of the profiles on which the result depends
 */
export function denialCountsOf(
  { node, container, startedAt }: Running,
  { hub, index, muting, revision }: DenialFacts,
  reads: Set<string>
) {
  const run = { node, id: container?.id ?? '', startedAt }
  const counts = hub.denialRows.ofContainer(run)
  if (counts.denials === 0) return counts
  const muted = hub.denialRows.listOf(run).filter((row) => {
    if (row.expected) return false
    const isSure = revision?.digest === row.revision && revision.others.length === 0
    const own = denyingRevision(index, row, isSure ? revision.profile : '')
    const owners = ownerKeys(own, row)
    for (const key of [learnedKey(row), ...owners]) reads.add(key)
    return isMutedAmong(owners, row, (key) => {
      const profile = muting.get(key)
      if (profile === undefined || !isMuted(profile, row)) return false
      const isOfOther = () => index.isOfOther(row.revision, key, (one) => hub.profiles().has(one))
      const state = hub.profiles().get(key)
      return isOfProfile(row, { key, profile, state, isOfOther, startedAt })
    })
  })
  const calls = muted.reduce((sum, { count }) => sum + count, 0)
  return { ...counts, denials: Math.max(0, counts.denials - calls) }
}
