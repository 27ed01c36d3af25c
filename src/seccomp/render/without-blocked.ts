import type { LinuxSeccomp, SeccompAction } from '../../api/seccomp-profile.js'
import { canonicalJson } from '../../lib/canonical.js'
import { abis, scmpArchOf } from '../../syscalls/abi.js'
import type { Alternatives } from '../arguments/argument-algebra.js'
import { canStandBeside, loadable } from '../arguments/loadable.js'
import { isAllowAction } from '../filter/filter-answers.js'
import { withinSize } from '../filter/filter-size.js'
import { withMultiplexers } from '../filter/multiplexers.js'
import { groupRules, type NormalRule, rulesOf } from '../policy/normal-form.js'
import type { DenyRule } from './grants.js'
import { denyRulesFor } from './deny-rules.js'
import { type Emergency, hasAnswer, withoutEmergency } from './emergency.js'
import { commonAction } from './fleet-keys.js'
import type { RenderOptions } from './render-types.js'

const argsOf = (rules: readonly NormalRule[]): Alternatives => rules.map(({ args }) => args ?? [])

/** Returns the rules of one name without what the overlay denies of it, and with its answers where they can be combined. */
function blockedRules(
  name: string,
  own: readonly NormalRule[],
  emergency: Emergency,
  in32Bits: boolean
): NormalRule[] {
  const allowing = (action: SeccompAction): NormalRule[] => {
    const from = argsOf(own.filter((rule) => rule.action === action))
    const rest = withoutEmergency(name, from, emergency).left
    const { left } = loadable(rest, { beside: true, in32Bits })
    return left.map((args) => ({ name, action, ...(args.length === 0 ? {} : { args: [...args] }) }))
  }
  const [silent, logged] = [allowing('SCMP_ACT_ALLOW'), allowing('SCMP_ACT_LOG')]
  const passing = [...silent, ...logged]
  const stands = silent.length === 0 || logged.length === 0 || canStandBeside(argsOf(passing))
  // Rules that libseccomp could build wrongly beside each other are left out: those calls are denied too.
  const kept = stands ? passing : silent
  const denied = own
    .filter(({ action }) => !isAllowAction(action))
    .map(({ action, errnoRet, args = [] }): DenyRule => {
      return { action, args, ...(errnoRet === undefined ? {} : { errnoRet }) }
    })
  const answers = (emergency.denyRules.get(name) ?? []).filter(hasAnswer)
  return [...kept, ...denyRulesFor(name, argsOf(kept), [...answers, ...denied]).rules]
}

/**
 * Returns a rendered profile of either mode without what the emergency overlay denies; the same object when that is
 * nothing. It is for revisions that cannot be rendered again, because their profile has changed since. Pure.
 */
export function withoutBlocked(
  seccomp: LinuxSeccomp,
  emergency: Emergency,
  runtimes: RenderOptions['runtimes'] = []
): LinuxSeccomp {
  const listed = abis.filter((abi) => seccomp.architectures?.includes(scmpArchOf[abi]))
  const in32Bits = listed.some((abi) => abi === 'i386' || abi === 'x32')
  const before = rulesOf(seccomp)
  const others = before.filter(({ name }) => !emergency.denyRules.has(name))
  const blocked = [...emergency.denyRules.keys()].flatMap((name) => {
    const own = before.filter((rule) => rule.name === name)
    return blockedRules(name, own, emergency, in32Bits)
  })
  const { kept } = withinSize(withMultiplexers([...others, ...blocked], listed, new Map()), listed)
  const rules = kept.map((rule) => ({ ...rule, action: commonAction(runtimes, rule.action) }))
  const after = { ...seccomp, syscalls: groupRules(rules, seccomp) }
  return canonicalJson(after) === canonicalJson(seccomp) ? seccomp : after
}
