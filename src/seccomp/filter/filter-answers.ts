import type { LinuxSeccomp, SeccompAction } from '../../api/seccomp-profile.js'
import { conditionHolds } from '../arguments/argument-rules.js'
import { alternativesOf } from './call-answer.js'
import type { NormalRule } from '../policy/normal-form.js'
import { builtRulesByName } from './built-rules.js'

/** Asks a profile about many calls: its rules are sorted by name once. */
export interface FilterAnswers {
  /** Whether the call is allowed (or logged) with these arguments; missing ones are 0. */
  passes(name: string, args?: readonly bigint[]): boolean
  /** Whether the syscall is allowed with any arguments / with some. The latter also where two rules contradict each other. */
  always(name: string): boolean
  sometimes(name: string): boolean
  /** Every name in a rule that is allowed with some arguments, sorted. */
  readonly allowed: readonly string[]
}

export const isAllowAction = (action: SeccompAction) =>
  action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

/**
 * Returns the answers of a filter with these rules. The first rule without conditions decides a name; else any rule whose
 * conditions hold does, allow rules first (alternatives are combined with OR); else the default.
 */
export function answersOf(seccomp: LinuxSeccomp): FilterAnswers {
  const byName = builtRulesByName(seccomp)
  const fallback = isAllowAction(seccomp.defaultAction)
  const conditional = (rule: NormalRule) => (rule.args ?? []).length > 0
  const passing = (rule: NormalRule) => isAllowAction(rule.action)
  const split = (name: string) => {
    const rules = byName.get(name) ?? []
    return { plain: rules.filter((rule) => !conditional(rule)), limited: rules.filter(conditional) }
  }
  const base = (plain: readonly NormalRule[]) =>
    plain[0] === undefined ? fallback : passing(plain[0])
  const answers = {
    passes(name: string, args: readonly bigint[] = []) {
      const { plain, limited } = split(name)
      const [first] = plain
      if (first !== undefined) return passing(first)
      const hit = limited.filter((rule) =>
        alternativesOf(rule).some((conditions) =>
          conditions.every((arg) => conditionHolds(arg, args[arg.index] ?? 0n))
        )
      )
      return hit.length > 0 ? hit.some(passing) : fallback
    },
    always(name: string) {
      const { plain, limited } = split(name)
      return plain.length > 0 ? base(plain) : fallback && limited.every(passing)
    },
    sometimes(name: string) {
      const { plain, limited } = split(name)
      return plain.length > 0 ? plain.some(passing) : fallback || limited.some(passing)
    }
  }
  const allowed = [...byName.keys()].filter((name) => answers.sometimes(name)).sort()
  return { ...answers, allowed }
}
