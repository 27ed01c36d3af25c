import type { LinuxSeccomp, SeccompArg } from '../../api/seccomp-profile.js'
import { asMasked, normalConditions } from '../arguments/argument-rules.js'
import { canStandBeside, isLoadable } from '../arguments/loadable.js'
import { type NormalRule, rulesOf } from '../policy/normal-form.js'
import { alternativesOf, answerKey } from './call-answer.js'

/**
 * The rules of a profile as runtimes give them to libseccomp, in the profile's order: runc and crun omit those that
 * repeat the default action (runc: matchCall() in libcontainer/seccomp/seccomp_linux.go), so they do not override other
 * rules of their name; libseccomp compares only the bits of a mask (SCMP_CMP_MASKED_EQ in seccomp_rule_add(3)).
 */
export function builtRules(seccomp: LinuxSeccomp): NormalRule[] {
  const { defaultAction: action, defaultErrnoRet: errnoRet } = seccomp
  const fallback = answerKey({ action, errnoRet })
  return rulesOf(seccomp)
    .filter((rule) => answerKey(rule) !== fallback)
    .map((rule) =>
      rule.args?.some(isLoose) === true ? { ...rule, args: rule.args.map(asMasked) } : rule
    )
}

/**
 * Whether libseccomp builds a name's rules as they are stated (loadable.ts). Where it does not, only the compiled filter
 * says what becomes of a call.
 */
export function isBuiltAsStated(rules: readonly NormalRule[]): boolean {
  const alternatives = rules.flatMap(alternativesOf).map(normalConditions)
  if (alternatives.some((args) => args.length === 0)) return true
  const answers = new Set(rules.map(answerKey))
  return answers.size > 1 ? canStandBeside(alternatives) : isLoadable(alternatives)
}

const isLoose = (arg: SeccompArg): boolean => asMasked(arg) !== arg

/** Groups the same rules by name, in the profile's order. */
export function builtRulesByName(seccomp: LinuxSeccomp): Map<string, NormalRule[]> {
  const byName = new Map<string, NormalRule[]>()
  for (const rule of builtRules(seccomp)) {
    const known = byName.get(rule.name)
    if (known === undefined) byName.set(rule.name, [rule])
    else known.push(rule)
  }
  return byName
}
