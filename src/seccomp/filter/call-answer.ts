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

/** Conditions that must all hold; two on one argument mean "or" to runtimes. */
export function alternativesOf(rule: NormalRule): SeccompArg[][] {
  const args = rule.args ?? []
  const indexes = new Set(args.map(({ index }) => index))
  return indexes.size === args.length ? [args] : args.map((arg) => [arg])
}

/** libseccomp takes i386 and x32 for ABIs of 32 bits: it compares the lower halves only, of values too. */
export const isNarrow = (abi: Abi): boolean => abi === 'i386' || abi === 'x32'
export const lowerHalf = (value: bigint): bigint => value & 0xffffffffn

/** Whether a condition holds for every value because it compares no bit. */
export function isVoid({ op, value }: SeccompArg, abi: Abi): boolean {
  return (
    op === 'SCMP_CMP_MASKED_EQ' && (isNarrow(abi) ? lowerHalf(BigInt(value)) === 0n : value === 0)
  )
}

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

/** Returns the answer of a profile for one call; undefined where two rules of different kinds hold at once. */
export function expectedAnswer(
  rules: readonly NormalRule[],
  fallback: FilterAnswer,
  vector: readonly bigint[]
): FilterAnswer | undefined {
  const plain = rules.find((rule) => (rule.args ?? []).length === 0)
  if (plain !== undefined) {
    const answer = answerOf(plain.action, plain.errnoRet)
    const isCertain = rules.every(
      (rule) =>
        describeAnswer(answerOf(rule.action, rule.errnoRet)) === describeAnswer(answer) ||
        !alternativesOf(rule).some((args) =>
          args.every(({ op, value }) => op === 'SCMP_CMP_MASKED_EQ' && value === 0)
        )
    )
    return isCertain ? answer : undefined
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
