import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import {
  type ArgumentVerdicts,
  argumentVerdictsOf
} from '../../../src/seccomp/filter/argument-verdict.js'
import {
  allowsAsRuntimeDefault,
  type PassSet,
  passSetOf
} from '../../../src/seccomp/filter/pass-set.js'
import { type CallVerdicts, verdictsOf } from '../../../src/seccomp/filter/verdict.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { argumentsIn } from './call-arguments.js'

interface Verdicts {
  byNumber: CallVerdicts
  byArguments: ArgumentVerdicts
}

const known = new WeakMap<LinuxSeccomp, Map<Abi, Verdicts>>()

function readVerdicts(seccomp: LinuxSeccomp, native: Abi): Verdicts {
  const own = known.get(seccomp) ?? new Map<Abi, Verdicts>()
  known.set(seccomp, own)
  const verdicts = own.get(native) ?? {
    byNumber: verdictsOf(seccomp, native),
    byArguments: argumentVerdictsOf(seccomp, native)
  }
  own.set(native, verdicts)
  return verdicts
}

/** Returns the arguments of a call that a filter reads, bit n for argument n. */
export function argumentsAsked(
  seccomp: LinuxSeccomp,
  { abi, syscall }: Pick<DenialRow, 'abi' | 'syscall'>
): number {
  const native = abi === 'aarch64' ? abi : 'x86_64'
  const called = abis.find((each) => each === abi) ?? native
  return readVerdicts(seccomp, native).byArguments.asked(called, syscall)
}

/** Returns whether a filter allows a call, with its arguments where they decide; false where they are not known. */
export function allowsCall(
  seccomp: LinuxSeccomp,
  { abi, syscall, arguments: args }: Pick<DenialRow, 'abi' | 'syscall' | 'arguments'>
): boolean {
  const native = abi === 'aarch64' ? abi : 'x86_64'
  const { byNumber, byArguments } = readVerdicts(seccomp, native)
  const called = abis.find((each) => each === abi) ?? native
  const { kind } = byNumber(called, syscall)
  if (kind !== 'conditional') return kind === 'allowed'
  return byArguments.of(called, syscall, argumentsIn(args)).kind === 'allowed'
}

const passSets = new WeakMap<LinuxSeccomp, PassSet>()

/** Returns what a filter allows without logging it. */
function silentlyAllowed(seccomp: LinuxSeccomp): PassSet {
  const found = passSets.get(seccomp)
  if (found !== undefined) return found
  const syscalls = (seccomp.syscalls ?? []).filter(({ action }) => action === 'SCMP_ACT_ALLOW')
  const set = passSetOf({ ...seccomp, syscalls })
  passSets.set(seccomp, set)
  return set
}

/**
 * Returns whether a filter allows a call that was denied. Where its arguments are not known, all that RuntimeDefault
 * allows of it is enough, which is what people approve by a name: if it is denied again, that is another denial.
 */
export function settlesCall(seccomp: LinuxSeccomp, row: DenialRow): boolean {
  if (allowsCall(seccomp, row)) return true
  return row.arguments === '' && allowsAsRuntimeDefault(silentlyAllowed(seccomp), row.syscall)
}
