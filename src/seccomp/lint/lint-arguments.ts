import { asRuntimesJoin, misleadingRules } from '../../api/misleading-rules.js'
import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { type Conditions, normalConditions } from '../arguments/argument-rules.js'
import { baseNames } from '../render/base.js'
import { baseArguments } from '../data/base/arguments.js'
import { isAllowAction } from '../filter/filter-answers.js'
import type { LintFinding, LintUse } from './lint-finding.js'
import { builtRulesByName, isBuiltAsStated } from '../filter/built-rules.js'
import { loadable } from '../arguments/loadable.js'
import { rulesOf } from '../policy/normal-form.js'

const base = baseNames([])

/** Conditions of one name's rules by what the rules do with the call. */
interface ByAnswer {
  allowing: Conditions[]
  denying: Conditions[]
}

function conditionsByName(seccomp: LinuxSeccomp): Map<string, ByAnswer> {
  const found = new Map<string, ByAnswer>()
  for (const { name, action, args = [] } of rulesOf(seccomp)) {
    const one = found.get(name) ?? { allowing: [], denying: [] }
    const list = isAllowAction(action) ? one.allowing : one.denying
    list.push(normalConditions(args))
    found.set(name, one)
  }
  return found
}

/**
 * Finds conditions that libseccomp builds wrongly (loadable.ts), conditional deny rules for what base needs, and rules with
 * another effect than their text states (misleading-rules.ts).
 */
export function lintArguments(seccomp: LinuxSeccomp, use: LintUse): LintFinding[] {
  const found = misleadingRules(seccomp).map(
    ({ kind, subject, message, fix }): LintFinding => ({
      ...{ severity: 'error', rule: kind, subject, message, fix: fix }
    })
  )
  const built = builtRulesByName(seccomp)
  for (const [name, { allowing, denying }] of conditionsByName(asRuntimesJoin(seccomp))) {
    const all = [...allowing, ...denying]
    if (all.every((args) => args.length === 0)) continue
    const inexact = !loadable(allowing, { beside: denying.length > 0 }).exact
    const wrong = use === 'oci' ? !isBuiltAsStated(built.get(name) ?? []) : inexact
    if (wrong) {
      found.push({
        severity: use === 'oci' ? 'error' : 'warning',
        rule: 'misbuilt-arguments',
        subject: name,
        message:
          use === 'oci'
            ? 'libseccomp builds these conditions wrongly: the filter allows other arguments than they do'
            : 'rendering omits some of its allowed arguments, because libseccomp would build them wrongly',
        fix: 'before the last argument use only SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ'
      })
    }
    const reason = base.get(name)
    const partly = denying.some((args) => args.length > 0)
    if (use === 'spec' && partly && reason !== undefined && baseArguments[name] === undefined) {
      found.push({
        severity: 'warning',
        rule: 'base-partly-denied',
        subject: name,
        message: `is denied for some arguments, but base needs it: ${reason}`,
        fix: 'remove the rule that denies it, or test many starts of the container with it'
      })
    }
  }
  return found
}
