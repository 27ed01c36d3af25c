import type { Ladder, LadderStep, Mute } from '../api/ladder.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import { modeTexts } from '../api/seccomp-rule.js'
import { SeccoError } from '../lib/errors.js'
import { plural } from '../lib/plural.js'
import { previousRevisionOf } from '../rules/previous-revision.js'
import type { LadderMode } from '../rules/profile-state.js'

/** The newest steps that a profile's history keeps. */
const mostSteps = 64

export interface Decision {
  by: string
  /** RFC 3339. */
  at: string
  reason: string
  evidence?: string
}

type Place = NonNullable<Ladder['canary']>['from']

export interface PromoteOptions extends Decision {
  mode: 'audit' | 'enforce'
  /** Percent of the new pods; undefined: all. */
  canary?: number
  /** A canary is complete after this long without denials and restarts. */
  quietFor?: string
  maxDenials?: number
  maxRestarts?: number
  /** The workload's mode while it has no ladder: the mode of its rules. */
  current: LadderMode
  /** Also to a less strict mode. */
  force?: boolean
}

function placeText({ mode, revision }: Place): string {
  return revision === undefined ? mode : `${mode} ${revision.slice(0, 19)}`
}

/** Returns the profile with one more step in its history, newest last. */
export function withStep(
  profile: SeccompProfile,
  step: Omit<LadderStep, 'reason' | 'evidence'> & { reason?: string; evidence?: string }
): SeccompProfile {
  const { reason, evidence, ...rest } = step
  const entry: LadderStep = {
    ...rest,
    ...(reason === undefined || reason === '' ? {} : { reason: reason.slice(0, 1000) }),
    ...(evidence === undefined || evidence === '' ? {} : { evidence: evidence.slice(0, 1000) })
  }
  const history = [...(profile.status?.history ?? []), entry].slice(-mostSteps)
  return { ...profile, status: { ...profile.status, history } }
}

function withLadder(profile: SeccompProfile, ladder: Ladder): SeccompProfile {
  return { ...profile, spec: { ...profile.spec, ladder } }
}

const labelOf = ({ metadata }: SeccompProfile): string =>
  `${metadata.namespace ?? ''}/${metadata.name}`

/** Returns a workload's mode and revision: from its ladder, else from its rules. */
function placeOf(profile: SeccompProfile, current: LadderMode): Place {
  const { ladder } = profile.spec
  if (ladder === undefined) return { mode: current }
  const { mode, revision } = ladder
  return { mode, ...(revision === undefined ? {} : { revision }) }
}

/** From the least to the most strict mode. */
const modes: readonly LadderMode[] = ['learn', 'audit', 'enforce']

