import type { SeccompAction, SeccompArg } from '../../api/seccomp-profile.js'
import type { Abi } from '../../syscalls/abi.js'
import { conditionHolds } from '../arguments/argument-rules.js'
import type { FilterAnswer } from './cbpf.js'
import type { NormalRule } from '../policy/normal-form.js'

export function describeAnswer({ action, errno }: FilterAnswer): string {
  return action === 'SCMP_ACT_ERRNO' ? `${action} ${errno}` : action
}

/** Result of a rule's action and errno in a filter. Runtimes return EPERM where a rule names no errno. */
export function answerOf(action: SeccompAction, errnoRet: number | undefined): FilterAnswer {
  const name = action === 'SCMP_ACT_KILL' ? 'SCMP_ACT_KILL_THREAD' : action
  return {
    action: name,
    errno: name === 'SCMP_ACT_ERRNO' ? (errnoRet ?? 1) : 0
  }
}

interface RuleAnswer {
  action: SeccompAction
  errnoRet?: number | undefined
}

/** A rule's answer as a text: equal for rules that do the same with a call. */
export function answerKey({ action, errnoRet }: RuleAnswer): string {
  return describeAnswer(answerOf(action, errnoRet))
}

/** Conditions that must all hold; two on one argument mean "or" to runtimes. */
export function alternativesOf(rule: NormalRule): SeccompArg[][] {
  const args = rule.args ?? []
  const indexes = new Set(args.map(({ index }) => index))
  return indexes.size === args.length ? [args] : args.map((arg) => [arg])
}

/** libseccomp takes i386 and x32 for ABIs of 32 bits: it compares the lower halves only, of values too. */
export const isNarrow = (abi: Abi): boolean => abi === 'i386' || abi === 'x32'
export const lowerHalf = (value: bigint): bigint => value & 0xffffffffn

export function lowerHalves(rules: readonly NormalRule[]): NormalRule[] {
  const low = (value: number) => Number(lowerHalf(BigInt(value)))
  return rules.map((rule) => ({
    ...rule,
    ...(rule.args === undefined
      ? {}
      : {
          args: rule.args.map((arg) => ({
            ...arg,
            value: low(arg.value),
            ...(arg.valueTwo === undefined ? {} : { valueTwo: low(arg.valueTwo) })
          }))
        })
  }))
}

/** Whether a condition holds for every value because it compares no bit. */
const isVoid = ({ op, value }: SeccompArg): boolean => op === 'SCMP_CMP_MASKED_EQ' && value === 0

/**
 * Whether a rule may decide beside one without conditions, which decides otherwise: libseccomp drops a condition whose
 * mask is empty, so the rule has no conditions there either.
 */
export function mayOverride(rule: NormalRule, always: NormalRule): boolean {
  return (
    answerKey(rule) !== answerKey(always) && alternativesOf(rule).some((args) => args.every(isVoid))
  )
}

/** Returns the answer of a profile for one call; undefined where two rules of different kinds hold at once. */
export function expectedAnswer(
  rules: readonly NormalRule[],
  fallback: FilterAnswer,
  vector: readonly bigint[]
): FilterAnswer | undefined {
  const plain = rules.find((rule) => (rule.args ?? []).length === 0)
  if (plain !== undefined) {
    const isCertain = !rules.some((rule) => mayOverride(rule, plain))
    return isCertain ? answerOf(plain.action, plain.errnoRet) : undefined
  }
  const holding = rules.filter((rule) =>
    alternativesOf(rule).some((args) =>
      args.every((arg) => conditionHolds(arg, vector[arg.index] ?? 0n))
    )
  )
  const answers = new Map(
    holding.map((rule) => {
      const answer = answerOf(rule.action, rule.errnoRet)
      return [describeAnswer(answer), answer]
    })
  )
  if (answers.size > 1) return undefined
  return [...answers.values()][0] ?? fallback
}
