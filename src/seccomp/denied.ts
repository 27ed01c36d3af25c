import type { LinuxSeccomp, SeccompAction } from '../api/seccomp-profile.js'
import { rulesOf } from './normal-form.js'

const letThrough = (action: SeccompAction) =>
  action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

/**
 * What a profile does with a name, as far as the name alone decides: `allowed`, `conditional` (its
 * arguments decide), else the action, SCMP_ACT_LOG included.
 */
export function isAllowed(
  seccomp: LinuxSeccomp,
  name: string
): 'allowed' | 'conditional' | SeccompAction {
  const rules = rulesOf(seccomp).filter((rule) => rule.name === name)
  const always = rules.find((rule) => (rule.args ?? []).length === 0)
  const action = always?.action ?? seccomp.defaultAction
  const depends = rules.some(
    (rule) => (rule.args ?? []).length > 0 && letThrough(rule.action) !== letThrough(action)
  )
  if (depends) return 'conditional'
  return action === 'SCMP_ACT_ALLOW' ? 'allowed' : action
}

export interface Denial {
  syscall: string
  action: SeccompAction
  count: number
}

/**
 * Denials: counted, yet not let through by the profile it ran under; most frequent first. A call that
 * SCMP_ACT_LOG let through is one too (audit: would be refused). Left out: rules on arguments (a
 * number does not decide them) and what a profile answers with ENOSYS on purpose for clone3 (every
 * libc asks, is told to fall back, and does).
 */
export function deniedOf(counts: Record<string, number>, seccomp: LinuxSeccomp): Denial[] {
  const answersClone3 = rulesOf(seccomp).some(
    (rule) => rule.name === 'clone3' && rule.action === 'SCMP_ACT_ERRNO' && rule.errnoRet === 38
  )
  return Object.entries(counts)
    .flatMap(([syscall, count]) => {
      const action = isAllowed(seccomp, syscall)
      if (count <= 0 || action === 'allowed' || action === 'conditional') return []
      if (syscall === 'clone3' && answersClone3) return []
      return [{ syscall, action, count }]
    })
    .sort((a, b) => b.count - a.count || (a.syscall < b.syscall ? -1 : 1))
}
