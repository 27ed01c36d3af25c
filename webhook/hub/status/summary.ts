import { approvedNames, observedNames } from '../../../src/seccomp/review/profile-size.js'
import type { SeccompProfile, SeccompProfileStatus } from '../../../src/api/seccomp-profile.js'

type Summary = NonNullable<SeccompProfileStatus['summary']>

/** Returns what `kubectl get seccompprofiles` shows: a printer column can neither count nor join. Pure. */
function summaryOf(profile: SeccompProfile): Summary {
  const { spec, status = {} } = profile
  const { nodes } = status
  return {
    ...(nodes === undefined ? {} : { nodes: `${nodes.ready}/${nodes.total}` }),
    syscalls: `${approvedNames(profile).size}/${observedNames(profile).size}`,
    source: spec.workload === undefined ? 'Written' : 'Learned'
  }
}

/** Returns the profile with an up-to-date summary; the same object when it already is. */
export function withSummary(profile: SeccompProfile): SeccompProfile {
  const summary = summaryOf(profile)
  const before = profile.status?.summary
  if (
    before?.nodes === summary.nodes &&
    before?.syscalls === summary.syscalls &&
    before.source === summary.source
  ) {
    return profile
  }
  return { ...profile, status: { ...profile.status, summary } }
}
