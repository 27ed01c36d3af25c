import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { baseNames } from '../render/base.js'
import { lintArguments } from './lint-arguments.js'
import { bySeverity, type LintFinding, type LintUse } from './lint-finding.js'
import { isListed, lintNames, listedAbis } from './lint-names.js'
import { isAllowAction, type FilterAnswers, answersOf } from '../filter/filter-answers.js'

const base = [...baseNames([])]
/** Without these no container starts, or none ends. */
const vital: readonly string[] = ['execve', 'exit', 'exit_group', 'futex', 'rt_sigreturn']

function lintDefault(seccomp: LinuxSeccomp, use: LintUse): LintFinding[] {
  const { defaultAction, defaultErrnoRet } = seccomp
  const subject = 'defaultAction'
  if (isAllowAction(defaultAction)) {
    const bounded = use === 'spec'
    return [
      {
        severity: bounded ? 'warning' : 'error',
        rule: 'allow-all',
        subject,
        message: `${defaultAction} allows every syscall that is not named${bounded ? ' and that RuntimeDefault allows' : ''}`,
        fix: 'set defaultAction: SCMP_ACT_ERRNO and name what is allowed'
      }
    ]
  }
  if (defaultAction === 'SCMP_ACT_ERRNO' && defaultErrnoRet === 38) {
    return [
      {
        severity: 'warning',
        rule: 'enosys-default',
        subject: 'defaultErrnoRet',
        message: 'ENOSYS for everything breaks container starts (fchown by runc) and hides denials',
        fix: 'set defaultErrnoRet: 1; ENOSYS is added where callers may have an older syscall'
      }
    ]
  }
  if (defaultAction.startsWith('SCMP_ACT_KILL')) {
    return [
      {
        severity: 'note',
        rule: 'kill-default',
        subject,
        message: 'the first syscall that was not learned kills the process',
        fix: 'use SCMP_ACT_ERRNO until the profile has been complete for a long time'
      }
    ]
  }
  return []
}

function ruleOfVital(name: string): string {
  if (name === 'exit' || name === 'exit_group') return 'missing-exit'
  return name === 'execve' ? 'missing-execve' : 'missing-base'
}

/** A file is loaded as it is, so it must contain base; a spec only must not deny base by name. */
function lintStart(seccomp: LinuxSeccomp, verdicts: FilterAnswers, use: LintUse): LintFinding[] {
  const denied = new Set(
    (seccomp.syscalls ?? [])
      .filter((rule) => !isAllowAction(rule.action) && (rule.args ?? []).length === 0)
      .flatMap((rule) => rule.names)
  )
  const listed = listedAbis(seccomp)
  return base.flatMap(([name, reason]): LintFinding[] => {
    // Nobody can call on a listed ABI what it does not have.
    if (!isListed(name, listed)) return []
    // In a spec a deny rule wins over an allow rule for the same name.
    if (use === 'spec' ? !denied.has(name) : verdicts.always(name)) return []
    const partly = use === 'oci' && verdicts.sometimes(name)
    const how = partly ? 'is allowed for some arguments only' : 'is not allowed'
    const serious = !partly && vital.includes(name)
    return [
      {
        severity: serious ? 'error' : use === 'spec' ? 'warning' : 'note',
        rule: ruleOfVital(name),
        subject: name,
        message: `${use === 'spec' ? 'is denied' : how}, but base needs it: ${reason}`,
        fix:
          use === 'spec'
            ? 'remove the rule that denies it'
            : 'render it with `secco render`, which adds the base'
      }
    ]
  })
}

function lintEmpty(verdicts: FilterAnswers, seccomp: LinuxSeccomp, use: LintUse): LintFinding[] {
  if (verdicts.allowed.length > 0 || isAllowAction(seccomp.defaultAction)) return []
  const message =
    use === 'spec'
      ? 'allows nothing of its own: the container gets only what its start needs'
      : 'allows nothing: no container starts with it'
  const fix = 'learn the workload and approve what was observed'
  return [
    {
      severity: use === 'spec' ? 'warning' : 'error',
      rule: 'empty',
      subject: 'syscalls',
      message,
      fix
    }
  ]
}

