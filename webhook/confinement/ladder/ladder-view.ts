import type { LadderStep } from '../../../src/api/ladder.js'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { judgeCanary } from '../../../src/confinement/ladder.js'
import { durationText } from '../../../src/lib/duration.js'
import { plural } from '../../../src/lib/plural.js'
import type { LadderMode } from '../../../src/rules/profile-state.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import { completenessOf } from '../../../src/seccomp/review/completeness.js'
import { entryInstances } from '../../../src/seccomp/review/counted-instances.js'
import { startUnseenText } from '../../../src/seccomp/review/evidence.js'
import {
  deniedWords,
  deniedWordsOf,
  waitingCalls
} from '../../../src/seccomp/review/denied-calls.js'
import type { Confinement } from '../containers/confinement.js'
import type { ContainerView } from '../containers/container-view.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { deniedCalls, denialsOfProfile } from '../denials/denial-views.js'
import { filterModeOf } from '../containers/filter-mode.js'
import {
  canaryState,
  containersOf,
  denialsKnownSince,
  denialsOf,
  keyOfProfile,
  nodesNotRecording,
  notRecordingText
} from './canary-figures.js'

export interface LadderView {
  namespace: string
  profile: string
  workload: string
  mode: LadderMode | ''
  revision: string
  /** Containers that run under it or are learned into it. */
  running: number
  canary: null | {
    percent: number
    from: { mode: LadderMode; revision?: string }
    to: { mode: LadderMode; revision: string }
    startedAt: string
    quietFor: string
    until: string
    containers: number
    others: number
    denials: number
    restarts: number
    verdict: string
  }
  evidence: string[]
  next: { mode: LadderMode | ''; ready: boolean; reasons: string[] }
  history: LadderStep[]
}

/** Returns the highest mode that containers run in now, for workloads without a ladder. */
export function currentMode(
  confinement: Parameters<typeof filterModeOf>[0],
  own: readonly Parameters<typeof filterModeOf>[1][]
): LadderMode {
  const modes = own.map((one) => filterModeOf(confinement, one))
  if (modes.includes('enforce')) return 'enforce'
  return modes.includes('audit') ? 'audit' : 'learn'
}

/** Grounds are the evidence for the next step, and the reasons against it. */
interface Grounds {
  evidence: string[]
  reasons: string[]
}

/** Returns what was observed of a profile, and how its containers run. */
function observedGrounds(
  confinement: Confinement,
  profile: SeccompProfile,
  own: readonly ContainerView[],
  denials: readonly DenialRow[]
): Grounds {
  const instances = entryInstances(profile)
  const whole = instances.filter(({ complete }) => complete).length
  const { estimate } = completenessOf(profile, confinement.sources.now())
  const count = (wanted: ContainerView['state']): number =>
    own.filter(({ state }) => state === wanted).length
  const running = `${plural(own.length, 'container')} running`
  const waiting = deniedCalls(confinement, denials)
  // Against the next step speaks of what audit logged only what it logged since the last one: see auditGrounds.
  const denied = waitingCalls(profile, waiting).filter(({ logged }) => !logged)
  return {
    evidence: [
      `${plural(instances.length, 'instance')} observed, ${whole} from the first instruction`,
      'tooFew' in estimate.all
        ? 'unseen syscalls cannot be estimated yet'
        : `at most ${estimate.all.upper.toFixed(1)} syscalls unseen (estimate)`,
      `${running}: ${count('enforced')} enforced, ${count('audit')} in audit`,
      deniedWordsOf(profile, waiting)
    ],
    reasons: [
      ...(profile.spec.seccomp === undefined ? ['nothing is approved yet'] : []),
      ...(denied.length === 0 ? [] : [`${deniedWords(denied)}: allow or mute what is denied`])
    ]
  }
}

/**
 * Returns whether audit counts from nothing after a step: new pods got into audit by it, or a call was allowed. A way back, by
 * itself or by a person, and a muted call end no count: what audit logged before it would still be denied.
 */
const isCountedFrom = ({ action, to }: LadderStep): boolean =>
  action === 'allow' || ((action === 'promote' || action === 'complete') && to.startsWith('audit'))

/** Returns since when audit says something about what is approved now, in milliseconds: its last mode, or its last approval. */
function auditedSince({ status }: SeccompProfile): number {
  const step = status?.history?.findLast(isCountedFrom)
  const approval = status?.approvals?.at(-1)
  const times = [step?.at, approval?.at].map((at) => Date.parse(at ?? '')).filter(Number.isFinite)
  return Math.max(0, ...times)
}

/** Returns how the last canary ended, if it went back by itself and no step followed. */
function wentBackText({ status }: SeccompProfile): string[] {
  const last = status?.history?.findLast(({ action }) => action !== 'allow' && action !== 'mute')
  if (last?.action !== 'return') return []
  const why = last.reason === undefined ? '' : `: ${last.reason}`
  return [`the last canary (${last.from}) went back by itself at ${last.at}${why}`]
}

/** Says that audit logged nothing, and what enforce denied of the same profile meanwhile: a canary that went back. */
function noneLoggedText(
  { count, newest }: { count: number; newest: string },
  since: string,
  running: number
): string {
  // Where nothing runs in audit, that nothing was logged says little.
  if (count === 0 && running === 0)
    return `audit logged 0 calls since ${since}, and no container runs in audit now`
  if (count === 0) return `0 calls would have been denied since ${since}`
  const denied = `${plural(count, 'call was', 'calls were')} denied in enforce`
  return `audit logged 0 calls since ${since}, but ${denied}: ${newest}`
}

