import type { Ladder, LadderStep } from '../api/ladder.js'
import type { SeccompProfile } from '../api/seccomp-profile.js'
import { SeccoError } from '../lib/errors.js'
import { plural } from '../lib/plural.js'
import type { Rung } from '../rules/profile-state.js'

/** Steps that a profile remembers. */
export const mostSteps = 64

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
  /** After so long without trouble a canary becomes everybody's. */
  quietFor?: string
  maxDenials?: number
  maxRestarts?: number
  /** Where the workload stands when no ladder says so: the mode that its rules give. */
  current: Rung
  /** Also down a rung. */
  force?: boolean
}

function placeText({ mode, revision }: Place): string {
  return revision === undefined ? mode : `${mode} ${revision.slice(0, 19)}`
}

/** The profile with a step in its history, newest last. */
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

/** Where the workload stands: its ladder's place, else what its rules give. */
export function placeOf(profile: SeccompProfile, current: Rung): Place {
  const { ladder } = profile.spec
  if (ladder === undefined) return { mode: current }
  const { mode, revision } = ladder
  return { mode, ...(revision === undefined ? {} : { revision }) }
}

const rungs: readonly Rung[] = ['learn', 'audit', 'enforce']

/** Whoever says promote means up: down it goes by `rollback`, or when it is said twice. */
function mustNotGoDown(profile: SeccompProfile, from: Rung, { mode, force }: PromoteOptions): void {
  if (force === true || rungs.indexOf(mode) >= rungs.indexOf(from)) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${labelOf(profile)} stands at ${from}: ${mode} is a rung down, what is refused now would only be logged`,
    {
      hint: `back to where it was: secco rollback ${labelOf(profile)} --reason WHY; down to ${mode} all the same: --force`
    }
  )
}

/**
 * One rung up (or to the newest revision on the same one), for all pods or for a share of the new ones.
 * With a canary on the same rung the others get the revision before the newest.
 * @throws SeccoError INVALID_ARGUMENT when there is nothing to enforce or audit, or nothing to return to,
 * or when it would go down and is not forced.
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
  const former = before.revision ?? profile.status?.previousRevision
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

/** A canary that was quiet long enough is everybody's now; the same object when there is none. */
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

/** Where it stood before it came to this mode; before its canary, when it came by one. */
function cameFrom(history: readonly LadderStep[], mode: Rung): string | undefined {
  const moves = history.filter(({ action }) => action !== 'allow' && action !== 'mute')
  const at = moves.findLastIndex(
    ({ action, to }) => (action === 'promote' || action === 'complete') && to === mode
  )
  const before = moves[at - 1]
  const byCanary = before?.action === 'canary' && before.to.startsWith(`${mode} for `)
  return byCanary ? before.from : moves[at]?.from
}

/**
 * Back to where the workload was: out of a canary, else one rung or one revision down. The same object
 * when there is nowhere to go back to.
 */
export function rollbackLadder(
  profile: SeccompProfile,
  decision: Decision,
  action: 'rollback' | 'return' = 'rollback'
): SeccompProfile {
  const { ladder } = profile.spec
  // Without its policy: what was taken back must not go up by itself again, people decide then.
  const step = (from: string, to: Place) =>
    withStep(withLadder(profile, to), {
      ...{ at: decision.at, by: decision.by, action, from, to: placeText(to) },
      ...{ reason: decision.reason, ...evidenceOf(decision) }
    })
  if (ladder?.canary !== undefined) {
    return step(`${ladder.mode} for ${ladder.canary.percent}%`, ladder.canary.from)
  }
  const previous = profile.status?.previousRevision
  if (ladder === undefined) {
    return previous === undefined
      ? profile
      : step('newest', { mode: 'enforce', revision: previous })
  }
  const now = placeText(ladder)
  const came = cameFrom(profile.status?.history ?? [], ladder.mode)
  const wasMode = rungs.find((mode) => came?.startsWith(mode) === true)
  if (wasMode !== undefined && wasMode !== ladder.mode) return step(now, { mode: wasMode })
  if (ladder.revision === undefined && previous !== undefined && ladder.mode === 'enforce') {
    return step(now, { mode: ladder.mode, revision: previous })
  }
  const below = ladder.mode === 'enforce' ? 'audit' : ladder.mode === 'audit' ? 'learn' : undefined
  return below === undefined ? profile : step(now, { mode: below })
}

/** How a canary fares. */
export interface CanaryFigures {
  containers: number
  others: number
  /** Of `containers`: on nodes that tell what is refused. */
  heard: number
  /** Why nothing is heard of the others: `n1 records nothing`. */
  deaf: string
  denials: number
  restarts: number
  /** ms since it began, as far as it was heard of. */
  ageMs: number
  quietMs: number
  /** The newest refused call, in words. */
  newest: string
}

/** What becomes of a canary, with the reason. Pure. */
export function judgeCanary(
  canary: NonNullable<Ladder['canary']>,
  figures: CanaryFigures
): { verdict: 'return' | 'complete' | 'wait'; reason: string } {
  const { denials, restarts, containers, heard, deaf } = figures
  if (denials > (canary.maxDenials ?? 0)) {
    const reason = `${plural(denials, 'call')} refused in the canary: ${figures.newest}`
    return { verdict: 'return', reason }
  }
  if (restarts > (canary.maxRestarts ?? 1)) {
    return { verdict: 'return', reason: `${plural(restarts, 'restart')} of the canary` }
  }
  if (containers === 0) return { verdict: 'wait', reason: 'no container of the canary runs yet' }
  if (heard === 0) {
    return { verdict: 'wait', reason: `quiet, which proves nothing: ${deaf}` }
  }
  if (figures.ageMs < figures.quietMs) {
    return { verdict: 'wait', reason: `quiet so far; it has to be for ${canary.quietFor}` }
  }
  const reason = `quiet for ${canary.quietFor} in ${plural(heard, 'container')}`
  return { verdict: 'complete', reason }
}

/** Puts a mute into a profile, or takes it away; the same object when that changes nothing. */
export function withMute(
  profile: SeccompProfile,
  mute: { syscall: string; comm?: string },
  decision: Decision,
  remove: boolean
): SeccompProfile {
  const before = profile.spec.mute ?? []
  const isSame = (one: { syscall: string; comm?: string }) =>
    one.syscall === mute.syscall && one.comm === mute.comm
  if (before.some(isSame) !== remove) return profile
  const { by, at, reason } = decision
  const after = remove
    ? before.filter((one) => !isSame(one))
    : [...before, { ...mute, by, at, ...(reason === '' ? {} : { reason }) }].slice(-256)
  const spec = { ...profile.spec, mute: after }
  if (after.length === 0) delete (spec as Partial<typeof spec>).mute
  const changed = { ...profile, spec }
  const who = mute.comm === undefined ? '' : ` of ${mute.comm}`
  return withStep(changed, {
    ...{ at, by, action: 'mute', from: remove ? 'muted' : 'heard', to: remove ? 'heard' : 'muted' },
    reason: `${mute.syscall}${who}${reason === '' ? '' : `: ${reason}`}`
  })
}

/** Whether a refused call is muted in its profile. */
export function isMuted(
  profile: SeccompProfile | undefined,
  call: { syscall: string; comm: string }
): boolean {
  return (profile?.spec.mute ?? []).some(
    ({ syscall, comm }) => syscall === call.syscall && (comm ?? call.comm) === call.comm
  )
}
