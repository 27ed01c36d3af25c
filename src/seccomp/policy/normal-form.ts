import type { LinuxSeccomp, SeccompSyscall } from '../../api/seccomp-profile.js'
import { normalConditions } from '../arguments/argument-rules.js'
import { canonicalJson } from '../../lib/canonical.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** One rule for one name, before names with the same rule are put together. */
export interface NormalRule extends Omit<SeccompSyscall, 'names'> {
  name: string
}

/** Keys of rules without conditions, which most rules are, by their answers. */
const plainKeys = new Map<string, string>()

/** Same rule (action, errno, conditions): same key. */
function ruleKey({ action, errnoRet, args = [] }: Omit<NormalRule, 'name'>): string {
  if (args.length > 0) return canonicalJson({ action, args: normalConditions(args), errnoRet })
  const answer = `${action} ${errnoRet ?? ''}`
  const key = plainKeys.get(answer) ?? canonicalJson({ action, args: [], errnoRet })
  plainKeys.set(answer, key)
  return key
}

/**
 * Rules with names of one rule put together, names and rules sorted, repetitions and unknown names
 * left out, and rules that only repeat the default too (libseccomp rejects those).
 */
export function groupRules(
  rules: Iterable<NormalRule>,
  fallback: Pick<LinuxSeccomp, 'defaultAction' | 'defaultErrnoRet'>
): SeccompSyscall[] {
  const groups = new Map<string, { rule: Omit<NormalRule, 'name'>; names: Set<string> }>()
  for (const { name, ...rule } of rules) {
    if (!isKnownSyscall(name)) continue
    const isDefault =
      rule.action === fallback.defaultAction &&
      (rule.action !== 'SCMP_ACT_ERRNO' || (rule.errnoRet ?? 1) === (fallback.defaultErrnoRet ?? 1))
    if (isDefault) continue
    const key = ruleKey(rule)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { rule, names: new Set([name]) })
    else group.names.add(name)
  }
  return [...groups]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, { rule, names }]) => {
      const args = normalConditions(rule.args ?? [])
      return {
        names: [...names].sort(),
        action: rule.action,
        ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
        ...(args.length === 0 ? {} : { args })
      }
    })
}

/** All rules of a profile, one per name. */
export function rulesOf(seccomp: LinuxSeccomp): NormalRule[] {
  return (seccomp.syscalls ?? []).flatMap(({ names, ...rule }) =>
    names.map((name) => ({ name, ...rule }))
  )
}
