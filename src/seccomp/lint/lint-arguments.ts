import { asRuntimesJoin, misleadingRules } from '../../api/misleading-rules.js'
import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { type Conditions, normalConditions } from '../arguments/argument-rules.js'
import { baseNames } from '../render/base.js'
import { baseArguments } from '../data/base/arguments.js'
import { letsThrough } from '../filter/filter-answers.js'
import type { Finding, LintUse } from './lint-finding.js'
import { canStandBeside, isLoadable, loadable } from '../arguments/loadable.js'
import { rulesOf } from '../policy/normal-form.js'

const base = baseNames([])

/** Conditions of one name's rules by what the rules do with the call. */
interface ByAnswer {
  passing: Conditions[]
  refusing: Conditions[]
}

function conditionsByName(seccomp: LinuxSeccomp): Map<string, ByAnswer> {
  const found = new Map<string, ByAnswer>()
  for (const { name, action, args = [] } of rulesOf(seccomp)) {
    const one = found.get(name) ?? { passing: [], refusing: [] }
    const list = letsThrough(action) ? one.passing : one.refusing
    list.push(normalConditions(args))
    found.set(name, one)
  }
  return found
}

/**
 * Conditions that libseccomp builds wrongly (loadable.ts), conditional refusals of what base needs, and rules that do
 * something else than they say (misleading-rules.ts).
 */
export function lintArguments(seccomp: LinuxSeccomp, use: LintUse): Finding[] {
  const found = misleadingRules(seccomp).map(
    ({ kind, subject, message, fix }): Finding => ({
      ...{ severity: 'error', rule: kind, subject, message, mend: fix }
    })
  )
  for (const [name, { passing, refusing }] of conditionsByName(asRuntimesJoin(seccomp))) {
    const all = [...passing, ...refusing]
    if (all.every((args) => args.length === 0)) continue
    const inexact = !loadable(passing, { beside: refusing.length > 0 }).exact
    const wrong = use === 'oci' ? !isBuiltRight(passing, refusing) : inexact
    if (wrong) {
      found.push({
        severity: use === 'oci' ? 'error' : 'warning',
        rule: 'misbuilt-arguments',
        subject: name,
        message:
          use === 'oci'
            ? 'libseccomp builds these conditions wrongly: it lets through other calls than they say'
            : 'rendering leaves some of its allowed arguments out, for libseccomp would build them wrongly',
        mend: 'before the last argument use only SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ'
      })
    }
    const reason = base.get(name)
    const partly = refusing.some((args) => args.length > 0)
    if (use === 'spec' && partly && reason !== undefined && baseArguments[name] === undefined) {
      found.push({
        severity: 'warning',
        rule: 'base-partly-refused',
        subject: name,
        message: `is refused for some arguments; base needs it: ${reason}`,
        mend: 'remove the rule that refuses it, or start the container many times with it'
      })
    }
  }
  return found
}

/** As the rules stand, for nobody brings a file into another form. */
function isBuiltRight(passing: readonly Conditions[], refusing: readonly Conditions[]): boolean {
  const all = [...passing, ...refusing]
  // A rule without conditions decides alone.
  if (all.some((args) => args.length === 0)) return true
  if (passing.length === 0 || refusing.length === 0) return isLoadable(all)
  return canStandBeside(all)
}
