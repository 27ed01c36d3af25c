import type { Revision } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { namesBeyond, passSetOf, runtimeDefaultPassSet } from '../../src/seccomp/filter/pass-set.js'

/**
 * The least strictness that this node accepts, whatever its hub sends. `approved`: a revision may allow more than
 * RuntimeDefault only by names that a person approved, as the hub reports with that person's name. `runtime-default`:
 * never more than RuntimeDefault.
 */
export const floors = ['approved', 'runtime-default'] as const
export type Floor = (typeof floors)[number]

function weaker(revision: Revision, what: string): SeccoError {
  const { namespace, profile } = revision
  return new SeccoError('WEAKER_THAN_FLOOR', `${namespace}/${profile}: ${what}`)
}

/**
 * Rejects a revision that allows more than RuntimeDefault without a person's approval. A revision that allows what it
 * does not name is always rejected.
 * @returns names beyond RuntimeDefault that were approved.
 * @throws SeccoError WEAKER_THAN_FLOOR.
 */
export function checkFloor(revision: Revision, seccomp: LinuxSeccomp, floor: Floor): string[] {
  const passes = passSetOf(seccomp)
  if (passes.everything) {
    throw weaker(revision, `allows syscalls that it does not name (${seccomp.defaultAction})`)
  }
  const beyond = namesBeyond(passes, runtimeDefaultPassSet)
  if (beyond.length === 0) return beyond
  const some = beyond.slice(0, 5).join(', ')
  if (floor === 'runtime-default') {
    throw weaker(revision, `allows ${some}, which RuntimeDefault denies`)
  }
  const { beyond: approved = [], approvedBy = '' } = revision.origin ?? {}
  const missing = beyond.filter((name) => !approved.includes(name))
  if (missing.length > 0 || approvedBy === '') {
    const names = (missing.length > 0 ? missing : beyond).slice(0, 5).join(', ')
    throw weaker(revision, `allows ${names} beyond RuntimeDefault, which nobody approved`)
  }
  return beyond
}
