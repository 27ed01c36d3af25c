import { isCanary } from './canary.js'
import type { DecisionReason } from './decision.js'
import type { PodFacts } from './facts.js'
import { rootNamespace } from '../api/names.js'
import type { ProfileState, RevisionState, LadderMode } from './profile-state.js'
import type { Reach } from './reach.js'
import type { Snapshot } from './snapshot.js'
import { findProfile, strictness, type Wish } from './wishes.js'

/** Result of a wish, given which files the nodes have. */
export interface Resolution {
  outcome: 'assigned' | 'learn' | 'runtime-default' | 'denied'
  reason: DecisionReason
  wish: Wish
  /** Key of the profile; for an unknown profile, the first key that was tried. */
  profile?: string
  /** Key of the profile that the wish gives another container of the pod; with the reason `other-container`. */
  beside?: string
  revision?: RevisionState
  /** The newest revision if it could not be used because nodes lack it. */
  missing?: RevisionState
  /** The mode of the ladder if it differs from that of the wish. */
  mode?: LadderMode
  canary?: boolean
  /** It is a label that does not enforce, because a start under the profile can fail. */
  startAtRisk?: true
}

/** Facts of a pod that decide between revisions. */
export type Candidate = Pick<PodFacts, 'name' | 'owner' | 'turn'> & {
  /**
   * The path of the revision that the running container has: it keeps its side of a canary. What a new pod comes with does
   * not count: its author may have written it.
   */
  given?: string
}

/** Movable is the part of a wish that a ladder may change. */
export type Movable = Pick<Wish, 'mode' | 'platform' | 'isLabel'>

/**
 * Whether the ladder of a profile may change the mode: of rules and labels of its own namespace, and of any rule
 * when the profile is in the root namespace; a rule of the root namespace may only be tightened.
 */
export function mayMove(
  wish: Movable,
  state: Pick<ProfileState, 'namespace'>,
  mode: LadderMode
): boolean {
  if (state.namespace === rootNamespace || !wish.platform) return true
  return strictness[mode] >= strictness[wish.mode]
}

interface Choice {
  mode: LadderMode
  revision: RevisionState | undefined
  canary: boolean
}

type ModeState = Pick<Choice, 'mode' | 'revision'>

/** Returns the mode with its pinned or newest revision. Pure. */
export function modeState(
  state: ProfileState,
  mode: LadderMode,
  pinned?: RevisionState
): ModeState {
  return { mode, revision: pinned ?? (mode === 'learn' ? undefined : state[mode]) }
}

/** Returns whether a label gives the profile in audit, because a start under it can fail and nobody decided to enforce it. */
const isStartAtRisk = ({ isLabel }: Movable, { ladder, labelMode }: ProfileState): boolean =>
  isLabel === true && ladder === undefined && labelMode === 'audit'

/**
 * Returns the mode of pods that are not canaries: that of the wish without a ladder, and where the ladder may not move it
 * that far. A label gives audit while a start can fail. A person who may write a ladder also writes what its canary is compared with. Pure.
 */
export function settledMode(wish: Movable, state: ProfileState): ModeState {
  const { ladder } = state
  if (isStartAtRisk(wish, state)) return modeState(state, 'audit')
  const place = ladder?.canary?.from ?? ladder
  // A ladder that loosens the rule does not count, whatever its canary says.
  const places = [ladder, place].filter((one) => one !== undefined)
  if (place === undefined || !places.every(({ mode }) => mayMove(wish, state, mode))) {
    return modeState(state, wish.mode)
  }
  return modeState(state, place.mode, place.revision)
}

/** What a label of a pod asks for, which no rule limits. */
const ofLabel: Movable = { mode: 'enforce', platform: false }

/**
 * Returns what new containers get of a profile: while a canary runs, that of the canary and then that of the others. Pure.
 * @param wish what gives them the profile; a label, which does not limit the mode, unless said otherwise
 */
export function modesInUse(state: ProfileState, wish: Movable = ofLabel): ModeState[] {
  const { ladder } = state
  const settled = settledMode(wish, state)
  if (ladder?.canary === undefined || !mayMove(wish, state, ladder.mode)) return [settled]
  return [modeState(state, ladder.mode, ladder.revision), settled]
}

/** GivenRevision is a revision that new containers may get, with its name in a sentence. */
interface GivenRevision {
  what: string
  revision: RevisionState
}

/**
 * Returns every revision that new containers may get of a profile, whatever rule or label gives it to them: the newest one of
 * each mode, which a rule chooses, the pinned one, and the one that a canary replaces. Pure.
 */
export function givenRevisions({
  enforce,
  audit,
  ladder
}: Pick<ProfileState, 'enforce' | 'audit' | 'ladder'>): GivenRevision[] {
  const named: [string, RevisionState | undefined][] = [
    ['the revision', enforce],
    ['the revision for audit', audit],
    ['the pinned revision', ladder?.revision],
    ['the revision of before the canary', ladder?.canary?.from.revision]
  ]
  const given = new Map<string, GivenRevision>()
  for (const [what, revision] of named) {
    if (revision !== undefined && !given.has(revision.path))
      given.set(revision.path, { what, revision })
  }
  return [...given.values()]
}

function chooseMode(wish: Wish, state: ProfileState, pod: Candidate): Choice {
  const { ladder } = state
  const from = settledMode(wish, state)
  if (ladder?.canary === undefined || !mayMove(wish, state, ladder.mode)) {
    return { ...from, canary: false }
  }
  const to = modeState(state, ladder.mode, ladder.revision)
  if (pod.given !== undefined && pod.given === to.revision?.path) return { ...to, canary: true }
  if (pod.given !== undefined && pod.given === from.revision?.path) {
    return { ...from, canary: false }
  }
  return isCanary(pod, ladder.canary.percent) ? { ...to, canary: true } : { ...from, canary: false }
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

/** Resolves a wish whose profile is another container's: a profile never goes to a container it was not learned from. */
function resolveBeside(snapshot: Snapshot, wish: Wish): Resolution {
  if (wish.mode === 'learn') return { outcome: 'learn', reason: 'learning', wish }
  const beside = findProfile(snapshot, wish)?.[0]
  return {
    ...{ outcome: 'runtime-default', reason: 'other-container', wish },
    ...(beside === undefined ? {} : { beside })
  }
}

/**
 * Resolves a wish. A revision is used only when every node that could run the pod has its file; else
 * `whenNotReady` decides.
 * Previous replaces enforce only: in audit it could deny what audit promises to allow.
 */
export function resolveWish(
  snapshot: Snapshot,
  wish: Wish,
  reach: Reach,
  pod: Candidate
): Resolution {
  if (wish.beside === true) return resolveBeside(snapshot, wish)
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
  const { mode, revision, canary } = chooseMode(wish, state, pod)
  const moved = {
    ...(mode === wish.mode ? {} : { mode }),
    ...(canary ? { canary } : {}),
    ...(isStartAtRisk(wish, state) ? { startAtRisk: true as const } : {})
  }
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
