import type { SeccompProfile, SeccompSyscall } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { abis } from '../../syscalls/abi.js'
import { checkApproval, decided } from '../policy/approval.js'
import { approveObserved } from './approve.js'
import { isBase } from '../render/base.js'
import type { SyscallSet } from '../../syscalls/syscall-set.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** A person's decision about single syscalls. */
interface CallsDecision {
  by: string
  /** RFC 3339. */
  at: string
  reason: string
  /** Syscalls to allow from now on, observed or not. */
  allow: readonly string[]
  /** Syscalls to deny from now on; what base needs stays allowed. */
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
  const { by, at, reason, allow, deny } = decision
  checkNames([...allow, ...deny])
  const essential = deny.filter(isBase)
  if (essential.length > 0) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${essential.join(', ')}: every container needs it to start, run or end`,
      { hint: 'base allows it whatever a profile specifies; use an emergency block to deny it' }
    )
  }
  if (decision.whole !== true) checkApproval(profile)
  const observed = observedAmong(profile, new Set(allow))
  const narrow = { ...profile, status: { ...profile.status, observed } }
  const approved = approveObserved(narrow, { by, at, reason })
  const seccomp = approved.spec.seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' as const }
  const syscalls = withNames(withoutNames(seccomp.syscalls ?? [], new Set(deny)), allow)
  const before = new Set((profile.spec.seccomp?.syscalls ?? []).flatMap(({ names }) => names))
  const after = new Set(syscalls.flatMap(({ names }) => names))
  const same = before.size === after.size && [...after].every((name) => before.has(name))
  if (same && approved.spec === profile.spec) return profile
  const changed = { ...profile, spec: { ...approved.spec, seccomp: { ...seccomp, syscalls } } }
  return decided(changed, { by, at, reason })
}
