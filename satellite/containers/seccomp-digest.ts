import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { oncePer } from '../../src/lib/once-per.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { digestOf } from '../../src/lib/digest.js'

/**
 * Adds the zeros that Go leaves out: `valueTwo` has `omitempty` in runtime-spec's LinuxSeccompArg, so containerd (for
 * CRI and ctr), podman and CRI-O write a container's configuration without them. Renderings always have them where
 * they matter (argument-rules.ts).
 */
function withZeros(seccomp: LinuxSeccomp): LinuxSeccomp {
  if (seccomp.syscalls === undefined) return seccomp
  const syscalls = seccomp.syscalls.map((rule) =>
    rule.args === undefined
      ? rule
      : {
          ...rule,
          args: rule.args.map((arg) =>
            arg.op === 'SCMP_CMP_MASKED_EQ' ? { ...arg, valueTwo: arg.valueTwo ?? 0 } : arg
          )
        }
  )
  return { ...seccomp, syscalls }
}

/** Returns a profile's canonical form: the bytes of a revision, if it is one. @throws when JSON cannot represent it */
export function canonicalOf(seccomp: LinuxSeccomp): string {
  return canonicalJson(withZeros(seccomp))
}

/**
 * Returns the digest of a profile's canonical form, which is a revision's name; empty for a profile that cannot be a
 * revision. Equal profiles of containers are one object (oci-config.ts).
 */
export const digestOfSeccomp = oncePer((seccomp: LinuxSeccomp): string => {
  try {
    return digestOf(canonicalOf(seccomp))
  } catch {
    // Numbers that JSON cannot represent exactly, or not a profile: no revision is like that.
    return ''
  }
})

/**
 * Digest of the held revision that a container's profile is; empty if it is none of them. The runtime copies
 * a revision's JSON into the container's configuration: an equal value has an equal digest.
 */
export function revisionOf(seccomp: LinuxSeccomp | undefined, held: ReadonlySet<string>): string {
  const digest = seccomp === undefined ? '' : digestOfSeccomp(seccomp)
  return held.has(digest) ? digest : ''
}