/** Promoting is meant to make a mode stricter; `rollback` and `--force` also make it less strict. */
function mustNotGoDown(
  profile: SeccompProfile,
  from: LadderMode,
  { mode, force }: PromoteOptions
): void {
  if (force === true || modes.indexOf(mode) >= modes.indexOf(from)) return
  const text = modeTexts[mode]
  const nevertheless = `add --force to promote to ${mode} nevertheless`
  const canRollBack = rollbackLadder(profile, { at: '', by: '', reason: '' }) !== profile
  const rollback = `run secco rollback ${labelOf(profile)} --reason WHY, or `
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${labelOf(profile)} is in ${from} mode; ${mode} is less strict: ${text.charAt(0).toLowerCase()}${text.slice(1, -1)}`,
    {
      hint: canRollBack ? rollback + nevertheless : nevertheless
    }
  )
}

/**
 * Moves a workload to a stricter mode, or to the newest revision in the same mode, for all new pods or a share of
 * them. With a canary in the same mode the other pods get the revision before the newest.
 * @throws SeccoError INVALID_ARGUMENT when nothing is approved, when there is no earlier revision for the other
 * pods, or when the mode is less strict and the promotion is not forced.
 */
export function promoteLadder(profile: SeccompProfile, options: PromoteOptions): SeccompProfile {
  const { mode, canary } = options
  if (profile.spec.seccomp === undefined) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${labelOf(profile)}: nothing is approved yet, so there is nothing to ${mode}`,
      { hint: `approve it first: secco profile approve ${labelOf(profile)}` }
    )
  }
  const { enforceAfter } = profile.spec.ladder ?? {}
  const kept = enforceAfter === undefined ? {} : { enforceAfter }
  const before = placeOf(profile, options.current)
  mustNotGoDown(profile, before.mode, options)
  const step = { ...options, to: canary === undefined ? mode : `${mode} for ${canary}%` }
  const common = { at: step.at, by: step.by, from: placeText(before), to: step.to }
  const words = { reason: options.reason, ...evidenceOf(options) }
  if (canary === undefined || canary === 100) {
    return withStep(withLadder(profile, { mode, ...kept }), {
      ...{ ...common, action: 'promote', to: mode },
      ...words
    })
  }
  const former = before.revision ?? previousRevisionOf(profile.status)
  if (before.mode === mode && former === undefined) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${labelOf(profile)}: there is no revision before the newest one, so nothing to return to`,
      { hint: 'leave --canary out, or change the approved part first' }
    )
  }
  const from: Place =
    before.mode === mode && former !== undefined ? { mode, revision: former } : before
  return withStep(
    withLadder(profile, {
      ...{ mode, ...kept },
      canary: {
        ...{ percent: canary, from, startedAt: options.at, quietFor: options.quietFor ?? '10m' },
        ...(options.maxDenials === undefined ? {} : { maxDenials: options.maxDenials }),
        ...(options.maxRestarts === undefined ? {} : { maxRestarts: options.maxRestarts })
      }
    }),
    { ...common, action: 'canary', ...words }
  )
}

function evidenceOf({ evidence }: Decision): { evidence?: string } {
  return evidence === undefined ? {} : { evidence }
}

/** Ends a canary: all new pods get its mode. Returns the same object when there is no canary. */
export function completeCanary(profile: SeccompProfile, decision: Decision): SeccompProfile {
  const { ladder } = profile.spec
  if (ladder?.canary === undefined) return profile
  const { canary, ...rest } = ladder
  return withStep(withLadder(profile, rest), {
    ...{ at: decision.at, by: decision.by, action: 'complete' },
    ...{ from: `${ladder.mode} for ${canary.percent}%`, to: ladder.mode },
    ...{ reason: decision.reason, ...evidenceOf(decision) }
  })
}

/** Returns the place before the workload came to this mode; the place before its canary, if it came by one. */
function cameFrom(history: readonly LadderStep[], mode: LadderMode): string | undefined {
  const moves = history.filter(({ action }) => action !== 'allow' && action !== 'mute')
  const at = moves.findLastIndex(
    ({ action, to }) => (action === 'promote' || action === 'complete') && to === mode
  )
  const before = moves[at - 1]
  const byCanary = before?.action === 'canary' && before.to.startsWith(`${mode} for `)
  return byCanary ? before.from : moves[at]?.from
}

/**
 * Moves a workload back: out of a canary, else to its last mode or revision. Returns the same object when there is
 * nothing to go back to.
 */
export function rollbackLadder(
  profile: SeccompProfile,
  decision: Decision,
  action: 'rollback' | 'return' = 'rollback'
): SeccompProfile {
  const { ladder } = profile.spec
  // Without its policy: after a rollback people decide, so that no policy promotes it again.
  const step = (from: string, to: Place) =>
    withStep(withLadder(profile, to), {
      ...{ at: decision.at, by: decision.by, action, from, to: placeText(to) },
      ...{ reason: decision.reason, ...evidenceOf(decision) }
    })
  if (ladder?.canary !== undefined) {
    return step(`${ladder.mode} for ${ladder.canary.percent}%`, ladder.canary.from)
  }
  const previous = previousRevisionOf(profile.status)
  if (ladder === undefined) {
    return previous === undefined
      ? profile
      : step('newest', { mode: 'enforce', revision: previous })
  }
  const now = placeText(ladder)
  const came = cameFrom(profile.status?.history ?? [], ladder.mode)
  const wasMode = modes.find((mode) => came?.startsWith(mode) === true)
  if (wasMode !== undefined && wasMode !== ladder.mode) return step(now, { mode: wasMode })
  if (ladder.revision === undefined && previous !== undefined && ladder.mode === 'enforce') {
    return step(now, { mode: ladder.mode, revision: previous })
  }
  const below = ladder.mode === 'enforce' ? 'audit' : ladder.mode === 'audit' ? 'learn' : undefined
  return below === undefined ? profile : step(now, { mode: below })
}

/** CanaryFigures are the counts and times that a canary is judged by. */
export interface CanaryFigures {
  containers: number
  others: number
  /** Of `containers`: on nodes that record denials. */
  recorded: number
  /** Why the others are not recorded: `n1 records nothing`. */
  notRecorded: string
  denials: number
  restarts: number
  /** Milliseconds since it began, as far as it was recorded. */
  ageMs: number
  quietMs: number
  /** The newest denial, in words. */
  newest: string
}

/** Returns whether a canary is rolled back, complete or waits, with the reason. Pure. */
export function judgeCanary(
  canary: NonNullable<Ladder['canary']>,
  figures: CanaryFigures
): { verdict: 'return' | 'complete' | 'wait'; reason: string } {
  const { denials, restarts, containers, recorded, notRecorded } = figures
  if (denials > (canary.maxDenials ?? 0)) {
    const reason = `${plural(denials, 'call')} denied in the canary: ${figures.newest}`
    return { verdict: 'return', reason }
  }
  if (restarts > (canary.maxRestarts ?? 1)) {
    return { verdict: 'return', reason: `${plural(restarts, 'restart')} of the canary` }
  }
  if (containers === 0) return { verdict: 'wait', reason: 'no container of the canary runs yet' }
  if (recorded === 0) {
    return { verdict: 'wait', reason: `denials are not recorded: ${notRecorded}` }
  }
  if (figures.ageMs < figures.quietMs) {
    return {
      verdict: 'wait',
      reason: `no denials and no restarts so far; required for ${canary.quietFor}`
    }
  }
  const reason = `no denials and no restarts for ${canary.quietFor} in ${plural(recorded, 'container')}`
  return { verdict: 'complete', reason }
}

/**
 * Adds a mute to a profile, or removes what mutes this: for one process also the mute for all of them, and for all
 * processes those of each. Returns the same object when that changes nothing.
 */
export function withMute(
  profile: SeccompProfile,
  mute: { syscall: string; comm?: string },
  decision: Decision,
  remove: boolean
): SeccompProfile {
  const before = profile.spec.mute ?? []
  const isSame = (one: { syscall: string; comm?: string }) =>
    one.syscall === mute.syscall && one.comm === mute.comm
  const isMuting = (one: { syscall: string; comm?: string }) =>
    one.syscall === mute.syscall &&
    (one.comm === undefined || mute.comm === undefined || one.comm === mute.comm)
  if (before.some(remove ? isMuting : isSame) !== remove) return profile
  const { by, at, reason } = decision
  const after = remove
    ? before.filter((one) => !isMuting(one))
    : [...before, { ...mute, by, at, ...(reason === '' ? {} : { reason }) }].slice(-256)
  const spec = { ...profile.spec, mute: after }
  if (after.length === 0) delete (spec as Partial<typeof spec>).mute
  const changed = { ...profile, spec }
  const who = mute.comm === undefined ? '' : ` of ${mute.comm}`
  return withStep(changed, {
    ...{ at, by, action: 'mute' },
    ...{ from: remove ? 'muted' : 'not muted', to: remove ? 'not muted' : 'muted' },
    reason: `${mute.syscall}${who}${reason === '' ? '' : `: ${reason}`}`
  })
}

/** A syscall and the name of the process that made it. */
type CallOf = Required<Pick<Mute, 'syscall' | 'comm'>>

/** Returns whether a denied syscall is muted in its profile. */
export const isMuted = (profile: SeccompProfile | undefined, call: CallOf): boolean =>
  muteOf(profile, call) !== undefined

/** Returns the decision that a call stays denied. */
export const muteOf = (profile: SeccompProfile | undefined, call: CallOf): Mute | undefined =>
  profile?.spec.mute?.find(
    ({ syscall, comm }) => syscall === call.syscall && (comm ?? call.comm) === call.comm
  )

/** Returns whether a syscall is muted whoever makes it: somebody decided that it stays denied. */
export function isMutedForAll({ spec }: SeccompProfile, name: string): boolean {
  return (spec.mute ?? []).some(({ syscall, comm }) => syscall === name && comm === undefined)
}
