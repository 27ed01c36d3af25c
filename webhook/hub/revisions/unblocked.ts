/** RevisionPlace is why new pods may get a revision: the newest one, the one before it, or one that a ladder names. */
export type RevisionPlace = 'newest' | 'previous' | 'pinned'

/** UnblockedRevision is a revision of one profile, and what the emergency overlay leaves of it. */
export interface UnblockedRevision {
  path: string
  /** Digest of the revision without what is blocked; undefined when it could not be made. */
  digest: string | undefined
  place: RevisionPlace
  /** When the ladder got to where it is (RFC 3339); empty for revisions that no ladder names. */
  since: string
}

/** Unblocked is what the emergency overlay leaves of revisions. */
export interface Unblocked {
  /** The blockDigest() of the overlay; empty when nothing is blocked. */
  block: string
  /**
   * Digests of the revisions without what is blocked, by path; the revision's own digest when it has nothing of that.
   * Those that are in use most come first, revisions that were pinned long ago last.
   */
  digests: ReadonlyMap<string, string>
}

/** Nothing is blocked, and revisions are used as they are. */
export const nothingBlocked: Unblocked = { block: '', digests: new Map() }

const order: Record<RevisionPlace, number> = { newest: 0, previous: 1, pinned: 2 }

function byUse(left: UnblockedRevision, right: UnblockedRevision): number {
  if (left.place !== right.place) return order[left.place] - order[right.place]
  if (left.since !== right.since) return left.since < right.since ? 1 : -1
  return left.path < right.path ? -1 : 1
}

/** Joins what a block leaves of the revisions of all profiles. @param block the blockDigest() of the overlay */
export function unblockedOf(block: string, revisions: readonly UnblockedRevision[]): Unblocked {
  if (block === '') return nothingBlocked
  const digests = new Map<string, string>()
  for (const { path, digest } of [...revisions].sort(byUse)) {
    if (digest !== undefined && !digests.has(path)) digests.set(path, digest)
  }
  return { block, digests }
}

/** Returns whether two passes found the same. */
export function sameUnblocked(left: Unblocked, right: Unblocked): boolean {
  if (left.block !== right.block || left.digests.size !== right.digests.size) return false
  for (const [path, digest] of left.digests) if (right.digests.get(path) !== digest) return false
  return true
}
