import type { LinuxSeccomp, SeccompAction } from '../../api/seccomp-profile.js'
import type { Abi } from '../../syscalls/abi.js'
import { builtRules } from './built-rules.js'
import type { SyscallCounts } from '../../syscalls/syscall-set.js'
import type { CallVerdicts } from './verdict.js'

const allowActions = (action: SeccompAction) =>
  action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

/**
 * Returns what a profile does with a name, as far as the name alone decides: `allowed`, `conditional` (its
 * arguments decide), else the action, SCMP_ACT_LOG included.
 */
export function isAllowed(
  seccomp: LinuxSeccomp,
  name: string
): 'allowed' | 'conditional' | SeccompAction {
  const rules = builtRules(seccomp).filter((rule) => rule.name === name)
  const always = rules.find((rule) => (rule.args ?? []).length === 0)
  const action = always?.action ?? seccomp.defaultAction
  const depends = rules.some(
    (rule) => (rule.args ?? []).length > 0 && allowActions(rule.action) !== allowActions(action)
  )
  if (depends) return 'conditional'
  return action === 'SCMP_ACT_ALLOW' ? 'allowed' : action
}

export interface Denial {
  abi: Abi
  syscall: string
  /** `expected`: intended, raises no alarm. */
  kind: 'logged' | 'denied' | 'expected'
  action: SeccompAction
  /** Errno that the profile returns; undefined for a signal, and for allowed syscalls. */
  errno: number | undefined
  count: number
}

/**
 * Returns the denials: syscalls that were counted but that the profile does not allow; most frequent first. A syscall that
 * SCMP_ACT_LOG allowed is one too (audit: would be denied). Left out: syscalls whose number alone does
 * not decide.
 */
export function deniedOf(counts: SyscallCounts, verdicts: CallVerdicts): Denial[] {
  return (Object.entries(counts) as [Abi, Record<string, number>][])
    .flatMap(([abi, byName]) =>
      Object.entries(byName).flatMap(([syscall, count]): Denial[] => {
        const verdict = verdicts(abi, syscall)
        if (count <= 0 || verdict.kind === 'allowed' || verdict.kind === 'conditional') return []
        return [{ abi, syscall, ...verdict, count }]
      })
    )
    .sort((a, b) => b.count - a.count || (a.syscall < b.syscall ? -1 : 1))
}
