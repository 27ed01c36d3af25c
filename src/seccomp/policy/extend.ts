import type { SeccompProfile } from '../../api/seccomp-profile.js'

/** The profile built on more, or on fewer others. Entries are NAME or NAMESPACE/NAME. Pure. */
export function withParents(
  profile: SeccompProfile,
  add: readonly string[],
  remove: readonly string[]
): SeccompProfile {
  const { extends: before = [], ...spec } = profile.spec
  const after = [...new Set([...before, ...add])].filter((each) => !remove.includes(each))
  return { ...profile, spec: after.length === 0 ? spec : { ...spec, extends: after } }
}
