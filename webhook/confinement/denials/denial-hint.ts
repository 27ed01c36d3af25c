import type { Mute } from '../../../src/api/ladder.js'
import type { Pin } from '../../../src/confinement/pin.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { libcFallbackOf } from '../../../src/seccomp/policy/libc-fallbacks.js'
import { approveFirst } from '../../../src/seccomp/policy/approval.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { riskOf } from '../../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import type { BlockOfCall } from './blocked-call.js'
import { argumentsIn, callOf, usual } from './call-arguments.js'
import { uringProbe } from '../../hub/denials/denial.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { foreignName } from '../../../src/lib/printed-commands.js'

const floor = runtimeDefaultNames()

/** Returns what callers use instead of a call whose denial is expected. */
function insteadOf(syscall: string): string {
  if (syscall === uringProbe) return 'libuv uses epoll'
  return `the C library uses ${libcFallbackOf(syscall)?.instead ?? 'another call'}`
}

/** PinOfCall is the pin of the profile that denied a call, and whether the newest approved revision allows the call. */
export interface PinOfCall extends Pin {
  isApproved: boolean
}

/** Returns the next step where new pods get an earlier revision, whatever is allowed in its profile. */
function pinnedHint(pin: PinOfCall, allow: string): string {
  const { revision, newest, leave, isApproved, exception = '' } = pin
  const but = exception === '' ? '' : `, ${exception}`
  const pinned = `new pods get ${revision}, to which the profile is pinned${but}`
  return isApproved
    ? `${newest} allows it, but ${pinned}: ${leave}`
    : `${pinned}: ${allow}, then ${leave}`
}

/**
 * Returns the next step for a denial.
 * @param row `call`: the call with the arguments that decided, if the caller knows them better
 * @param profiles the profile whose revision denied the syscall; several of equal content if it is one of them
 * @param block the emergency block that denies the call, if there is one
 * @param pin the pin of the profile, if it has one
 * @param unapproved those of the profiles that only learn: they cannot allow one call
 */
export function denialHint(
  row: DenialRow & { call?: string },
  mode: string,
  profiles: readonly string[],
  block?: BlockOfCall,
  pin?: PinOfCall,
  unapproved: readonly string[] = []
): string {
  const { syscall } = row
  if (row.expected) return `denied on purpose: ${insteadOf(syscall)}`
  if (row.succeeded > 0)
    return 'it succeeded although its profile denies it: another filter is in force'
  if (block !== undefined) {
    const { what } = block
    const next =
      what === undefined ? 'secco block lists how' : `secco block ${quoted(what)} --remove`
    return `blocked in an emergency, in every profile: ${next}`
  }
  const args = argumentsIn(row.arguments)
  const abi = row.abi as Abi
  const { call = callOf(row) } = row
  const commands = profiles.map((profile) => {
    const command = `secco denials allow ${profile} ${call}`
    return unapproved.includes(profile) ? `${approveFirst(profile)}, then: ${command}` : command
  })
  const unsure = profiles.length > 1 ? `${profiles.join(' and ')} have the same content: ` : ''
  const direct = `${unsure}${commands.join(' or ')}`
  if (pin?.isApproved === true) return pinnedHint(pin, direct)
  const allow = pin === undefined ? direct : pinnedHint(pin, direct)
  const risk = riskOf(syscall)
  const { kind } = usual.of(abi, syscall, args)
  const withThese = kind === 'denied' || kind === 'expected'
  if (!floor.has(syscall) || withThese) {
    const what = floor.has(syscall) ? 'it with these arguments' : 'it'
    const caller = row.comm === '' ? 'the program' : foreignName(row.comm)
    return `RuntimeDefault denies ${what} too: find out why ${caller} needs it before you allow it: ${allow}`
  }
  if (risk?.level === 'high') return `${risk.reason}: check that it is needed, then: ${allow}`
  if (unapproved.length > 0) return allow
  return mode === 'audit' ? `enforce would deny it: ${allow}` : `allow it: ${allow}`
}

/** Returns who decided that a call stays denied, when and why, and how the decision is taken back. */
export function mutedHint(profile: string, { syscall, by, at, reason }: Mute): string {
  const who = by === undefined ? '' : ` by ${foreignName(by)}`
  const when = at === undefined ? '' : `, ${at}`
  const why = reason === undefined ? '' : `: ${foreignName(reason.slice(0, 200))}`
  const decision = `muted in ${profile}${who}${when}${why}`
  return `${decision}; to report it again: secco denials mute ${quoted(profile)} ${syscall} --remove --reason WHY`
}
