import type { LinuxSeccomp } from '../src/api/seccomp-profile.js'
import { oncePer } from '../src/once-per.js'
import { canonicalJson } from '../src/seccomp/canonical.js'
import { digestOf } from '../src/seccomp/digest.js'

/**
 * Digest of a profile's canonical form, as revisions are named; empty for what no revision can be. Equal
 * profiles of containers are one object (oci-config.ts).
 */
export const digestOfSeccomp = oncePer((seccomp: LinuxSeccomp): string => {
  try {
    return digestOf(canonicalJson(seccomp))
  } catch {
    // Numbers that JSON cannot carry exactly: no revision has them.
    return ''
  }
})
