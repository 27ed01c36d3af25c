import { rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { extendsRef, type Resolve } from './approved.js'

/** The field that an error of `mustDenyByDefault` names; the condition of the profile gets its reason from it. */
export const openDefaultField = 'spec.seccomp.defaultAction'

const openActions: ReadonlySet<string | undefined> = new Set(['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG'])

/** Returns the first profile, of one and of those that it extends, that allows what no rule names. */
function openProfileIn(profile: SeccompProfile, resolve: Resolve): SeccompProfile | undefined {
  const seen = new Set<string>()
  const visit = (current: SeccompProfile): SeccompProfile | undefined => {
    if (openActions.has(current.spec.seccomp?.defaultAction)) return current
    const { namespace = rootNamespace } = current.metadata
    for (const entry of current.spec.extends ?? []) {
      const ref = extendsRef(entry, namespace)
      const key = `${ref.namespace}/${ref.name}`
      if (seen.has(key)) continue
      seen.add(key)
      // What does not exist is the error of the rendering.
      const parent = resolve(ref.namespace, ref.name)
      const found = parent === undefined ? undefined : visit(parent)
      if (found !== undefined) return found
    }
    return undefined
  }
  return visit(profile)
}

/**
 * Rejects a profile that allows, or only logs, what no rule names, or extends one that does. Its filter would be that of
 * RuntimeDefault, while the name of the profile says that somebody chose what is allowed.
 * @throws SeccoError INVALID_DOCUMENT with the field `openDefaultField`
 */
export function mustDenyByDefault(profile: SeccompProfile, resolve: Resolve): void {
  const open = openProfileIn(profile, resolve)
  if (open === undefined) return
  const nameOf = ({ metadata }: SeccompProfile) =>
    `${metadata.namespace ?? rootNamespace}/${metadata.name}`
  const { defaultAction = '' } = open.spec.seccomp ?? {}
  const inherited = open === profile ? '' : ` extends ${nameOf(open)}, which`
  const effect = defaultAction === 'SCMP_ACT_LOG' ? 'only logs' : 'allows'
  throw new SeccoError(
    'INVALID_DOCUMENT',
    `profile ${nameOf(profile)}${inherited} ${effect} every syscall that no rule names (${openDefaultField}: ${defaultAction}): ` +
      'set it to SCMP_ACT_ERRNO, and allow the syscalls that it needs by name',
    { field: openDefaultField }
  )
}
