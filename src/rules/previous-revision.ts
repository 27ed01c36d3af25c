import type { SeccompProfile } from '../api/seccomp-profile.js'

type Status = SeccompProfile['status']

/** Returns whether a digest is among the revisions that approvals name; also where no approval names one. */
export function isAmongApprovals(status: Status, digest: string): boolean {
  const named = (status?.approvals ?? []).filter(({ revision }) => revision !== '')
  return named.length === 0 || named.some(({ revision }) => revision === digest)
}

/**
 * Returns the revision that was in force before the newest one and that people approved; undefined when there is none.
 * Hubs of earlier versions also wrote what a profile rendered to during an emergency block: where the status is theirs,
 * the newest approved revision takes the place of one that no approval names.
 * @param newest what is approved now, rendered without emergency blocks, where the status does not name it yet
 */
export function previousRevisionOf(status: Status, newest?: string): string | undefined {
  const { revision: rendered, previousRevision, approvedRevision, approvals = [] } = status ?? {}
  if (previousRevision === undefined) return undefined
  const isKnown = approvedRevision !== undefined || isAmongApprovals(status, previousRevision)
  if (isKnown && previousRevision !== newest) return previousRevision
  const current = ['', newest ?? approvedRevision ?? rendered]
  return approvals.findLast(({ revision }) => !current.includes(revision))?.revision
}
