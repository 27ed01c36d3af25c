import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import {
  argumentVerdictsOf,
  type CallArguments
} from '../../../src/seccomp/filter/argument-verdict.js'
import { decidingCalls } from '../../../src/seccomp/arguments/deciding-calls.js'
import { isBlocked } from '../../../src/seccomp/render/emergency.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefault, runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import type { DenialRow } from '../../hub/denials/denial-rows.js'

const floor = runtimeDefaultNames()
const usual = argumentVerdictsOf(runtimeDefault(), 'x86_64')

/** Parses arguments as a node reports them: `0x26 ? 0x5`. */
function argumentsIn(text: string): CallArguments {
  if (text === '') return []
  return text.split(' ').map((one) => (/^0x[0-9a-f]+$/.test(one) ? BigInt(one) : undefined))
}

/** Returns a syscall in the syntax of `secco denials allow`, with the deciding arguments that are known. */
function callOf(abi: Abi, syscall: string, args: CallArguments): string {
  const deciding = decidingCalls.get(syscall)?.arguments ?? []
  const asked = deciding.reduce((bits, { index }) => bits | (1 << index), usual.asked(abi, syscall))
  const conditions = args.flatMap((arg, index) =>
    arg === undefined || !((asked >> index) & 1) ? [] : [{ index, arg }]
  )
  // A number that a libc sign-extended, for example, does not fit into a profile in JSON.
  const canSay = conditions.every(({ arg }) => arg <= BigInt(Number.MAX_SAFE_INTEGER))
  if (conditions.length === 0 || !canSay) return syscall
  return `${syscall}:${conditions.map(({ index, arg }) => `${index}=0x${arg.toString(16)}`).join()}`
}

/**
 * Returns the next step for a denial.
 * @param profile the profile whose revision denied the syscall
 * @param overlay the emergency overlay, if there is one
 */
export function denialHint(
  row: DenialRow,
  mode: string,
  profile: string,
  overlay?: SeccompProfile
): string {
  const { syscall } = row
  if (row.expected) return 'denied on purpose: libc has an alternative'
  if (row.succeeded > 0)
    return 'it succeeded although its profile denies it: another filter is in force'
  if (isBlocked(syscall, overlay))
    return `blocked in an emergency, in every profile: secco block ${syscall} --remove`
  const args = argumentsIn(row.arguments)
  const abi = row.abi as Abi
  const allow = `secco denials allow ${profile} ${callOf(abi, syscall, args)}`
  const risk = riskOf(syscall)
  const { kind } = usual.of(abi, syscall, args)
  const withThese = kind === 'denied' || kind === 'expected'
  if (!floor.has(syscall) || withThese) {
    const what = floor.has(syscall) ? 'it with these arguments' : 'it'
    const caller = row.comm === '' ? 'the program' : row.comm
    return `RuntimeDefault denies ${what} too: find out why ${caller} needs it before you allow it: ${allow}`
  }
  if (risk?.level === 'high') return `${risk.reason}: check that it is needed, then: ${allow}`
  return mode === 'audit' ? `enforce would deny it: ${allow}` : `allow it: ${allow}`
}
