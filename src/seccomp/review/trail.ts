import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { blockDecision } from '../render/block.js'
import { isEmergency } from '../render/emergency.js'

/** TrailEntry is a decision that changed what a profile allows: an approval of it, or a block of every profile. */
export interface TrailEntry {
  /** RFC 3339. */
  at: string
  by: string
  what: 'approved' | 'blocked' | 'unblocked'
  /** The reason; of a block also what was blocked. */
  text: string
  /** Empty while it is not rendered, and for a block. */
  revision: string
}

function entriesOf(profile: SeccompProfile): TrailEntry[] {
  const isOverlay = isEmergency(profile)
  return (profile.status?.approvals ?? []).map(({ at, by, reason = '', revision }): TrailEntry => {
    if (!isOverlay) return { at, by, what: 'approved', text: reason, revision }
    const { isRemoval, text } = blockDecision(reason)
    return { at, by, what: isRemoval ? 'unblocked' : 'blocked', text, revision: '' }
  })
}

/**
 * Returns the decisions that changed what a profile allows, newest last.
 * @param overlay the emergency overlay: its blocks count since the first approval of the profile
 */
export function trailOf(profile: SeccompProfile, overlay?: SeccompProfile): TrailEntry[] {
  const own = entriesOf(profile)
  const [first] = own.map(({ at }) => at).sort()
  const blocks = overlay === undefined || isEmergency(profile) ? [] : entriesOf(overlay)
  const since = first === undefined ? [] : blocks.filter(({ at }) => at >= first)
  return [...own, ...since].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}
