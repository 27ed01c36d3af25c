import { profileKey } from '../../../src/rules/profile-state.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import type { NamedRevision, RevisionIndex } from './revision-index.js'

type OwnedRow = Pick<DenialRow, 'namespace' | 'profile' | 'revision'>

/** Returns the key of the profile that learns from the container of a denial: what it is of where no revision denied it. */
export const learnedKey = ({ namespace, profile }: OwnedRow): string =>
  profileKey(namespace, profile)

/**
 * Returns the revision that denied a call, with the profiles that it may be of; undefined: it is of no known profile.
 * @param inForce the profile that the container runs under; '' where it has ended or that is not known
 */
export function denyingRevision(
  revisions: Pick<RevisionIndex, 'named'>,
  row: OwnedRow,
  inForce: string
): NamedRevision | undefined {
  return revisions.named(row.revision, [inForce, learnedKey(row)], row.namespace)
}

/** Returns the keys of the profiles that a denial may be of, the likeliest first. */
export const ownerKeys = (own: NamedRevision | undefined, row: OwnedRow): string[] =>
  own === undefined ? [learnedKey(row)] : [own.profile, ...own.others]

/**
 * Returns whether a denial is muted: by the profile that learns from its container, or by each profile that it may be of.
 * A rule gives a container a profile of another name than the one that learns from it.
 */
export const isMutedAmong = (
  owners: readonly string[],
  row: OwnedRow,
  mutes: (key: string) => boolean
): boolean => mutes(learnedKey(row)) || owners.every(mutes)