/** Returns what audit showed of a profile since it has been in audit with what is approved. */
function auditGrounds(
  confinement: Confinement,
  profile: SeccompProfile,
  own: readonly ContainerView[]
): Grounds {
  const since = auditedSince(profile)
  const audited = own.filter(({ state }) => state === 'audit')
  const state = confinement.sources.hub.profiles().get(keyOfProfile(profile))
  const digest = state?.audit?.digest ?? ''
  const { count, newest, first } = denialsOf(confinement, profile, digest, since)
  // A canary, or enforce that was taken back: what it denied, nobody audits again.
  const enforced = denialsOf(confinement, profile, state?.enforce?.digest ?? '', since)
  const known = new Date(Math.max(since, denialsKnownSince(confinement, profile))).toISOString()
  // When each call of a kind was made is not kept: calls of a kind that was made since then may be older.
  const evidence = [
    count === 0
      ? noneLoggedText(enforced, known, audited.length)
      : `${plural(count, 'call')} would have been denied, of kinds that were made since ${known}; the first at ${first}`
  ]
  const reasons = count > 0 ? [`enforce would have denied ${plural(count, 'call')}: ${newest}`] : []
  const notRecording = nodesNotRecording(confinement, own, 'audit')
  if (notRecording.length > 0) evidence.push(`not recorded: ${notRecordingText(notRecording)}`)
  if (audited.length === 0) reasons.push('no container runs in audit')
  else if (own.every(({ node }) => notRecording.some((one) => one.node === node))) {
    reasons.push(`denials in audit are not recorded: ${notRecordingText(notRecording)}`)
  }
  return { evidence, reasons }
}

/** Returns the next mode of a profile, the evidence for it and the reasons against it. */
function nextOf(
  confinement: Confinement,
  profile: SeccompProfile,
  mode: LadderMode | '',
  denials: readonly DenialRow[]
): { next: LadderView['next']; evidence: string[] } {
  const own = containersOf(confinement, keyOfProfile(profile))
  const observed = observedGrounds(confinement, profile, own, denials)
  const now = mode === '' ? currentMode(confinement, own) : mode
  const audit =
    now === 'audit' ? auditGrounds(confinement, profile, own) : { evidence: [], reasons: [] }
  const unseen = now === 'audit' ? startUnseenText(profile) : ''
  const reasons = [...observed.reasons, ...audit.reasons, ...(unseen === '' ? [] : [unseen])]
  const next = now === 'learn' ? 'audit' : now === 'audit' ? 'enforce' : ''
  return {
    next: { mode: next, ready: next !== '' && reasons.length === 0, reasons },
    evidence: [...observed.evidence, ...audit.evidence, ...wentBackText(profile)]
  }
}

function canaryView(confinement: Confinement, profile: SeccompProfile): LadderView['canary'] {
  const { ladder } = profile.spec
  const canary = ladder?.canary
  const state = canaryState(confinement, profile)
  if (ladder === undefined || canary === undefined || state === undefined) return null
  const { figures, to } = state
  return {
    ...{ percent: canary.percent, startedAt: canary.startedAt, quietFor: canary.quietFor },
    from: canary.from,
    to: { mode: ladder.mode, revision: to },
    until: new Date(Date.parse(canary.startedAt) + figures.quietMs).toISOString(),
    ...{ containers: figures.containers, others: figures.others },
    ...{ denials: figures.denials, restarts: figures.restarts },
    verdict: judgeCanary(canary, figures).reason
  }
}

export function ladderView(
  confinement: Confinement,
  profile: SeccompProfile,
  denials: readonly DenialRow[] = denialsOfProfile(confinement, keyOfProfile(profile))
): LadderView {
  const { ladder, workload } = profile.spec
  const state = confinement.sources.hub.profiles().get(keyOfProfile(profile))
  const mode = ladder?.mode ?? ''
  const newest = mode === 'learn' || mode === '' ? state?.enforce?.digest : state?.[mode]?.digest
  const { next, evidence } = nextOf(confinement, profile, mode, denials)
  return {
    namespace: profile.metadata.namespace ?? rootNamespace,
    profile: profile.metadata.name,
    workload: workload === undefined ? '' : `${workload.kind}/${workload.name}`,
    // Of the profile as it is written: the hub's copy of it is a moment old.
    ...{ mode, revision: ladder?.revision ?? newest ?? '' },
    running: containersOf(confinement, keyOfProfile(profile)).length,
    canary: canaryView(confinement, profile),
    ...{ evidence, next, history: profile.status?.history ?? [] }
  }
}

function canaryText({ profile, canary }: LadderView): string[] {
  if (canary === null) return []
  const { containers, others, to } = canary
  const age = durationText(Date.now() - Date.parse(canary.startedAt))
  const share = `${containers} of ${containers + others} containers`
  return [`canary ${shortRevision(profile, to.revision)}: ${share} for ${age}`]
}

/** Returns the evidence of a step as one text, which the history keeps. */
export function evidenceText(view: LadderView): string {
  return [...view.evidence, ...canaryText(view)].join('; ')
}
