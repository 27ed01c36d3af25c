import { listed } from '../lib/plural.js'
import type { LinuxSeccomp, SeccompSyscall } from './seccomp-profile.js'

/** A rule with another effect in a kernel than its text states. */
interface MisleadingRule {
  kind: 'joined-arguments' | 'faked-success'
  /** Path in the seccomp object. */
  field: string
  /** The syscalls, or the key that stands for all the others. */
  subject: string
  message: string
  fix: string
}

/** Returns the first argument that has two conditions in one rule. */
function twiceCompared({ args = [] }: Pick<SeccompSyscall, 'args'>): number | undefined {
  return args.find(({ index }, at) => args.findIndex((arg) => arg.index === index) < at)?.index
}

const isFaked = (action: string, errno: number | undefined) =>
  action === 'SCMP_ACT_ERRNO' && errno === 0

const faked = {
  kind: 'faked-success',
  message:
    'errno 0 does not report the denial: the syscall is not made, but its caller sees success',
  fix: 'set an errno of 1 or more, or omit it (default: 1, EPERM)'
} as const

/**
 * Finds rules that nobody should approve or install, because they do not do what they state:
 *
 * Two conditions on one argument. libseccomp rejects them in one rule (seccomp_rule_add(3): EINVAL), and runc and crun
 * then add one rule for each condition of the rule, those on other arguments too (runc 1.1.5, libcontainer/seccomp/seccomp_linux.go,
 * matchCall): any one of them is enough.
 *
 * SCMP_ACT_ERRNO with errno 0. The kernel skips the call and returns 0 (seccomp(2), SECCOMP_RET_ERRNO).
 */
export function misleadingRules(seccomp: LinuxSeccomp): MisleadingRule[] {
  const found: MisleadingRule[] = []
  if (isFaked(seccomp.defaultAction, seccomp.defaultErrnoRet)) {
    found.push({ ...faked, field: 'defaultErrnoRet', subject: 'defaultAction' })
  }
  for (const [at, rule] of (seccomp.syscalls ?? []).entries()) {
    const subject = listed(rule.names, 5)
    if (isFaked(rule.action, rule.errnoRet)) {
      found.push({ ...faked, field: `syscalls[${at}].errnoRet`, subject })
    }
    const index = twiceCompared(rule)
    if (index === undefined) continue
    found.push({
      kind: 'joined-arguments',
      field: `syscalls[${at}].args`,
      subject,
      message: `has two conditions on argument ${index} in one rule, and runtimes combine all conditions of such a rule with OR`,
      fix: 'split it into rules with one condition on each argument'
    })
  }
  return found
}

/** A misleading rule as one sentence. */
export function describeMisleading({ subject, message, fix }: MisleadingRule): string {
  return `${subject}: ${message}; ${fix}`
}

/** The rules as runtimes add them: one for each condition where two are on one argument. */
export function asRuntimesJoin(seccomp: LinuxSeccomp): LinuxSeccomp {
  const rules = seccomp.syscalls
  if (rules === undefined || rules.every((rule) => twiceCompared(rule) === undefined))
    return seccomp
  return {
    ...seccomp,
    syscalls: rules.flatMap((rule) =>
      twiceCompared(rule) === undefined
        ? [rule]
        : (rule.args ?? []).map((arg) => ({ ...rule, args: [arg] }))
    )
  }
}
