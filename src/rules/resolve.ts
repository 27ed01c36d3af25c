import { isCanary } from './canary.js'
import type { Reason } from './decision.js'
import type { PodFacts } from './facts.js'
import { rootNamespace } from '../api/names.js'
import type { ProfileState, RevisionState, Rung } from './profile-state.js'
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
  /** The ladder's mode, where it is not the wish's. */
  mode?: Rung
  canary?: boolean
}

/** What of a pod decides between revisions. */
export type Candidate = Pick<PodFacts, 'name' | 'turn'> & {
  /** A path of ours that the container has already: a second call must not decide otherwise. */
  given?: string
}

const strictness: Record<Rung, number> = { learn: 0, audit: 1, enforce: 2 }

/**
 * The ladder of a profile moves what its own namespace's rules and labels ask for, and what any rule
 * asks for when the profile is the platform's; a rule of the platform's it may only tighten.
 */
function mayMove(wish: Wish, state: ProfileState, mode: Rung): boolean {
  if (state.namespace === rootNamespace || !wish.platform) return true
  return strictness[mode] >= strictness[wish.mode]
}

interface Choice {
  mode: Rung
  revision: RevisionState | undefined
  canary: boolean
}

type RungState = Pick<Choice, 'mode' | 'revision'>

/** The newest revision of a mode, or the one instead of it. Pure. */
export function rungState(state: ProfileState, mode: Rung, pinned?: RevisionState): RungState {
  return { mode, revision: pinned ?? (mode === 'learn' ? undefined : state[mode]) }
}

/** Where a profile's ladder stands for who is no canary; without a ladder in enforce. Pure. */
export function settledRung(state: ProfileState): RungState {
  const { mode, revision } = state.ladder?.canary?.from ?? state.ladder ?? { mode: 'enforce' }
  return rungState(state, mode, revision)
}

function chooseRung(wish: Wish, state: ProfileState, pod: Candidate): Choice {
  const { ladder } = state
  if (ladder === undefined || !mayMove(wish, state, ladder.mode)) {
    return { ...rungState(state, wish.mode), canary: false }
  }
  const to = rungState(state, ladder.mode, ladder.revision)
  const { canary } = ladder
  if (canary === undefined) return { ...to, canary: false }
  const from = settledRung(state)
  if (pod.given !== undefined && pod.given === to.revision?.path) return { ...to, canary: true }
  if (pod.given !== undefined && pod.given === from.revision?.path) {
    return { ...from, canary: false }
  }
  return isCanary(pod, canary.percent) ? { ...to, canary: true } : { ...from, canary: false }
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
export function resolveWish(
  snapshot: Snapshot,
  wish: Wish,
  reach: Reach,
  pod: Candidate
): Resolution {
  if (wish.mode === 'learn' && findProfile(snapshot, wish)?.[1].ladder === undefined) {
    return resolveLearn(snapshot, wish)
  }
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
  const { mode, revision, canary } = chooseRung(wish, state, pod)
  const moved = { ...(mode === wish.mode ? {} : { mode }), ...(canary ? { canary } : {}) }
  if (mode === 'learn') return { ...resolveLearn(snapshot, wish), ...moved }
  if (state.approved && revision !== undefined && reach.has(revision)) {
    return { outcome: 'assigned', reason: 'ready', wish, profile, revision, ...moved }
  }
  const missing = revision === undefined ? {} : { missing: revision }
  if (
    wish.whenNotReady === 'Previous' &&
    mode === 'enforce' &&
    state.approved &&
    state.previous !== undefined &&
    reach.has(state.previous)
  ) {
    const { previous } = state
    return {
      ...{ outcome: 'assigned', reason: 'previous', wish, profile },
      revision: previous,
      ...missing,
      ...moved
    }
  }
  const reason = state.approved && revision !== undefined ? 'not-ready' : 'not-approved'
  return { outcome: fallback, reason, wish, profile, ...missing, ...moved }
}
