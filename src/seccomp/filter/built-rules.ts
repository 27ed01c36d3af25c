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

const conditionsOf = (rules: readonly NormalRule[]): Set<string> =>
  new Set(
    rules
      .flatMap(alternativesOf)
      .flatMap((args) => normalConditions(args).map((arg) => JSON.stringify(arg)))
  )

/**
 * Returns the names of which only the compiled filter says what becomes of a call: those that libseccomp does not build
 * as stated, and those that have a condition in common with one of them. libseccomp makes one block of instructions of
 * equal conditions (gen_bpf.c, _gen_bpf_chain), and what it builds wrongly for one name then counts for the other.
 */
export function misbuiltNames(byName: ReadonlyMap<string, readonly NormalRule[]>): Set<string> {
  const found = new Set([...byName].flatMap(([name, own]) => (isBuiltAsStated(own) ? [] : [name])))
  if (found.size === 0) return found
  const conditions = new Map([...byName].map(([name, own]) => [name, conditionsOf(own)]))
  const tainted = new Set([...found].flatMap((name) => [...(conditions.get(name) ?? [])]))
  for (let before = -1; before < found.size; ) {
    before = found.size
    for (const [name, own] of conditions) {
      if (found.has(name) || ![...own].some((one) => tainted.has(one))) continue
      found.add(name)
      for (const one of own) tainted.add(one)
    }
  }
  return found
}
