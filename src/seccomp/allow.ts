import type { LinuxSeccomp, SeccompProfile, SeccompSyscall } from '../api/seccomp-profile.js'
import { SeccoError } from '../errors.js'
import { sameConditions } from './argument-rules.js'
import { parseBlock } from './block.js'
import { runtimeDefaultNames } from './runtime-default.js'
import { isKnownSyscall } from './syscall-table.js'

const floor = runtimeDefaultNames()

/** A call that people let through: `NAME` or `NAME:ARG=VALUE,…`, in the words of `secco block`. */
export function parseAllow(text: string): SeccompSyscall {
  // Some templates of `secco block` have the name of one of their calls: here it is the call.
  if (isKnownSyscall(text)) return { names: [text], action: 'SCMP_ACT_ALLOW' }
  const [rule, ...more] = parseBlock(text).rules
  const name = rule?.names[0]
  if (rule === undefined || name === undefined || more.length > 0 || rule.names.length > 1) {
    throw new SeccoError('INVALID_ARGUMENT', `${text}: one call at a time`, {
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

function has(seccomp: LinuxSeccomp, wanted: SeccompSyscall): boolean {
  return (seccomp.syscalls ?? []).some(
    ({ names, action, args = [] }) =>
      action === 'SCMP_ACT_ALLOW' &&
      names.includes(wanted.names[0] ?? '') &&
      (args.length === 0 || sameConditions(args, wanted.args ?? []))
  )
}

/**
 * The profile with one more call let through, and the approval; the same object when it is let through
 * already. A person's refusal of the same name is taken back where no argument is named.
 */
export function withAllowed(
  profile: SeccompProfile,
  wanted: SeccompSyscall,
  decision: { by: string; at: string; reason: string }
): SeccompProfile {
  const name = wanted.names[0] ?? ''
  const seccomp = profile.spec.seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' as const }
  if (has(seccomp, wanted)) return profile
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
  const { by, reason } = decision
  const approval = { by, at: decision.at, revision: '', reason: `allowed ${name}: ${reason}` }
  return {
    ...profile,
    spec: { ...profile.spec, seccomp: { ...seccomp, syscalls } },
    status: { ...profile.status, approvals: [...(profile.status?.approvals ?? []), approval] }
  }
}

/** RuntimeDefault refuses it: more than any container gets by itself. */
export function isBeyondRuntimeDefault(wanted: SeccompSyscall): boolean {
  return !floor.has(wanted.names[0] ?? '')
}
