/**
 * Two lists are of syscalls that were never observed. That of approvals has all that is approved. That of the risk has what
 * only an approval gives: removing it makes the profile smaller, and removing what the start needs does not.
 */

/** approvedNeverObserved is the title of the list of `ObservedDiff.neverObserved`. */
export const approvedNeverObserved = 'Approved, never observed'

/** Returns the reason of the risk for `RiskReport.neverObserved`. */
export function unobservedRisk(count: number): string {
  return `${count} allowed, never observed, and needed neither by the start nor by a family`
}
