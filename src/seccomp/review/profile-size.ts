import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'

/** The numbers of a profile count names: a syscall of two ABIs, or of two rules, is one. */
type Names = ReadonlySet<string>

/** Returns the names that rules allow, silently or logged, with whatever arguments. */
export function allowedBy(seccomp: Pick<LinuxSeccomp, 'syscalls'> | undefined): Names {
  const rules = (seccomp?.syscalls ?? []).filter(
    ({ action }) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'
  )
  return new Set(rules.flatMap(({ names }) => names))
}

/** Returns the names that rules allow with any arguments, without logging them: an approval by name adds nothing to these. */
export function whollyAllowed(seccomp: Pick<LinuxSeccomp, 'syscalls'> | undefined): Names {
  const rules = (seccomp?.syscalls ?? []).filter(
    ({ action, args = [] }) => action === 'SCMP_ACT_ALLOW' && args.length === 0
  )
  return new Set(rules.flatMap(({ names }) => names))
}

/** Returns the names that people approved: what the profile itself allows, without its parents and base. */
export const approvedNames = ({ spec }: Pick<SeccompProfile, 'spec'>): Names =>
  allowedBy(spec.seccomp)

/** Returns the names that any instance used, on any ABI. */
export const observedNames = ({ status }: Pick<SeccompProfile, 'status'>): Names =>
  new Set(Object.values(status?.observed ?? {}).flat())

/** Returns whether anything is approved: then there is a revision, of which this or its parents are a part. */
export const hasApproved = ({ spec }: Pick<SeccompProfile, 'spec'>): boolean =>
  spec.seccomp !== undefined || (spec.extends ?? []).length > 0

/** ProfileSize is how large a profile is, in names. */
export interface ProfileSize {
  observed: number
  approved: number
  /**
   * What its revision for enforce allows: approved, parents, base and families, without what is blocked. Undefined where
   * nothing is approved, or it cannot be rendered.
   */
  allows: number | undefined
  /** Those of `allows` that are approved by name. */
  allowsApproved: number
}

/** Returns the size of a profile. @param rendered its rendering for enforce; undefined where it cannot be rendered */
export function sizeOfProfile(
  profile: SeccompProfile,
  rendered: Pick<LinuxSeccomp, 'syscalls'> | undefined
): ProfileSize {
  const approved = approvedNames(profile)
  const allows = allowedBy(rendered)
  const isKnown = rendered !== undefined && hasApproved(profile)
  return {
    observed: observedNames(profile).size,
    approved: approved.size,
    allows: isKnown ? allows.size : undefined,
    allowsApproved: isKnown ? [...allows].filter((name) => approved.has(name)).length : 0
  }
}

/** Returns what a revision allows, in words: `allows 105 calls: 63 approved, 42 from base, families and parents`. */
export function sizeText({ approved, allows, allowsApproved }: ProfileSize): string {
  if (allows === undefined) return `${plural(approved, 'call')} approved by name`
  const own = allowsApproved === approved ? approved : `${allowsApproved} of ${approved}`
  const others = allows - allowsApproved
  return `allows ${plural(allows, 'call')}: ${own} approved, ${others} from base, families and parents`
}
