import type { SeccompProfile, SeccompSyscall } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { abis } from '../../syscalls/abi.js'
import { parseAllow, withOneAllowed, withoutOneAllowed } from './allow.js'
import { checkApproval, decided } from '../policy/approval.js'
import { approveObserved } from './approve.js'
import { isBase, isNeeded } from '../render/base.js'
import type { SyscallSet } from '../../syscalls/syscall-set.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** A person's decision about single syscalls. */
interface CallsDecision {
  by: string
  /** RFC 3339. */
  at: string
  reason: string
  /** Syscalls to allow from now on, observed or not; also with arguments: NAME:ARG=VALUE. */
  allow: readonly string[]
  /**
   * Syscalls to deny from now on; what base needs stays allowed. One that was observed gets a rule that denies it: it is
   * decided, and no review asks about it again. NAME:ARG=VALUE takes back that it is allowed with just these arguments.
   */
  deny: readonly string[]
  /** The person reviewed the whole profile: an approval of another content is replaced instead of an error. */
  whole?: boolean
}

/** Returns the observed syscalls that are among the names. */
function observedAmong(profile: SeccompProfile, names: ReadonlySet<string>): SyscallSet {
  const kept: SyscallSet = {}
  for (const abi of abis) {
    const own = (profile.status?.observed?.[abi] ?? []).filter((name) => names.has(name))
    if (own.length > 0) kept[abi] = own
  }
  return kept
}

function withNames(rules: readonly SeccompSyscall[], names: readonly string[]): SeccompSyscall[] {
  const stated = new Set(rules.flatMap((rule) => rule.names))
  const more = names.filter((name) => !stated.has(name)).sort()
  return more.length === 0 ? [...rules] : [...rules, { names: more, action: 'SCMP_ACT_ALLOW' }]
}

function withoutNames(
  rules: readonly SeccompSyscall[],
  names: ReadonlySet<string>
): SeccompSyscall[] {
  return rules
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.has(name)) }))
    .filter((rule) => rule.names.length > 0)
}

/** Returns the rules with one that denies the names; the filter is the same as without it, where nothing else allows them. */
function withDenied(rules: readonly SeccompSyscall[], names: readonly string[]): SeccompSyscall[] {
  if (names.length === 0) return [...rules]
  const isPlain = ({ action, errnoRet, args = [] }: SeccompSyscall): boolean =>
    action === 'SCMP_ACT_ERRNO' && errnoRet === undefined && args.length === 0
  const denied = rules.filter(isPlain).flatMap((rule) => rule.names)
  const all = [...new Set([...denied, ...names])].sort()
  return [...rules.filter((rule) => !isPlain(rule)), { names: all, action: 'SCMP_ACT_ERRNO' }]
}

/**
 * Returns whether rules name a syscall without allowing what was asked for: they deny it, or allow it with arguments that
 * nobody observed. Observed arguments stay the limit.
 */
function isLeftOut(name: string, rules: readonly SeccompSyscall[], observed: SyscallSet): boolean {
  const isObserved = Object.values(observed).some((names) => names.includes(name))
  const isAllowed = rules.some(
    ({ names, action }) => names.includes(name) && action === 'SCMP_ACT_ALLOW'
  )
  return !isAllowed || !isObserved
}

function sameNames(before: readonly SeccompSyscall[], after: readonly SeccompSyscall[]): boolean {
  const answers = ({ names, action }: SeccompSyscall) => names.map((name) => `${action} ${name}`)
  const [old, next] = [before, after].map((rules) => new Set(rules.flatMap(answers)))
  return old?.size === next?.size && [...(next ?? [])].every((name) => old?.has(name))
}

function checkNames(names: readonly string[]): void {
  const unknown = names.find((name) => !isKnownSyscall(name))
  if (unknown === undefined) return
  throw new SeccoError('INVALID_ARGUMENT', `${unknown}: is in no syscall table`)
}

/**
 * Returns the profile with single syscalls allowed or denied, and the decision among its approvals; the same object
 * when nothing changes. An observed syscall is approved for the ABIs and arguments it was observed with, another one
 * by its name. Pure.
 * @throws SeccoError INVALID_ARGUMENT for a name that no table has, or a denial of a syscall of the base;
 * APPROVAL_INVALID for a profile whose approval is of another content
 */
export function decideCalls(profile: SeccompProfile, decision: CallsDecision): SeccompProfile {
  const { by, at, reason } = decision
  const isLimited = (call: string): boolean => call.includes(':')
  const allow = decision.allow.filter((call) => !isLimited(call))
  const limited = decision.allow.filter(isLimited).map(parseAllow)
  const deny = decision.deny.filter((call) => !isLimited(call))
  checkNames([...allow, ...deny])
  const both = allow.filter((name) => deny.includes(name))
  if (both.length > 0) {
    throw new SeccoError('INVALID_ARGUMENT', `${both.join(', ')}: both allowed and denied`, {
      hint: 'name each call once'
    })
  }
  const essential = deny.filter(isBase)
  if (essential.length > 0) {
    const why = essential.some(isNeeded)
      ? 'every container needs it to start, run or end'
      : 'every profile allows it, because it gives no power'
    throw new SeccoError('INVALID_ARGUMENT', `${essential.join(', ')}: ${why}`, {
      hint: 'base allows it whatever a profile specifies; use an emergency block to deny it'
    })
  }
  if (decision.whole !== true) checkApproval(profile)
  const observed = observedAmong(profile, new Set(allow))
  const narrow = { ...profile, status: { ...profile.status, observed } }
  const approved = approveObserved(narrow, { by, at, reason })
  const seccomp = approved.spec.seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' as const }
  const kept = withNames(withoutNames(seccomp.syscalls ?? [], new Set(deny)), allow)
  const decidedAgainst = Object.values(observedAmong(profile, new Set(deny))).flat()
  const named = withDenied(kept, decidedAgainst)
  const whole = decision.deny
    .filter(isLimited)
    .reduce(withoutOneAllowed, { ...seccomp, syscalls: named })
  const again = allow.filter((name) => isLeftOut(name, named, observed)).map(parseAllow)
  const after = [...again, ...limited].reduce(withOneAllowed, whole)
  const same =
    after === whole &&
    deny.length === decision.deny.length &&
    sameNames(profile.spec.seccomp?.syscalls ?? [], named)
  if (same && approved.spec === profile.spec) return profile
  const changed = { ...profile, spec: { ...approved.spec, seccomp: after } }
  return decided(changed, { by, at, reason })
}
