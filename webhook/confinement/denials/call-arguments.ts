import {
  argumentVerdictsOf,
  type CallArguments
} from '../../../src/seccomp/filter/argument-verdict.js'
import { argumentWord } from '../../../src/seccomp/arguments/argument-words.js'
import { decidingCalls } from '../../../src/seccomp/arguments/deciding-calls.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'

type Called = Pick<DenialRow, 'abi' | 'syscall' | 'arguments'>

/** What RuntimeDefault answers where arguments decide. */
export const usual = argumentVerdictsOf(runtimeDefault(), 'x86_64')

/** Parses arguments as a node reports them: `0x26 ? 0x5`. */
export function argumentsIn(text: string): CallArguments {
  if (text === '') return []
  return text.split(' ').map((one) => (/^0x[0-9a-f]+$/.test(one) ? BigInt(one) : undefined))
}

/**
 * Returns a syscall in the syntax of `secco denials allow`, with the deciding arguments that are known.
 * @param askedByFilter the arguments that the filter reads which denied the call, bit n for argument n
 */
export function callOf({ abi, syscall, arguments: text }: Called, askedByFilter = 0): string {
  const args = argumentsIn(text)
  const deciding = decidingCalls.get(syscall)?.arguments ?? []
  const asked = deciding.reduce(
    (bits, { index }) => bits | (1 << index),
    usual.asked(abi as Abi, syscall) | askedByFilter
  )
  const conditions = args.flatMap((arg, index) =>
    arg === undefined || !((asked >> index) & 1) ? [] : [{ index, arg }]
  )
  // A number that a libc sign-extended, for example, does not fit into a profile in JSON.
  const canSay = conditions.every(({ arg }) => arg <= BigInt(Number.MAX_SAFE_INTEGER))
  if (conditions.length === 0 || !canSay) return syscall
  return `${syscall}:${conditions.map(({ index, arg }) => argumentWord(syscall, index, arg)).join()}`
}
