import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { isMuted } from '../../src/confinement/ladder.js'
import type { DenialRow } from '../hub/denial-rows.js'

/**
 * When each revision refused a call last, in milliseconds, as far as it alarms anybody: muted calls and those refused
 * on purpose are left out. What other hubs have to know before they let a workload go on. Pure.
 */
export function refusedLately(
  rows: readonly DenialRow[],
  profiles: readonly SeccompProfile[]
): Map<string, number> {
  const known = new Map(
    profiles.map((one) => [`${one.metadata.namespace ?? rootNamespace}/${one.metadata.name}`, one])
  )
  const last = new Map<string, number>()
  for (const row of rows) {
    if (row.expected || row.revision === '') continue
    if (isMuted(known.get(`${row.namespace}/${row.profile}`), row)) continue
    const at = Date.parse(row.lastSeen)
    if (at > (last.get(row.revision) ?? 0)) last.set(row.revision, at)
  }
  return last
}
