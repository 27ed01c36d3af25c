import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { forbidden } from './lint-finding.js'
import { lintSeccomp } from './lint.js'

/**
 * Rejects a profile whose approved part has lint errors: INVALID_DOCUMENT with the first
 * finding. Everything that accepts a profile from people (apply, import) calls it.
 */
export function acceptProfile(profile: SeccompProfile, where: string): void {
  const { seccomp } = profile.spec
  if (seccomp === undefined) return
  const found = forbidden(lintSeccomp(seccomp, 'spec'))
  const [first] = found
  if (first === undefined) return
  const more =
    found.length === 1 ? '' : ` (and ${found.length - 1} more; see \`secco lint -f FILE\`)`
  throw new SeccoError(
    'INVALID_DOCUMENT',
    `${where}: spec.seccomp: ${first.subject}: ${first.message} (lint: ${first.rule})${more}`,
    { field: 'spec.seccomp', hint: first.fix }
  )
}
