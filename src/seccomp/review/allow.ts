import type { LinuxSeccomp, SeccompProfile, SeccompSyscall } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { checkApproval, decided } from '../policy/approval.js'
import { type Conditions, conditionsWithin, sameConditions } from '../arguments/argument-rules.js'
import { parseBlock } from '../render/block.js'
import { runtimeDefaultRules } from '../policy/runtime-default.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

const floor = runtimeDefaultRules()

/** A syscall that people allow: `NAME` or `NAME:ARG=VALUE,…`, in the syntax of `secco block`. */
export function parseAllow(text: string): SeccompSyscall {
  // Some templates of `secco block` have the name of one of their calls: here it is the call.
  if (isKnownSyscall(text)) return { names: [text], action: 'SCMP_ACT_ALLOW' }
  const [rule, ...more] = parseBlock(text).rules
  const name = rule?.names[0]
  if (rule === undefined || name === undefined || more.length > 0 || rule.names.length > 1) {
    throw new SeccoError('INVALID_ARGUMENT', `${text}: one syscall at a time`, {
      hint: 'write SYSCALL or SYSCALL:ARG=VALUE'
    })
  }
  const { args } = rule
  return {
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    ...(args === undefined || args.length === 0 ? {} : { args })
  }
}

/** Whether RuntimeDefault allows a name with these arguments. A name alone means everything that it allows of it. */
function isWithinDefault(name: string, args: Conditions): boolean {
  const limits = floor.get(name)
  if (limits === undefined) return false
  return args.length === 0 || limits.length === 0 || conditionsWithin(args, limits)
}

/** Whether a name would be allowed with RuntimeDefault's arguments only (effective.ts). */
function has(seccomp: LinuxSeccomp, wanted: SeccompSyscall): boolean {
  const [name = ''] = wanted.names
  const conditions = wanted.args ?? []
  const byName = conditions.length === 0 || !floor.has(name) || isWithinDefault(name, conditions)
  return (seccomp.syscalls ?? []).some(
    ({ names, action, args = [] }) =>
      action === 'SCMP_ACT_ALLOW' &&
      names.includes(name) &&
      (args.length === 0 ? byName : sameConditions(args, conditions))
  )
}

/**
 * Returns the syscalls with one more allowed; the same list when it is allowed already. A person's deny rule of the same
 * name is taken back where no argument is named.
 */
export function withOneAllowed(seccomp: LinuxSeccomp, wanted: SeccompSyscall): LinuxSeccomp {
  const name = wanted.names[0] ?? ''
  if (has(seccomp, wanted)) return seccomp
  const isPlain = (wanted.args ?? []).length === 0
  const rest = (seccomp.syscalls ?? []).flatMap((rule): SeccompSyscall[] => {
    if (!isPlain || rule.action === 'SCMP_ACT_ALLOW' || !rule.names.includes(name)) return [rule]
    const names = rule.names.filter((each) => each !== name)
    return names.length === 0 ? [] : [{ ...rule, names }]
  })
  const at = rest.findIndex(
    ({ action, args = [] }) => isPlain && action === 'SCMP_ACT_ALLOW' && args.length === 0
  )
  const syscalls =
    at < 0
      ? [...rest, wanted]
      : rest.map((rule, index) =>
          index === at ? { ...rule, names: [...rule.names, name].sort() } : rule
        )
  return { ...seccomp, syscalls }
}

/**
 * Returns the syscalls without the rule that allows a call with just these arguments: the way back from `withOneAllowed`.
 * @throws SeccoError INVALID_ARGUMENT where no rule allows just these
 */
export function withoutOneAllowed(seccomp: LinuxSeccomp, call: string): LinuxSeccomp {
  const { names, args: conditions = [] } = parseAllow(call)
  const [name = ''] = names
  const isIts = (rule: SeccompSyscall): boolean =>
    rule.action === 'SCMP_ACT_ALLOW' &&
    rule.names.includes(name) &&
    sameConditions(rule.args ?? [], conditions)
  const rules = seccomp.syscalls ?? []
  if (!rules.some(isIts)) {
    throw new SeccoError('INVALID_ARGUMENT', `${call}: no rule allows just this`, {
      hint: `name the arguments as they are allowed, or deny it whatever its arguments are: --deny ${name}`
    })
  }
  const syscalls = rules.flatMap((rule): SeccompSyscall[] => {
    if (!isIts(rule)) return [rule]
    const others = rule.names.filter((one) => one !== name)
    return others.length === 0 ? [] : [{ ...rule, names: others }]
  })
  return { ...seccomp, syscalls }
}

/**
 * Returns the profile with more syscalls allowed, and one approval for all of them; the same object when they are allowed
 * already.
 * @throws SeccoError APPROVAL_INVALID for a profile whose approval is about another content
 */
export function withAllowed(
  profile: SeccompProfile,
  wanted: SeccompSyscall | readonly SeccompSyscall[],
  decision: { by: string; at: string; reason: string }
): SeccompProfile {
  checkApproval(profile)
  const before = profile.spec.seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' as const }
  let seccomp = before
  const names: string[] = []
  for (const one of [wanted].flat()) {
    const next = withOneAllowed(seccomp, one)
    if (next !== seccomp) names.push(one.names[0] ?? '')
    seccomp = next
  }
  if (seccomp === before) return profile
  const { by, reason } = decision
  const after = { ...profile, spec: { ...profile.spec, seccomp } }
  return decided(after, { by, at: decision.at, reason: `allowed ${names.join(', ')}: ${reason}` })
}

/** Returns whether what people approved of a profile allows a call. */
export function isApprovedCall({ spec }: SeccompProfile, wanted: SeccompSyscall): boolean {
  return spec.seccomp !== undefined && has(spec.seccomp, wanted)
}

/** Whether RuntimeDefault denies it: it is more than any container gets by default. */
export function isBeyondRuntimeDefault(wanted: SeccompSyscall): boolean {
  return !isWithinDefault(wanted.names[0] ?? '', wanted.args ?? [])
}
