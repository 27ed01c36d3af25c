import type { Reason } from './decision.js'
import type { ProfileState, RevisionState } from './profile-state.js'
import type { Reach } from './reach.js'
import type { Snapshot } from './snapshot.js'
import type { Wish } from './wishes.js'

/** What a wish comes to, given which files the nodes have. */
export interface Resolution {
  outcome: 'assigned' | 'learn' | 'runtime-default' | 'denied'
  reason: Reason
  wish: Wish
  /** Key of the profile; for an unknown one, the first that was looked for. */
  profile?: string
  revision?: RevisionState
  /** The newest revision, where it could not be used because nodes lack it. */
  missing?: RevisionState
}

function findProfile(snapshot: Snapshot, wish: Wish): [string, ProfileState] | undefined {
  for (const key of wish.profiles) {
    const state = snapshot.profiles.get(key)
    if (state !== undefined) return [key, state]
  }
  return undefined
}

/** Learning needs no profile to exist yet: it is made from what is observed. */
function resolveLearn(snapshot: Snapshot, wish: Wish): Resolution {
  const known = findProfile(snapshot, wish)
  const profile = known?.[0] ?? wish.profiles[0]
  return {
    outcome: 'learn',
    reason: 'learning',
    wish,
    ...(profile === undefined ? {} : { profile })
  }
}

/**
 * Resolves a wish. A revision is used only when every node that could run the pod has its file; else
 * `whenNotReady` decides.
 * Previous stands in for enforce only: in audit it could refuse what audit promises to let pass.
 */
export function resolveWish(snapshot: Snapshot, wish: Wish, reach: Reach): Resolution {
  if (wish.mode === 'learn') return resolveLearn(snapshot, wish)
  const fallback = wish.whenNotReady === 'Deny' ? 'denied' : 'runtime-default'
  const known = findProfile(snapshot, wish)
  if (known === undefined) {
    const profile = wish.profiles[0]
    return {
      outcome: fallback,
      reason: 'unknown-profile',
      wish,
      ...(profile === undefined ? {} : { profile })
    }
  }
  const [profile, state] = known
  const revision = state[wish.mode]
  if (state.approved && revision !== undefined && reach.has(revision)) {
    return { outcome: 'assigned', reason: 'ready', wish, profile, revision }
  }
  const missing = revision === undefined ? {} : { missing: revision }
  if (
    wish.whenNotReady === 'Previous' &&
    wish.mode === 'enforce' &&
    state.approved &&
    state.previous !== undefined &&
    reach.has(state.previous)
  ) {
    const { previous } = state
    return {
      ...{ outcome: 'assigned', reason: 'previous', wish, profile },
      revision: previous,
      ...missing
    }
  }
  const reason = state.approved && revision !== undefined ? 'not-ready' : 'not-approved'
  return { outcome: fallback, reason, wish, profile, ...missing }
}
