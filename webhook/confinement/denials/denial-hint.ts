import type { Abi } from '../../../src/syscalls/abi.js'
import {
  argumentVerdictsOf,
  type CallArguments
} from '../../../src/seccomp/filter/argument-verdict.js'
import { decidingCalls } from '../../../src/seccomp/arguments/deciding-calls.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefault, runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import type { DenialRow } from '../../hub/denials/denial-rows.js'

const floor = runtimeDefaultNames()
const usual = argumentVerdictsOf(runtimeDefault(), 'x86_64')

/** As a node tells them: `0x26 ? 0x5`. */
function argumentsIn(text: string): CallArguments {
  if (text === '') return []
  return text.split(' ').map((one) => (/^0x[0-9a-f]+$/.test(one) ? BigInt(one) : undefined))
}

/** The call in the words of `secco denials allow`: with the arguments that decide, where they are known. */
function callOf(abi: Abi, syscall: string, args: CallArguments): string {
  const deciding = decidingCalls.get(syscall)?.arguments ?? []
  const asked = deciding.reduce((bits, { index }) => bits | (1 << index), usual.asked(abi, syscall))
  const conditions = args.flatMap((arg, index) =>
    arg === undefined || !((asked >> index) & 1) ? [] : [{ index, arg }]
  )
  // Sign-extended by a libc, say: no profile in JSON can name it.
  const canSay = conditions.every(({ arg }) => arg <= BigInt(Number.MAX_SAFE_INTEGER))
  if (conditions.length === 0 || !canSay) return syscall
  return `${syscall}:${conditions.map(({ index, arg }) => `${index}=0x${arg.toString(16)}`).join()}`
}

/** What a person does about a refused call. @param profile whose revision refused it: that one has to change */
export function denialHint(row: DenialRow, mode: string, profile: string): string {
  const { syscall } = row
  if (row.expected) return 'refused on purpose: libc has another way'
  if (row.succeeded > 0) return 'it succeeded although refused: another filter is in force'
  const args = argumentsIn(row.arguments)
  const abi = row.abi as Abi
  const allow = `secco denials allow ${profile} ${callOf(abi, syscall, args)}`
  const risk = riskOf(syscall)
  const { kind } = usual.of(abi, syscall, args)
  const withThese = kind === 'refused' || kind === 'expected'
  if (!floor.has(syscall) || withThese) {
    const what = floor.has(syscall) ? 'it with these arguments' : 'it'
    return `RuntimeDefault refuses ${what} too: find out who asks (${row.comm === '' ? 'unknown' : row.comm}) before you allow it: ${allow}`
  }
  if (risk?.level === 'high') return `${risk.reason}: look twice, then: ${allow}`
  return mode === 'audit' ? `would be refused in enforce: ${allow}` : `let it through: ${allow}`
}
