import type { LinuxSeccomp, SeccompAction } from '../../api/seccomp-profile.js'
import { seccompActions } from '../../api/seccomp-words.js'
import { type Abi, scmpArchOf } from '../../syscalls/abi.js'
import { builtRulesByName } from './built-rules.js'
import { isNarrow, lowerHalves, mayOverride } from './call-answer.js'
import { multiplexed } from './multiplexers.js'
import { libcFallbackOf } from '../policy/libc-fallbacks.js'

const ENOSYS = 38

/**
 * Verdict of a profile on a syscall, as far as the number alone decides:
 * - `allowed`
 * - `conditional`: its arguments (argument-verdict.ts), or a tracer, decide
 * - `logged`: allowed and logged; would be denied in enforce
 * - `denied`: the caller gets `errno`, or a signal where `errno` is undefined
 * - `expected`: denied with ENOSYS, without which the C library is shown to do the same work (libc-fallbacks.ts).
 *   RuntimeDefault does the same (clone3), so it raises no alarm
 */
export type CallVerdict =
  | { kind: 'allowed' }
  | { kind: 'conditional' }
  | { kind: 'logged' | 'denied' | 'expected'; action: SeccompAction; errno: number | undefined }

export type CallVerdicts = (abi: Abi, name: string) => CallVerdict

const isAction = (action: string): action is SeccompAction =>
  (seccompActions as readonly string[]).includes(action)

/** Returns the verdict for the action of a filter. */
export function verdictOf(action: string, errnoRet: number | undefined, name: string): CallVerdict {
  if (action === 'SCMP_ACT_ALLOW') return { kind: 'allowed' }
  // Anything that a runtime accepts may stand in an OCI configuration: TRACE, NOTIFY decide elsewhere.
  if (!isAction(action)) return { kind: 'conditional' }
  if (action === 'SCMP_ACT_LOG') return { kind: 'logged', action, errno: undefined }
  if (action !== 'SCMP_ACT_ERRNO') return { kind: 'denied', action, errno: undefined }
  // Runtimes answer EPERM where a rule names no errno (runc, crun: errnoRet).
  const errno = errnoRet ?? 1
  return {
    kind: errno === ENOSYS && libcFallbackOf(name) !== undefined ? 'expected' : 'denied',
    action,
    errno
  }
}

/**
 * Reads a profile once and answers for any number of it. A call of an ABI that the profile does not
 * list ends in the filter's bad-architecture action: the thread is killed (libseccomp's default).
 * @param native the machine's own ABI, which is always listed.
 */
export function verdictsOf(seccomp: LinuxSeccomp, native: Abi): CallVerdicts {
  const byName = builtRulesByName(seccomp)
  const listed = new Set<string>([scmpArchOf[native], ...(seccomp.architectures ?? [])])
  const muxed = new Set(
    Object.entries(multiplexed)
      .filter(([, names]) => [...names].some((name) => byName.has(name)))
      .map(([name]) => name)
  )
  return (abi, name) => {
    if (!listed.has(scmpArchOf[abi])) return verdictOf('SCMP_ACT_KILL_THREAD', undefined, name)
    const own = byName.get(name) ?? []
    const always = own.find((rule) => (rule.args ?? []).length === 0)
    if (always === undefined && abi === 'i386' && muxed.has(name)) return { kind: 'conditional' }
    if (always === undefined) {
      return own.length > 0
        ? { kind: 'conditional' }
        : verdictOf(seccomp.defaultAction, seccomp.defaultErrnoRet, name)
    }
    const rules = isNarrow(abi) ? lowerHalves(own) : own
    if (rules.some((rule) => mayOverride(rule, always))) return { kind: 'conditional' }
    return verdictOf(always.action, always.errnoRet, name)
  }
}
