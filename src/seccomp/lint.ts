import type { LinuxSeccomp } from '../api/seccomp-profile.js'
import { baseNames } from './base.js'
import { isAllowed } from './denied.js'
import { riskOf } from './risk.js'
import { runtimeDefaultNames } from './runtime-default.js'
import { isKnownSyscall } from './syscall-table.js'

export interface Finding {
  severity: 'error' | 'warning' | 'note'
  /** Stable word for scripts. */
  rule: string
  /** The syscall or key it is about. */
  subject: string
  message: string
  /** What to do. */
  mend: string
}

const letThrough = (answer: string) =>
  answer === 'allowed' || answer === 'conditional' || answer === 'SCMP_ACT_LOG'

function lintDefault(seccomp: LinuxSeccomp): Finding[] {
  const { defaultAction, defaultErrnoRet } = seccomp
  const subject = 'defaultAction'
  if (defaultAction === 'SCMP_ACT_ALLOW' || defaultAction === 'SCMP_ACT_LOG') {
    return [
      {
        severity: 'error',
        rule: 'allow-all',
        subject,
        message: `${defaultAction} lets through every call that is not named`,
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

function lintStart(seccomp: LinuxSeccomp): Finding[] {
  return [...baseNames([])].flatMap(([name, reason]): Finding[] => {
    const answer = isAllowed(seccomp, name)
    if (letThrough(answer) && answer !== 'conditional') return []
    const ends = name === 'exit' || name === 'exit_group'
    const serious = ends || ['execve', 'rt_sigreturn', 'futex'].includes(name)
    return [
      {
        severity: answer !== 'conditional' && serious ? 'error' : 'note',
        rule: ends ? 'missing-exit' : 'missing-base',
        subject: name,
        message: `is ${answer === 'conditional' ? 'allowed for some arguments only' : 'not allowed'}; base needs it: ${reason}`,
        mend: 'render it with `secco render`, which adds the base'
      }
    ]
  })
}

function lintNames(seccomp: LinuxSeccomp): Finding[] {
  const floor = runtimeDefaultNames()
  const names = [...new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names))].sort()
  return names.flatMap((name): Finding[] => {
    if (!isKnownSyscall(name)) {
      return [
        {
          severity: 'warning',
          rule: 'unknown-name',
          subject: name,
          message: 'no syscall table knows it; runtimes ignore it or refuse the profile',
          mend: 'correct or remove it; it is never rendered'
        }
      ]
    }
    if (!letThrough(isAllowed(seccomp, name))) return []
    const risk = riskOf(name)
    if (risk !== undefined) {
      const severity = risk.level === 'high' && !floor.has(name) ? 'warning' : 'note'
      const mend = 'remove it unless the application cannot work without it'
      return [{ severity, rule: 'dangerous', subject: name, message: risk.reason, mend }]
    }
    if (floor.has(name)) return []
    const message = 'RuntimeDefault refuses it'
    return [
      {
        severity: 'note',
        rule: 'beyond-runtime-default',
        subject: name,
        message,
        mend: 'check why'
      }
    ]
  })
}

function lintArchitectures(seccomp: LinuxSeccomp): Finding[] {
  const listed = seccomp.architectures ?? []
  if (!listed.includes('SCMP_ARCH_X86_64') || listed.includes('SCMP_ARCH_X86')) return []
  return [
    {
      severity: 'note',
      rule: 'i386-missing',
      subject: 'architectures',
      message: 'an i386 call (int 0x80) is killed, whatever the mode',
      mend: 'right for enforce when none was observed; learn and audit list SCMP_ARCH_X86 too'
    }
  ]
}

/** What is wrong, risky or surprising about a seccomp object, the most serious first. */
export function lintSeccomp(seccomp: LinuxSeccomp): Finding[] {
  const order = ['error', 'warning', 'note']
  return [
    ...lintDefault(seccomp),
    ...lintStart(seccomp),
    ...lintNames(seccomp),
    ...lintArchitectures(seccomp)
  ].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
}
