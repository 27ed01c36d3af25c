import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { oncePer } from '../../src/lib/once-per.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { digestOf } from '../../src/lib/digest.js'

/**
 * With the zeros that Go leaves out: `valueTwo` has `omitempty` in runtime-spec's LinuxSeccompArg, so
 * containerd (for CRI and ctr), podman and CRI-O write a container's configuration without them, and
 * renderings always have them where they count (argument-rules.ts).
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

/**
 * Digest of a profile's canonical form, as revisions are named; empty for what no revision can be. Equal
 * profiles of containers are one object (oci-config.ts).
 */
export const digestOfSeccomp = oncePer((seccomp: LinuxSeccomp): string => {
  try {
    return digestOf(canonicalJson(withZeros(seccomp)))
  } catch {
    // Numbers that JSON cannot carry exactly, or no profile at all: no revision is like that.
    return ''
  }
})
