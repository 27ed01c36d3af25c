import type { Abi } from '../../syscalls/abi.js'
import { isAllowAction } from './filter-answers.js'
import type { NormalRule } from '../policy/normal-form.js'
import type { Reason } from '../policy/reason.js'

/** libseccomp turns these i386 calls into rules on the arguments of one (seccomp_rule_add(3), x86). */
export const multiplexed: Readonly<Record<string, ReadonlySet<string>>> = {
  socketcall: new Set(
    `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmsg
    send sendmmsg sendmsg sendto setsockopt shutdown socket socketpair`.split(/\s+/)
  ),
  ipc: new Set(
    'msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget'.split(
      ' '
    )
  )
}

/**
 * libseccomp opens these by itself for every call behind them, and leaves out conditions on the first
 * argument: on i386, `socket` of one family would be socketcall(2) for every family.
 */
const multiplexers: readonly (readonly [string, string])[] = ['ipc', 'socketcall'].map((name) => [
  name,
  'ENOSYS: not approved, and libseccomp would allow it for the syscalls that it multiplexes'
])

/** Adds explicit rules for multiplexers that no rule allows, where i386 is listed. */
export function withMultiplexers(
  rules: readonly NormalRule[],
  listed: readonly Abi[],
  why: Map<string, Reason[]>
): NormalRule[] {
  if (!listed.includes('i386')) return [...rules]
  let all = [...rules]
  for (const [name, text] of multiplexers) {
    const own = all.filter((rule) => rule.name === name && (rule.args ?? []).length === 0)
    // A rule that only repeats the default is none.
    const plain = ({ action, errnoRet = 1 }: NormalRule) =>
      action === 'SCMP_ACT_ERRNO' && errnoRet === 1
    const passing = all.some((rule) => rule.name === name && isAllowAction(rule.action))
    if (passing || own.some((rule) => !plain(rule))) continue
    all = all.filter((rule) => rule.name !== name)
    all.push({ name, action: 'SCMP_ACT_ERRNO', errnoRet: 38 })
    why.set(name, [...(why.get(name) ?? []), { kind: 'enosys', text }])
  }
  return all
}
