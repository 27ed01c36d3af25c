import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import type { Abi } from '../../syscalls/abi.js'
import { answerOf, expectedAnswer, isNarrow, lowerHalf, lowerHalves } from './call-answer.js'
import type { NormalRule } from '../policy/normal-form.js'
import { builtRulesByName, misbuiltNames } from './built-rules.js'
import { type CallVerdict, verdictOf, verdictsOf } from './verdict.js'

/** Argument registers of a call, in order; undefined if the value is unknown. */
export type CallArguments = readonly (bigint | undefined)[]

/** Verdicts for syscalls whose number alone does not decide. */
export interface ArgumentVerdicts {
  /** Arguments that the rules for a name ask for, bit n for argument n; 0: no arguments decide. */
  asked(abi: Abi, name: string): number
  /** `conditional` if unknown: an argument is unknown, a tracer decides, or libseccomp builds other rules than these. */
  of(abi: Abi, name: string, args: CallArguments): CallVerdict
}

/** libseccomp makes rules of other names' for them, by the call that is behind: those are in no profile. */
const multiplexers: ReadonlySet<string> = new Set(['socketcall', 'ipc'])

function bitsOf(rules: readonly NormalRule[]): number {
  let bits = 0
  for (const { args } of rules) for (const { index } of args ?? []) bits |= 1 << index
  return bits
}

function knownOf(args: CallArguments): number {
  return args.reduce((bits: number, arg, at) => (arg === undefined ? bits : bits | (1 << at)), 0)
}

/**
 * Reads a profile once. What a filter answers depends on a call's number, ABI and arguments alone, so the rules
 * give the result of each call.
 * @param native the machine's own ABI.
 */
export function argumentVerdictsOf(seccomp: LinuxSeccomp, native: Abi): ArgumentVerdicts {
  const byNumber = verdictsOf(seccomp, native)
  const rules = builtRulesByName(seccomp)
  const misbuilt = misbuiltNames(rules)
  const narrow = new Map([...rules].map(([name, own]) => [name, lowerHalves(own)]))
  const fallback = answerOf(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const asked = (abi: Abi, name: string): number => {
    if (byNumber(abi, name).kind !== 'conditional' || misbuilt.has(name)) return 0
    return abi === 'i386' && multiplexers.has(name) ? 0 : bitsOf(rules.get(name) ?? [])
  }
  return {
    asked,
    of(abi, name, args) {
      const wanted = asked(abi, name)
      if (wanted === 0 || (wanted & ~knownOf(args)) !== 0) return { kind: 'conditional' }
      const own = (isNarrow(abi) ? narrow : rules).get(name) ?? []
      const values = args.map((arg = 0n) => (isNarrow(abi) ? lowerHalf(arg) : arg))
      const answer = expectedAnswer(own, fallback, values)
      if (answer === undefined) return { kind: 'conditional' }
      return verdictOf(answer.action, answer.errno, name)
    }
  }
}
