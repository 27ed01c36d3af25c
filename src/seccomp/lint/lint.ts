import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { baseNames } from '../render/base.js'
import { lintArguments } from './lint-arguments.js'
import { bySeverity, type Finding, type LintUse } from './lint-finding.js'
import { lintNames } from './lint-names.js'
import { letsThrough, type FilterAnswers, answersOf } from '../filter/filter-answers.js'

const base = [...baseNames([])]
/** Without these no container starts, or none ends. */
const vital: readonly string[] = ['execve', 'exit', 'exit_group', 'futex', 'rt_sigreturn']

function lintDefault(seccomp: LinuxSeccomp, use: LintUse): Finding[] {
  const { defaultAction, defaultErrnoRet } = seccomp
  const subject = 'defaultAction'
  if (letsThrough(defaultAction)) {
    const bounded = use === 'spec'
    return [
      {
        severity: bounded ? 'warning' : 'error',
        rule: 'allow-all',
        subject,
        message: `${defaultAction} lets through every call that is not named${bounded ? ' and that RuntimeDefault lets through' : ''}`,
        mend: 'set defaultAction: SCMP_ACT_ERRNO and name what is allowed'
      }
    ]
  }
  if (defaultAction === 'SCMP_ACT_ERRNO' && defaultErrnoRet === 38) {
    return [
      {
        severity: 'warning',
        rule: 'enosys-default',
        subject: 'defaultErrnoRet',
        message: 'ENOSYS for everything breaks starts (fchown by runc) and hides refusals',
        mend: 'set defaultErrnoRet: 1; ENOSYS is added where libc probes'
      }
    ]
  }
  if (defaultAction.startsWith('SCMP_ACT_KILL')) {
    return [
      {
        severity: 'note',
        rule: 'kill-default',
        subject,
        message: 'the first call that was not learned ends the process',
        mend: 'use SCMP_ACT_ERRNO until the profile has been complete for long'
      }
    ]
  }
  return []
}

function ruleOfVital(name: string): string {
  if (name === 'exit' || name === 'exit_group') return 'missing-exit'
  return name === 'execve' ? 'missing-execve' : 'missing-base'
}

/** A file is loaded as it is, so base must be in it; a spec only must not refuse it by name. */
function lintStart(seccomp: LinuxSeccomp, verdicts: FilterAnswers, use: LintUse): Finding[] {
  const refused = new Set(
    (seccomp.syscalls ?? [])
      .filter((rule) => !letsThrough(rule.action) && (rule.args ?? []).length === 0)
      .flatMap((rule) => rule.names)
  )
  return base.flatMap(([name, reason]): Finding[] => {
    // In a spec a refusal wins over an allowance of the same name.
    if (use === 'spec' ? !refused.has(name) : verdicts.always(name)) return []
    const partly = use === 'oci' && verdicts.sometimes(name)
    const how = partly ? 'is allowed for some arguments only' : 'is not allowed'
    const serious = !partly && vital.includes(name)
    return [
      {
        severity: serious ? 'error' : use === 'spec' ? 'warning' : 'note',
        rule: ruleOfVital(name),
        subject: name,
        message: `${use === 'spec' ? 'is refused' : how}; base needs it: ${reason}`,
        mend:
          use === 'spec'
            ? 'remove the rule that refuses it'
            : 'render it with `secco render`, which adds the base'
      }
    ]
  })
}

function lintEmpty(verdicts: FilterAnswers, seccomp: LinuxSeccomp, use: LintUse): Finding[] {
  if (verdicts.allowed.length > 0 || letsThrough(seccomp.defaultAction)) return []
  const message =
    use === 'spec'
      ? 'allows nothing of its own: the container gets what its start needs, and no more'
      : 'allows nothing: no container starts with it'
  const mend = 'learn the workload and approve what was observed'
  return [
    {
      severity: use === 'spec' ? 'warning' : 'error',
      rule: 'empty',
      subject: 'syscalls',
      message,
      mend
    }
  ]
}

function lintArchitectures(seccomp: LinuxSeccomp, verdicts: FilterAnswers): Finding[] {
  const listed = seccomp.architectures ?? []
  const found: Finding[] = []
  if (listed.includes('SCMP_ARCH_X86_64') && !listed.includes('SCMP_ARCH_X86')) {
    found.push({
      severity: 'note',
      rule: 'i386-missing',
      subject: 'architectures',
      message: 'an i386 call (int 0x80) is killed, whatever the mode',
      mend: 'right for enforce when none was observed; learn and audit list SCMP_ARCH_X86 too'
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
        'an i386 caller makes through socketcall the sockets that the rules of socket refuse',
      mend: 'remove socketcall or SCMP_ARCH_X86'
    })
  }
  if (listed.includes('SCMP_ARCH_X32')) {
    found.push({
      severity: 'note',
      rule: 'x32-listed',
      subject: 'SCMP_ARCH_X32',
      message: 'x32 calls are let in; hardly any program makes them, and exploits do',
      mend: 'remove it in enforce unless x32 calls were observed'
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

function lintSiblings(seccomp: LinuxSeccomp, verdicts: FilterAnswers, use: LintUse): Finding[] {
  const found: Finding[] = []
  if (use === 'oci' && !letsThrough(seccomp.defaultAction)) {
    for (const [older, newer] of successors) {
      if (!verdicts.sometimes(older) || verdicts.sometimes(newer)) continue
      found.push({
        severity: older === 'open' ? 'warning' : 'note',
        rule: older === 'open' ? 'open-without-openat' : 'older-only',
        subject: older,
        message: `is allowed and ${newer} is not: newer libraries call ${newer} for the same`,
        mend: 'render it with `secco render`, which adds the family'
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
      message: 'its ring makes and connects sockets past the rules for socket and connect',
      mend: 'remove io_uring_setup, or do not count on the filter for the network'
    })
  }
  return found
}

/** What is wrong, risky or surprising about a seccomp object, the most serious first. Pure. */
export function lintSeccomp(seccomp: LinuxSeccomp, use: LintUse = 'oci'): Finding[] {
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
