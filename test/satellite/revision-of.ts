import type { TrialResult } from '../../native/trial-load.js'
import type { Revision, RevisionOrigin } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { canonicalJson } from '../../src/lib/canonical.js'
import { digestOf } from '../../src/lib/digest.js'

const none: RevisionOrigin = {
  generation: 0,
  createdAt: '',
  beyond: [],
  approvedBy: '',
  approvedAt: '',
  reason: ''
}

/** A revision as the hub sends it. */
export function revisionOf(
  seccomp: LinuxSeccomp,
  origin?: Partial<RevisionOrigin>,
  profile = 'web'
): Revision {
  const json = Buffer.from(canonicalJson(seccomp))
  return {
    ...{ namespace: 'shop', profile, digest: digestOf(json), json },
    origin: origin === undefined ? undefined : { ...none, ...origin }
  }
}

/** A trial that costs nothing: the filter that denies everything. */
export const trialThatWorks = (): Promise<TrialResult> =>
  Promise.resolve({ ok: true, skipped: [], bytes: Buffer.from('0600000001000500', 'hex') })

export const allowing = (...names: string[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
})
