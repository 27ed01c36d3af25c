import { rootNamespace } from '../../../src/api/names.js'
import type { ParentRef } from '../../../src/api/learning-schema.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { extendsRef, isBoundParent, type Resolve } from '../../../src/seccomp/render/approved.js'

/**
 * Returns the profiles of other namespaces that a profile extends, as they are now. Those of its status count as
 * they were when it began to extend them.
 */
export function boundParents(profile: SeccompProfile, resolve: Resolve): ParentRef[] {
  const { namespace = rootNamespace } = profile.metadata
  return [...new Set(profile.spec.extends)].flatMap((entry) => {
    const ref = extendsRef(entry, namespace)
    if (!isBoundParent(ref, namespace)) return []
    const label = `${ref.namespace}/${ref.name}`
    // One that was replaced since must not take the place of the one that was extended.
    const known = profile.status?.parents?.find((one) => one.name === label)?.uid
    const uid = known ?? resolve(ref.namespace, ref.name)?.metadata.uid
    return uid === undefined ? [] : [{ name: label, uid }]
  })
}
