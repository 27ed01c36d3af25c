import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'

/** What a rendering comes from, as a text: equal texts render to equal bytes. */
export function essenceOf(profile: SeccompProfile): string {
  const abis = Object.keys(profile.status?.observed ?? {}).sort()
  return JSON.stringify([profile.spec.extends, profile.spec.seccomp, abis, profile.spec.approval])
}

/** What a verdict on a profile depends on, as a text. @param essence of essenceOf() */
export function relevantOf({ metadata, status }: SeccompProfile, essence: string): string {
  const { uid, generation, resourceVersion } = metadata
  const { revision, previousRevision, approvals } = status ?? {}
  // Who keeps no generation changes its version with everything.
  const version = generation ?? resourceVersion
  return JSON.stringify([essence, uid, version, revision, previousRevision, approvals])
}

/** Nothing is rendered of it, and nothing is to be said in its status. */
export function onlyLearns({ spec, status }: SeccompProfile): boolean {
  const { seccomp, ladder } = spec
  return seccomp === undefined && ladder === undefined && status?.revision === undefined
}
