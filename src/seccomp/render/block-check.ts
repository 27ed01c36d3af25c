import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { subtractConditions } from '../arguments/argument-algebra.js'
import { normalConditions, type Conditions } from '../arguments/argument-rules.js'
import { commonValue } from '../arguments/common-value.js'
import { builtRulesByName, misbuiltNames } from '../filter/built-rules.js'
import { alternativesOf, lowerHalves, mayOverride } from '../filter/call-answer.js'
import { isAllowAction } from '../filter/filter-answers.js'
import { multiplexed } from '../filter/multiplexers.js'
import type { NormalRule } from '../policy/normal-form.js'
import type { BlockedCall } from './emergency.js'

/** Passing is how much of a set of calls a filter allows; `unknown` where the rules of the filter do not tell. */
export type Passing = 'none' | 'some' | 'unknown'

/** BlockCheck answers for one filter whether it allows any call of a set. */
export type BlockCheck = (call: BlockedCall) => Passing

/** ABIs whose filters compare only the lower halves of arguments. */
const narrowArchitectures = ['SCMP_ARCH_X86', 'SCMP_ARCH_X32']

const isConditional = ({ args = [] }: NormalRule): boolean => args.length > 0

/** Returns the answer that leaves most open. */
export function widest(answers: readonly Passing[]): Passing {
  if (answers.includes('some')) return 'some'
  return answers.includes('unknown') ? 'unknown' : 'none'
}

/** Returns whether some call meets both lists of conditions. */
function overlap(left: Conditions, right: Conditions, top: bigint): boolean {
  const both = [...left, ...right]
  return [...new Set(both.map(({ index }) => index))].every(
    (index) =>
      commonValue(
        both.filter((arg) => arg.index === index),
        top
      ) !== undefined
  )
}

/** Returns whether some call meets the conditions, and none of the others that deny it. */
function passesBeside(denying: readonly Conditions[], args: Conditions, top: bigint): Passing {
  let left: readonly Conditions[] = [normalConditions(args)]
  let isExact = true
  for (const conditions of denying) {
    const next = subtractConditions(left, conditions)
    left = next.left
    isExact &&= next.exact
  }
  if (left.some((one) => overlap(one, [], top))) return 'some'
  return isExact ? 'none' : 'unknown'
}

/** Returns what the rules of one name do with calls that meet the conditions. */
function passingBy(
  rules: readonly NormalRule[],
  isOpenByDefault: boolean,
  args: Conditions,
  top: bigint
): Passing {
  const plain = rules.filter((rule) => !isConditional(rule))
  const limited = rules.filter(isConditional)
  if (plain.some(({ action }) => isAllowAction(action))) return 'some'
  if (plain.length > 0)
    return plain.some((one) => limited.some((rule) => mayOverride(rule, one))) ? 'unknown' : 'none'
  const alternatives = (isAllowing: boolean) =>
    limited.filter(({ action }) => isAllowAction(action) === isAllowing).flatMap(alternativesOf)
  if (alternatives(true).some((one) => overlap(one, args, top))) return 'some'
  return isOpenByDefault ? passesBeside(alternatives(false), args, top) : 'none'
}

/**
 * Reads a filter once, and returns whether it allows a call that is blocked: with conditions it looks for a call that meets
 * those of the block and passes. The lower halves of arguments are asked where an ABI of 32 bits is listed. Pure.
 */
export function blockCheckOf(seccomp: LinuxSeccomp): BlockCheck {
  const byName = builtRulesByName(seccomp)
  const misbuilt = misbuiltNames(byName)
  const isOpenByDefault = isAllowAction(seccomp.defaultAction)
  const has32Bits = narrowArchitectures.some((one) => seccomp.architectures?.some((a) => a === one))
  const hasI386 = seccomp.architectures?.includes('SCMP_ARCH_X86') === true

  const passingOfCall = ({ name, args = [] }: BlockedCall): Passing => {
    const rules = byName.get(name) ?? []
    const whole = passingBy(rules, isOpenByDefault, args, 2n ** 64n - 1n)
    if (!has32Bits) return whole
    const [low] = lowerHalves([{ name, action: 'SCMP_ACT_ERRNO', args: [...args] }])
    const narrow = passingBy(lowerHalves(rules), isOpenByDefault, low?.args ?? [], 2n ** 32n - 1n)
    return widest([whole, narrow])
  }
  /** libseccomp opens a multiplexer without a rule for each call behind it that some rule allows, whatever its arguments. */
  const opensMultiplexer = (name: string): boolean =>
    hasI386 &&
    Object.entries(multiplexed).some(
      ([multiplexer, behind]) =>
        behind.has(name) &&
        byName.get(multiplexer)?.some((rule) => !isConditional(rule)) !== true &&
        (byName.get(name) ?? []).some(({ action }) => isAllowAction(action))
    )
  return (call) => {
    // Only i386 has these two.
    if (multiplexed[call.name] !== undefined && !hasI386) return 'none'
    const found = passingOfCall(call)
    const isUnknown = misbuilt.has(call.name) || opensMultiplexer(call.name)
    return found === 'none' && isUnknown ? 'unknown' : found
  }
}
