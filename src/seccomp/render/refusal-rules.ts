import { intersectConditions, type Alternatives } from '../arguments/argument-algebra.js'
import type { Refusal } from './approved.js'
import { canStandBeside } from '../arguments/loadable.js'
import type { Rule } from '../policy/normal-form.js'

const sameAnswer = (left: Refusal, right: Refusal) =>
  left.action === right.action && left.errnoRet === right.errnoRet

const areApart = (left: Alternatives, right: Alternatives) =>
  left.every((one) => right.every((other) => intersectConditions(one, other)?.length === 0))

/**
 * How refused calls are answered: rules for the refusals that can stand beside what is let through and
 * beside each other, the first ones first. Two answers for one call are not loaded (libseccomp: EEXIST),
 * and one that libseccomp could build wrongly (loadable.ts) is none; such a call gets the default
 * answer, for what is let through is the same. `all` is false then.
 */
export function refusalRules(
  name: string,
  allowed: Alternatives,
  refusals: readonly Refusal[]
): { rules: Rule[]; all: boolean } {
  const kept: Refusal[] = []
  let all = true
  for (const refusal of refusals) {
    const others = kept.filter((one) => !sameAnswer(one, refusal)).map(({ args }) => args)
    const beside = [...allowed, ...kept.map(({ args }) => args)]
    const stands =
      beside.length === 0 ||
      (canStandBeside([...beside, refusal.args]) &&
        areApart([...allowed, ...others], [refusal.args]))
    if (stands) kept.push(refusal)
    else all = false
  }
  const rules = kept.map(
    ({ args, ...answer }): Rule => ({ name, ...answer, ...(args.length === 0 ? {} : { args }) })
  )
  return { rules, all }
}
