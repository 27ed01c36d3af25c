import type { RevisionOrigin } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { approvedOf, type Resolve } from '../../../src/seccomp/render/approved.js'
import {
  namesBeyond,
  passSetOf,
  runtimeDefaultPassSet
} from '../../../src/seccomp/filter/pass-set.js'

/** Returns the syscalls that people allow in a profile and in what it extends, and that RuntimeDefault denies. */
function beyondOf(profile: SeccompProfile, resolve: Resolve): string[] {
  try {
    const syscalls = [...approvedOf(profile, resolve).grants].map(([name, grant]) => {
      const action = 'SCMP_ACT_ALLOW' as const
      return grant.byName
        ? [{ names: [name], action }]
        : grant.alternatives.map((args) => ({ names: [name], action, args }))
    })
    const granted = passSetOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: syscalls.flat() })
    // A syscall allowed by name keeps RuntimeDefault's own conditions, if there are any.
    return namesBeyond(granted, runtimeDefaultPassSet).filter(
      (name) => granted.names.get(name)?.length !== 0 || !runtimeDefaultPassSet.names.has(name)
    )
  } catch {
    return []
  }
}

/** Returns what nodes get to know of the origin of a profile's revisions: pure, the same for each node. */
export function originOf(profile: SeccompProfile, resolve: Resolve): RevisionOrigin {
  const { generation = 0, creationTimestamp = '' } = profile.metadata
  const beyond = beyondOf(profile, resolve)
  const approval = profile.status?.approvals?.at(-1)
  const who = beyond.length === 0 ? undefined : approval
  return {
    ...{ generation, createdAt: creationTimestamp, beyond },
    approvedBy: who?.by ?? '',
    approvedAt: who?.at ?? '',
    reason: who?.reason ?? ''
  }
}
