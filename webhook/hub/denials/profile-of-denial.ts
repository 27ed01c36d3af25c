import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { profileKey, type ProfileState } from '../../../src/rules/profile-state.js'
import type { DenialRow } from './denial-row.js'

export type Denied = Pick<
  DenialRow,
  'namespace' | 'profile' | 'revision' | 'deleted' | 'firstSeen' | 'lastSeen'
>

interface ProfileFacts {
  key: string
  profile: SeccompProfile
  state: ProfileState | undefined
  /** Another profile that exists has the revision: the denial is learned into this one. */
  isOfOther: () => boolean
  /** RFC 3339: when the container started that still runs under the filter; undefined: it does not run. */
  startedAt: string | undefined
}

/** Returns the digests of a profile's revisions, as far as the hub knows them. */
function digestsOf({ status }: SeccompProfile, state: ProfileState | undefined): Set<string> {
  const { enforce, audit, previous, ladder } = state ?? {}
  const rendered = [enforce, audit, previous, ladder?.revision, ladder?.canary?.from.revision]
  const approved = (status?.approvals ?? []).map(({ revision }) => revision)
  return new Set([...rendered.map((one) => one?.digest ?? ''), ...approved])
}

/**
 * Returns whether a denial is of a profile, and not of one of the same name that was deleted before. Where the hub has not
 * seen the deletion, the times decide: a container keeps the filter that it started with. Pure.
 */
export function isOfProfile(
  row: Denied,
  { key, profile, state, isOfOther, startedAt }: ProfileFacts
): boolean {
  const createdAt = Date.parse(profile.metadata.creationTimestamp ?? '')
  // An object that is older than its deletion was only away, or could not be read.
  const isDeleted =
    key === profileKey(row.namespace, row.profile) &&
    row.deleted !== undefined &&
    !(createdAt < Date.parse(row.deleted))
  // No revision denied it: what the profile of now learns, another filter still denies.
  if (row.revision === '') return !isDeleted || row.lastSeen > (row.deleted ?? '')
  // Made again with the same content it is the filter that denied: a repair of this profile ends the denial.
  if (digestsOf(profile, state).has(row.revision)) return true
  if (isDeleted) return false
  const first = [row.firstSeen, startedAt ?? row.firstSeen].map((at) => Date.parse(at))
  return !(Math.min(...first) < createdAt) || isOfOther()
}
