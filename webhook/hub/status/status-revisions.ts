import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { isAmongApprovals, previousRevisionOf } from '../../../src/rules/previous-revision.js'

type Status = NonNullable<SeccompProfile['status']>
interface Revisions {
  revision: string
  approvedRevision?: string
  previousRevision?: string | undefined
  earlierRevisions?: string[]
}

/** Earlier revisions that a status keeps, besides those that the ladder names. */
const mostEarlier = 16

/** Returns the revisions of a status that are none of those that the status names after a change. */
function earlierThan({ spec, status = {} }: SeccompProfile, after: Revisions): string[] {
  const { revision, previousRevision, approvedRevision, earlierRevisions = [] } = status
  const named = [spec.ladder?.revision, spec.ladder?.canary?.from.revision]
  const known = [...earlierRevisions, previousRevision, approvedRevision, revision]
  const gone = [after.revision, after.previousRevision, after.approvedRevision]
  const rest = [...new Set(known)].flatMap((one) =>
    one === undefined || gone.includes(one) ? [] : [one]
  )
  return rest.filter((one, at) => at >= rest.length - mostEarlier || named.includes(one))
}

/**
 * Returns what was in force without emergency blocks before this rendering. A hub of an earlier version did not write it:
 * then it is the last revision, unless no approval names that one and it may be of a block that ends or goes on.
 */
function approvedBefore(status: Status, digest: string, approved: string): string | undefined {
  const { revision, approvedRevision } = status
  if (approvedRevision !== undefined || revision === undefined) return approvedRevision
  const isOfBlock = !isAmongApprovals(status, revision) && isAmongApprovals(status, approved)
  return isOfBlock || (revision === digest && approved !== digest) ? approved : revision
}

/**
 * Returns the revisions that a status names once a profile is rendered. The previous one is what people approved before:
 * what an emergency block leaves of a revision is in force only during the block, and nobody rolls back to it.
 */
export function revisionsAfter(
  profile: SeccompProfile,
  outcome: { digest: string; approved?: string }
): Revisions {
  const { status = {} } = profile
  const { digest } = outcome
  const { approved = digest } = outcome
  const isFirst = status.revision === undefined && approved === digest
  const isSame = status.revision === digest && (status.approvedRevision ?? digest) === approved
  if (isFirst || isSame) return { revision: digest }
  const before = approvedBefore(status, digest, approved)
  const changed = before === undefined || before === approved ? undefined : before
  const previous = changed ?? previousRevisionOf(status, approved)
  const named = {
    ...{ revision: digest, approvedRevision: approved },
    ...{ previousRevision: previous }
  }
  return { ...named, earlierRevisions: earlierThan(profile, named) }
}
