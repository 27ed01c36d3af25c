import { apiVersion, rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { type CuratedBase, curated } from '../data/curated/curated.js'

function profileOf(base: CuratedBase): SeccompProfile {
  return {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: {
      namespace: rootNamespace,
      name: base.name,
      annotations: { 'secco.dev/description': base.description, 'secco.dev/source': base.source }
    },
    spec: {
      ...(base.extends === undefined ? {} : { extends: [`${rootNamespace}/${base.extends}`] }),
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: [...base.names], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
}

/**
 * Profiles that come with Secco, for `spec.extends`: each is there without being in the store, and one
 * of the same name in the store takes its place.
 */
export const builtinProfiles: readonly SeccompProfile[] = curated.map(profileOf)

/** The shipped profile of that name; undefined when there is none. */
export function builtinProfile(namespace: string, name: string): SeccompProfile | undefined {
  if (namespace !== rootNamespace) return undefined
  return builtinProfiles.find((profile) => profile.metadata.name === name)
}

/** Everything that a shipped profile and those it extends approve. */
export function curatedNames(name: string): Set<string> {
  const found = curated.find((each) => each.name === name)
  if (found === undefined) return new Set()
  const inherited = found.extends === undefined ? [] : curatedNames(found.extends)
  return new Set([...found.names, ...inherited])
}
