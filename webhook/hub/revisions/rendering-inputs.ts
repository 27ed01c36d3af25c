import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'

/** Returns what a rendering depends on of the profile, as a text: equal texts render to equal bytes. */
export function renderingInputOf(profile: SeccompProfile): string {
  const abis = Object.keys(profile.status?.observed ?? {}).sort()
  return JSON.stringify([profile.spec.extends, profile.spec.seccomp, abis, profile.spec.approval])
}

/** Returns what an outcome depends on of the profile, as a text. @param renderingInput from renderingInputOf() */
export function outcomeInputOf(
  { metadata, status }: SeccompProfile,
  renderingInput: string
): string {
  const { uid, generation, resourceVersion } = metadata
  const { revision, previousRevision, approvals } = status ?? {}
  // A store without generations changes the version with every write.
  const version = generation ?? resourceVersion
  return JSON.stringify([renderingInput, uid, version, revision, previousRevision, approvals])
}

/** Returns whether the profile only learns: nothing is rendered from it, and its status needs no outcome. */
export function onlyLearns({ spec, status }: SeccompProfile): boolean {
  const { seccomp, ladder } = spec
  return seccomp === undefined && ladder === undefined && status?.revision === undefined
}
