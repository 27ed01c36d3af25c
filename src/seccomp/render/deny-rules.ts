import { intersectConditions, type Alternatives } from '../arguments/argument-algebra.js'
import type { DenyRule } from './grants.js'
import { canStandBeside } from '../arguments/loadable.js'
import type { NormalRule } from '../policy/normal-form.js'

const sameAnswer = (left: DenyRule, right: DenyRule) =>
  left.action === right.action && left.errnoRet === right.errnoRet

const areApart = (left: Alternatives, right: Alternatives) =>
  left.every((one) => right.every((other) => intersectConditions(one, other)?.length === 0))

/**
 * Returns the rules for denied calls, as far as they can be combined with the allow rules and
 * beside each other, the first ones first. Two answers for one call are not loaded (libseccomp: EEXIST),
 * and one that libseccomp could build wrongly (loadable.ts) is none; such a call gets the default
 * answer, for what is allowed is the same. `all` is false then.
 */
export function denyRulesFor(
  name: string,
  allowed: Alternatives,
  denyRules: readonly DenyRule[]
): { rules: NormalRule[]; all: boolean } {
  const kept: DenyRule[] = []
  let all = true
  for (const denyRule of denyRules) {
    const others = kept.filter((one) => !sameAnswer(one, denyRule)).map(({ args }) => args)
    const beside = [...allowed, ...kept.map(({ args }) => args)]
    const stands =
      beside.length === 0 ||
      (canStandBeside([...beside, denyRule.args]) &&
        areApart([...allowed, ...others], [denyRule.args]))
    if (stands) kept.push(denyRule)
    else all = false
  }
  const rules = kept.map(
    ({ args, ...answer }): NormalRule => ({
      name,
      ...answer,
      ...(args.length === 0 ? {} : { args })
    })
  )
  return { rules, all }
}
