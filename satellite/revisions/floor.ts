import type { Revision } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { namesBeyond, passSetOf, runtimeDefaultPassSet } from '../../src/seccomp/filter/pass-set.js'

/**
 * What this node never goes below, whatever its hub says. `approved`: more than RuntimeDefault only by
 * names that the hub says a person approved, and who. `runtime-default`: nothing more at all.
 */
export const floors = ['approved', 'runtime-default'] as const
export type Floor = (typeof floors)[number]

function weaker(revision: Revision, what: string): SeccoError {
  const { namespace, profile } = revision
  return new SeccoError('WEAKER_THAN_FLOOR', `${namespace}/${profile}: ${what}`)
}

/**
 * Refuses a revision that lets through more than RuntimeDefault does without a person's word for it.
 * A revision that lets through whatever it does not name is refused in any case.
 * @returns names beyond RuntimeDefault that were approved.
 * @throws SeccoError WEAKER_THAN_FLOOR.
 */
export function checkFloor(revision: Revision, seccomp: LinuxSeccomp, floor: Floor): string[] {
  const passes = passSetOf(seccomp)
  if (passes.everything) {
    throw weaker(revision, `lets through what it does not name (${seccomp.defaultAction})`)
  }
  const beyond = namesBeyond(passes, runtimeDefaultPassSet)
  if (beyond.length === 0) return beyond
  const some = beyond.slice(0, 5).join(', ')
  if (floor === 'runtime-default') {
    throw weaker(revision, `lets through ${some}, which RuntimeDefault refuses`)
  }
  const { beyond: approved = [], approvedBy = '' } = revision.origin ?? {}
  const missing = beyond.filter((name) => !approved.includes(name))
  if (missing.length > 0 || approvedBy === '') {
    const names = (missing.length > 0 ? missing : beyond).slice(0, 5).join(', ')
    throw weaker(revision, `lets through ${names} beyond RuntimeDefault, and nobody approved that`)
  }
  return beyond
}
