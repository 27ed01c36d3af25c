import type { SeccompAction } from '../../api/seccomp-profile.js'
import type { RuntimeVersion } from './base.js'
import { type KeySupport, keySupport, libseccompReach } from '../data/runtime-keys.js'
import { compareVersions } from '../../lib/version-order.js'

/**
 * Whether every runtime of the fleet supports a key. Runtimes without data count as new; one whose version
 * is unknown counts as the oldest, since an old one rejects the container.
 */
function isUnderstood(runtimes: readonly RuntimeVersion[], key: KeySupport['key']): boolean {
  return runtimes.every(({ name, version }) => {
    const support = keySupport.find((each) => each.runtime === name && each.key === key)
    if (support === undefined) return true
    return /\d/.test(version) && compareVersions(version, support.since) >= 0
  })
}

/**
 * The action that every runtime of the fleet takes: SCMP_ACT_KILL (a thread's end) is the oldest word
 * for KILL_THREAD, and the nearest that an old runtime has for KILL_PROCESS.
 */
export function commonAction(
  runtimes: readonly RuntimeVersion[],
  action: SeccompAction
): SeccompAction {
  if (action !== 'SCMP_ACT_KILL_PROCESS' && action !== 'SCMP_ACT_KILL_THREAD') return action
  return isUnderstood(runtimes, action) ? action : 'SCMP_ACT_KILL'
}

/** The newest syscall number that this libseccomp has a name for; undefined when it is not known. */
export function newestNumber(libseccomp: string): number | undefined {
  if (!/\d/.test(libseccomp)) return undefined
  const reached = libseccompReach.filter(({ since }) => compareVersions(libseccomp, since) >= 0)
  return reached.at(-1)?.newest
}
