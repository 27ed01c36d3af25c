import type { DenialRow } from '../../hub/denials/denial-row.js'
import { type Denied, isOfProfile } from '../../hub/denials/profile-of-denial.js'
import type { Confinement } from '../containers/confinement.js'

/** Returns whether the profile with a key exists, and a denial is of it. */
export function hasProfile(confinement: Confinement, row: DenialRow, key: string): boolean {
  const view = confinement.views.peekContainer(row.node, row.container)
  return hasRevision(
    confinement,
    row,
    key,
    view?.revision === row.revision ? view.startedAt : undefined
  )
}

/**
 * Returns whether the profile with a key exists, and what a revision denied is of it.
 * @param startedAt when the container started that still runs under the revision
 */
export function hasRevision(
  confinement: Confinement,
  row: Denied,
  key: string,
  startedAt: string | undefined
): boolean {
  const profile = confinement.profile(key)
  if (profile === undefined) return false
  return isOfProfile(row, {
    ...{ key, profile, state: confinement.sources.hub.profiles().get(key) },
    isOfOther: () =>
      confinement.revisions.isOfOther(
        row.revision,
        key,
        (one) => confinement.profile(one) !== undefined
      ),
    startedAt
  })
}
