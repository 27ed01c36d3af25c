import type { LinuxSeccomp, SeccompAction } from '../../api/seccomp-profile.js'
import { conditionHolds } from '../arguments/argument-rules.js'
import { alternativesOf } from './call-answer.js'
import { type Rule, rulesOf } from '../policy/normal-form.js'

/** Asks a profile about many calls: its rules are sorted by name once. */
export interface FilterAnswers {
  /** The call goes through (allowed, or logged) with these arguments; missing ones are 0. */
  passes(name: string, args?: readonly bigint[]): boolean
  /** It goes through with any arguments / with some. */
  always(name: string): boolean
  sometimes(name: string): boolean
  /** Every name that goes through with some arguments and that a rule names, sorted. */
  readonly allowed: readonly string[]
}

export const letsThrough = (action: SeccompAction) =>
  action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

/**
 * What a filter of these rules answers. A rule without conditions decides a name; else any rule whose
 * conditions hold does, letting through first (alternatives are joined by OR); else the default.
 */
export function answersOf(seccomp: LinuxSeccomp): FilterAnswers {
  const byName = new Map<string, Rule[]>()
  for (const rule of rulesOf(seccomp)) {
    const rules = byName.get(rule.name)
    if (rules === undefined) byName.set(rule.name, [rule])
    else rules.push(rule)
  }
  const fallback = letsThrough(seccomp.defaultAction)
  const conditional = (rule: Rule) => (rule.args ?? []).length > 0
  const passing = (rule: Rule) => letsThrough(rule.action)
  const split = (name: string) => {
    const rules = byName.get(name) ?? []
    return { plain: rules.filter((rule) => !conditional(rule)), limited: rules.filter(conditional) }
  }
  const base = (plain: readonly Rule[]) => (plain.length === 0 ? fallback : plain.some(passing))
  const answers = {
    passes(name: string, args: readonly bigint[] = []) {
      const { plain, limited } = split(name)
      if (plain.some(passing)) return true
      const hit = limited.filter((rule) =>
        alternativesOf(rule).some((conditions) =>
          conditions.every((arg) => conditionHolds(arg, args[arg.index] ?? 0n))
        )
      )
      return hit.length > 0 ? hit.some(passing) : base(plain)
    },
    always(name: string) {
      const { plain, limited } = split(name)
      return plain.some(passing) || (base(plain) && limited.every(passing))
    },
    sometimes(name: string) {
      const { plain, limited } = split(name)
      return base(plain) || limited.some(passing)
    }
  }
  const allowed = [...byName.keys()].filter((name) => answers.sometimes(name)).sort()
  return { ...answers, allowed }
}