function lintArchitectures(seccomp: LinuxSeccomp, verdicts: FilterAnswers): LintFinding[] {
  const listed = seccomp.architectures ?? []
  const found: LintFinding[] = []
  if (listed.includes('SCMP_ARCH_X86_64') && !listed.includes('SCMP_ARCH_X86')) {
    found.push({
      severity: 'note',
      rule: 'i386-missing',
      subject: 'architectures',
      message: 'an i386 syscall (int 0x80) kills the process, in every mode',
      fix: 'keep it for enforce if no i386 syscall was observed; learn and audit list SCMP_ARCH_X86 too'
    })
  }
  const hole =
    listed.includes('SCMP_ARCH_X86') && verdicts.always('socketcall') && !verdicts.always('socket')
  if (hole) {
    found.push({
      severity: 'warning',
      rule: 'abi-hole',
      subject: 'socketcall',
      message:
        'i386 programs can create through socketcall the sockets that the rules for socket deny',
      fix: 'remove socketcall or SCMP_ARCH_X86'
    })
  }
  if (listed.includes('SCMP_ARCH_X32')) {
    found.push({
      severity: 'note',
      rule: 'x32-listed',
      subject: 'SCMP_ARCH_X32',
      message: 'x32 syscalls are allowed; hardly any program makes them, but exploits do',
      fix: 'remove it in enforce unless x32 syscalls were observed'
    })
  }
  return found
}

/** An older call without the one that newer libraries make in its place (files only: rendering adds it). */
const successors: readonly (readonly [string, string])[] = [
  ['open', 'openat'],
  ['stat', 'newfstatat'],
  ['epoll_wait', 'epoll_pwait'],
  ['poll', 'ppoll'],
  ['select', 'pselect6'],
  ['nanosleep', 'clock_nanosleep'],
  ['access', 'faccessat'],
  ['mkdir', 'mkdirat'],
  ['unlink', 'unlinkat'],
  ['rename', 'renameat'],
  ['accept', 'accept4'],
  ['pipe', 'pipe2'],
  ['dup2', 'dup3'],
  ['fork', 'clone']
]

function lintSiblings(seccomp: LinuxSeccomp, verdicts: FilterAnswers, use: LintUse): LintFinding[] {
  const found: LintFinding[] = []
  if (use === 'oci' && !isAllowAction(seccomp.defaultAction)) {
    for (const [older, newer] of successors) {
      if (!verdicts.sometimes(older) || verdicts.sometimes(newer)) continue
      found.push({
        severity: older === 'open' ? 'warning' : 'note',
        rule: older === 'open' ? 'open-without-openat' : 'older-only',
        subject: older,
        message: `is allowed but ${newer} is not: newer libraries call ${newer} for the same purpose`,
        fix: 'render it with `secco render`, which adds the family'
      })
    }
  }
  // In a spec sockets are limited in any case: rendering adds RuntimeDefault's conditions.
  const limited = use === 'spec' || !verdicts.always('socket')
  if (limited && verdicts.sometimes('io_uring_setup')) {
    found.push({
      severity: 'warning',
      rule: 'io-uring-bypass',
      subject: 'io_uring_setup',
      message:
        'its ring opens and connects sockets, and the rules for socket and connect do not apply to them',
      fix: 'remove io_uring_setup, or do not rely on the filter for the network'
    })
  }
  return found
}

/** Returns what is wrong, risky or surprising about a seccomp object, the most serious first. Pure. */
export function lintSeccomp(seccomp: LinuxSeccomp, use: LintUse = 'oci'): LintFinding[] {
  const verdicts = answersOf(seccomp)
  return bySeverity([
    ...lintDefault(seccomp, use),
    ...lintEmpty(verdicts, seccomp, use),
    ...lintStart(seccomp, verdicts, use),
    ...lintNames(seccomp, verdicts, use),
    ...lintArchitectures(seccomp, verdicts),
    ...lintSiblings(seccomp, verdicts, use),
    ...lintArguments(seccomp, use)
  ])
}
