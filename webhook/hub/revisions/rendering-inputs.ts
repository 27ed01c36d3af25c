import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { startUnseenText } from '../../../src/seccomp/review/evidence.js'

/** Returns what a rendering depends on of the profile, as a text: equal texts render to equal bytes. */
export function renderingInputOf(profile: SeccompProfile): string {
  // As listedAbis() reads them.
  const abis = Object.entries(profile.status?.observed ?? {})
    .flatMap(([abi, names]) => (names.length > 0 ? [abi] : []))
    .sort()
  return JSON.stringify([profile.spec.extends, profile.spec.seccomp, abis, profile.spec.approval])
}

/** Returns what an outcome depends on of the profile, as a text. @param renderingInput from renderingInputOf() */
export function outcomeInputOf(profile: SeccompProfile, renderingInput: string): string {
  const { metadata, spec, status } = profile
  const { uid, generation, resourceVersion } = metadata
  const { revision, previousRevision, approvedRevision, auditRevision } = status ?? {}
  const { approvals, labelMode } = status ?? {}
  // A store without generations changes the version with every write.
  const version = generation ?? resourceVersion
  const digests = [revision, previousRevision, approvedRevision, auditRevision]
  // What was recorded of starts decides only while a label does not enforce: see labelModeOf().
  const starts =
    labelMode === undefined ? [] : [labelMode, startUnseenText(profile), status?.startup]
  return JSON.stringify([
    renderingInput,
    uid,
    version,
    spec.ladder,
    ...digests,
    approvals,
    ...starts
  ])
}

/** Returns whether the profile only learns: nothing is rendered from it, and its status needs no outcome. */
export function onlyLearns({ spec, status }: SeccompProfile): boolean {
  const { seccomp, ladder } = spec
  return seccomp === undefined && ladder === undefined && status?.revision === undefined
}
