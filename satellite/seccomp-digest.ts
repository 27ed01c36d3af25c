import type { LinuxSeccomp } from '../src/api/seccomp-profile.js'
import { canonicalJson } from '../src/seccomp/canonical.js'
import { digestOf } from '../src/seccomp/digest.js'

/** Equal profiles of containers are one object (oci-config.ts): each is worked out once. */
const digests = new WeakMap<LinuxSeccomp, string>()

/** Digest of a profile's canonical form, as revisions are named; empty for what no revision can be. */
export function digestOfSeccomp(seccomp: LinuxSeccomp): string {
  const known = digests.get(seccomp)
  if (known !== undefined) return known
  let digest = ''
  try {
    digest = digestOf(canonicalJson(seccomp))
  } catch {
    // Numbers that JSON cannot carry exactly: no revision has them.
  }
  digests.set(seccomp, digest)
  return digest
}
