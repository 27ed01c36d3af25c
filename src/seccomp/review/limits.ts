import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { planArguments, filteredCallsOf } from './argument-approval.js'
import type { RuntimeVersion } from '../render/base.js'
import { newestNumber } from '../render/fleet-keys.js'
import { rulesOf } from '../policy/normal-form.js'
import { syscallNumber } from '../../syscalls/syscall-table.js'

/** A limit of the profile's filter: something that it cannot decide, and why. */
export interface Limit {
  /** A syscall, or the part of the machine that it is about. */
  subject: string
  reason: string
}

interface LimitsOptions {
  runtimes?: readonly RuntimeVersion[]
  /** The oldest libseccomp of the fleet; undefined: unknown. */
  libseccomp?: string
}

const uring = ['io_uring_enter', 'io_uring_register', 'io_uring_setup']
const addressed = ['bind', 'connect', 'sendmmsg', 'sendmsg', 'sendto']

/**
 * Returns what this profile's filter cannot distinguish, as far as it matters for what the profile allows
 * or was seen to use. Sorted by subject.
 */
export function limitsOf(profile: SeccompProfile, options: LimitsOptions = {}): Limit[] {
  const rules = profile.spec.seccomp === undefined ? [] : rulesOf(profile.spec.seccomp)
  const allowed = rules.filter(
    ({ action }) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'
  )
  const names = new Set(allowed.map(({ name }) => name))
  const observed = profile.status?.observed ?? {}
  for (const name of Object.values(observed).flat()) names.add(name)
  const filtered = new Set(
    allowed.filter(({ args }) => (args ?? []).length > 0).map(({ name }) => name)
  )
  const limits: Limit[] = []
  const add = (subject: string, reason: string) => limits.push({ subject, reason })

  if (names.has('clone3')) {
    add('clone3', 'its flags are behind a pointer: it returns ENOSYS, and libc uses clone instead')
  }
  for (const name of uring.filter((each) => names.has(each))) {
    add(name, 'no filter checks the operations submitted to its ring (openat, connect, sendmsg, …)')
  }
  for (const name of ['socketcall', 'ipc'].filter((each) => names.has(each))) {
    add(name, 'i386: multiplexes many syscalls, with their arguments behind a pointer')
  }
  const i386 = (observed.i386 ?? []).includes('socketcall')
  if (i386 && (filtered.has('socket') || filtered.has('socketpair'))) {
    add('socket', 'conditions on it do not apply to i386 programs, which use socketcall')
  }
  if (filtered.has('socket') && addressed.some((name) => names.has(name))) {
    add('connect', 'addresses are behind pointers: limit destinations with a NetworkPolicy')
  }
  for (const name of filteredCallsOf(profile, [])) {
    for (const note of planArguments(profile, name).notes) add(name, `not filtered: ${note}`)
  }
  const newest = options.libseccomp === undefined ? undefined : newestNumber(options.libseccomp)
  if (newest !== undefined) {
    const beyond = [...names]
      .filter((name) => (syscallNumber('aarch64', name) ?? 0) > newest)
      .sort()
    for (const name of beyond) {
      const reason = `libseccomp ${options.libseccomp} has no name for it: denied on those nodes`
      add(name, reason)
    }
  }
  if (options.runtimes?.some(({ name }) => name === 'crun') === true) {
    add('crun', 'returns EPERM, not ENOSYS, for syscalls that are newer than its libseccomp')
  }
  return limits.sort((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0))
}
