import type { LadderStep } from '../../../src/api/ladder.js'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type CanaryFigures, isMuted, judgeCanary } from '../../../src/confinement/ladder.js'
import type { Rung } from '../../../src/rules/profile-state.js'
import { plural } from '../../../src/lib/plural.js'
import { durationMs, durationText } from '../../../src/lib/duration.js'
import { completenessOf } from '../../../src/seccomp/review/completeness.js'
import { entryInstances } from '../../../src/seccomp/review/evidence.js'
import { answerOf } from '../../hub/denials/denial-rows.js'
import { shortRevision } from '../../../src/rules/revision-names.js'
import { watchedSince } from './audit-quiet.js'
import type { ContainerView } from '../containers/container-views.js'
import { type DeafNode, isDeafForLong } from './hearing.js'
import type { Truth } from '../truth.js'

export interface LadderView {
  namespace: string
  profile: string
  workload: string
  mode: Rung | ''
  revision: string
  /** Containers that run under it or are learned into it. */
  running: number
  canary: null | {
    percent: number
    from: { mode: Rung; revision?: string }
    to: { mode: Rung; revision: string }
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
  next: { mode: Rung | ''; ready: boolean; reasons: string[] }
  history: LadderStep[]
}

export const keyOfProfile = ({ metadata }: SeccompProfile): string =>
  `${metadata.namespace ?? rootNamespace}/${metadata.name}`

/** Running containers that belong to a profile: that run under it, or are learned into it. */
export function containersOf(truth: Truth, key: string): ContainerView[] {
  return truth.views.list().filter(({ profile, learned }) => (profile || learned) === key)
}

/** One whose filter was not read yet counts as what it declares: else the step after it would begin lower. */
function modeOf(
  { revisions }: { revisions: Pick<Truth['revisions'], 'byDigest'> },
  { state, profile, revision }: Pick<ContainerView, 'state' | 'profile' | 'revision'>
): Rung {
  if (state === 'enforced') return 'enforce'
  if (state !== 'starting') return state === 'audit' ? 'audit' : 'learn'
  const declared = revisions.byDigest(revision).find((one) => one.profile === profile)
  return declared?.mode ?? 'learn'
}

/** What containers run under now, where no ladder says what they should. */
export function currentMode(
  truth: Parameters<typeof modeOf>[0],
  own: readonly Parameters<typeof modeOf>[1][]
): Rung {
  const modes = own.map((one) => modeOf(truth, one))
  if (modes.includes('enforce')) return 'enforce'
  return modes.includes('audit') ? 'audit' : 'learn'
}

/** Refused calls under one revision since then, muted and expected ones left out. */
export function denialsOf(
  truth: Truth,
  profile: SeccompProfile,
  revision: string,
  since: number
): { count: number; newest: string; node: string } {
  const rows = truth.sources.hub.denialRows
    .list()
    .filter(
      (row) =>
        row.revision === revision &&
        !row.expected &&
        Date.parse(row.lastSeen) >= since &&
        !isMuted(profile, row)
    )
  const last = rows.at(-1)
  const newest =
    last === undefined
      ? ''
      : `${last.syscall} (${answerOf(last)}) by ${last.comm === '' ? 'a process' : last.comm} in ${last.containerName} on ${last.node}`
  const count = rows.reduce((sum, one) => sum + one.count, 0)
  return { count, newest, node: last?.node ?? '' }
}

/** Quiet before that proves nothing: this hub does not know the denials of then. In milliseconds. */
export const denialsKnownSince = ({ sources }: Pick<Truth, 'sources'>): number =>
  Date.parse(sources.hub.denialRows.knownSince())

const mostDeaf = 3

/** Nodes of these containers that do not tell what such a revision refuses. */
function deafNodes(
  { hearing }: Pick<Truth, 'hearing'>,
  own: readonly Pick<ContainerView, 'node'>[],
  mode: Rung
): DeafNode[] {
  return [...new Set(own.map(({ node }) => node))].flatMap((node) => {
    const why = hearing.whyDeaf(node, mode)
    return why === undefined ? [] : [{ node, why }]
  })
}

function deafText(deaf: readonly DeafNode[]): string {
  const named = deaf.slice(0, mostDeaf).map(({ node, why }) => `${node} ${why}`)
  const more = deaf.length - named.length
  return [...named, ...(more > 0 ? [`and ${plural(more, 'more node')}`] : [])].join(', ')
}

export function figuresOf(
  truth: Truth,
  profile: SeccompProfile
): { figures: CanaryFigures; to: string; unheard: DeafNode | undefined } | undefined {
  const canary = profile.spec.ladder?.canary
  const state = truth.sources.hub.profiles().get(keyOfProfile(profile))
  const mode = profile.spec.ladder?.mode
  if (canary === undefined || state === undefined || mode === undefined) return undefined
  const to = state.ladder?.revision?.digest ?? (mode === 'learn' ? '' : (state[mode]?.digest ?? ''))
  const startedAt = Date.parse(canary.startedAt)
  const own = containersOf(truth, keyOfProfile(profile))
  const mine = own.filter(({ revision }) => revision === to)
  const { count: denials, newest } = denialsOf(truth, profile, to, startedAt)
  const heard = mine.filter(({ node }) => truth.hearing.whyDeaf(node, mode) === undefined)
  const now = truth.sources.now()
  const from = Math.max(startedAt, watchedSince(profile), denialsKnownSince(truth))
  // Nobody was refused anything before it ran.
  const since = heard.map((one) =>
    Math.max(from, truth.hearing.since(one.node, mode), Date.parse(one.startedAt) || now)
  )
  const deaf = deafNodes(truth, mine, mode)
  return {
    to,
    unheard: heard.length === 0 ? deaf.find(isDeafForLong) : undefined,
    figures: {
      ...{ containers: mine.length, others: own.length - mine.length, denials, newest },
      ...{ heard: heard.length, deaf: deafText(deaf) },
      restarts: truth.restarts.of(keyOfProfile(profile), to, startedAt),
      ageMs: now - Math.min(...since, now),
      quietMs: durationMs(canary.quietFor) ?? 600_000
    }
  }
}

/** What speaks for the next step, and what against it. */
function nextOf(
  truth: Truth,
  profile: SeccompProfile,
  mode: Rung | ''
): { next: LadderView['next']; evidence: string[] } {
  const own = containersOf(truth, keyOfProfile(profile))
  const instances = entryInstances(profile)
  const whole = instances.filter(({ complete }) => complete).length
  const { estimate } = completenessOf(profile, truth.sources.now())
  const evidence = [
    `${plural(instances.length, 'instance')} observed, ${whole} from the first instruction`,
    'tooFew' in estimate.all
      ? 'the unseen cannot be estimated yet'
      : `at most ${estimate.all.upper.toFixed(1)} calls unseen (estimate)`,
    `${plural(own.length, 'container')} running: ${own.filter(({ state }) => state === 'enforced').length} enforced, ${own.filter(({ state }) => state === 'audit').length} in audit`
  ]
  const reasons: string[] = []
  if (profile.spec.seccomp === undefined) reasons.push('nothing is approved yet')
  const step = profile.status?.history?.at(-1)
  const since = step === undefined ? 0 : Date.parse(step.at)
  const state = truth.sources.hub.profiles().get(keyOfProfile(profile))
  const audit = state?.audit?.digest ?? ''
  const { count, newest } = denialsOf(truth, profile, audit, since)
  const now = mode === '' ? currentMode(truth, own) : mode
  if (now === 'audit') {
    const quiet = ` since ${new Date(Math.max(since, denialsKnownSince(truth))).toISOString()}`
    evidence.push(`${plural(count, 'call')} would have been refused${quiet}`)
    if (count > 0) reasons.push(`enforce would have refused ${plural(count, 'call')}: ${newest}`)
    const deaf = deafNodes(truth, own, 'audit')
    if (deaf.length > 0) evidence.push(`not heard of: ${deafText(deaf)}`)
    if (own.length === 0) reasons.push('no container runs in audit')
    else if (own.every(({ node }) => deaf.some((one) => one.node === node))) {
      reasons.push(`quiet in audit proves nothing: ${deafText(deaf)}`)
    }
  }
  const next = now === 'learn' ? 'audit' : now === 'audit' ? 'enforce' : ''
  return { next: { mode: next, ready: next !== '' && reasons.length === 0, reasons }, evidence }
}

export function ladderView(truth: Truth, profile: SeccompProfile): LadderView {
  const { ladder, workload } = profile.spec
  const state = truth.sources.hub.profiles().get(keyOfProfile(profile))
  const mode = ladder?.mode ?? ''
  const newest = mode === 'learn' || mode === '' ? state?.enforce?.digest : state?.[mode]?.digest
  const trial = figuresOf(truth, profile)
  const canary = ladder?.canary
  const { next, evidence } = nextOf(truth, profile, mode)
  return {
    namespace: profile.metadata.namespace ?? rootNamespace,
    profile: profile.metadata.name,
    workload: workload === undefined ? '' : `${workload.kind}/${workload.name}`,
    ...{ mode, revision: ladder?.revision ?? newest ?? '' },
    running: containersOf(truth, keyOfProfile(profile)).length,
    canary:
      canary === undefined || trial === undefined || ladder === undefined
        ? null
        : {
            ...{ percent: canary.percent, startedAt: canary.startedAt, quietFor: canary.quietFor },
            from: canary.from,
            to: { mode: ladder.mode, revision: trial.to },
            until: new Date(Date.parse(canary.startedAt) + trial.figures.quietMs).toISOString(),
            ...{ containers: trial.figures.containers, others: trial.figures.others },
            ...{ denials: trial.figures.denials, restarts: trial.figures.restarts },
            verdict: judgeCanary(canary, trial.figures).reason
          },
    ...{ evidence, next, history: profile.status?.history ?? [] }
  }
}

/** The evidence of a step, as it is kept in the history. */
export function evidenceText(view: LadderView): string {
  const canary =
    view.canary === null
      ? []
      : [
          `canary ${shortRevision(view.profile, view.canary.to.revision)}: ${view.canary.containers} of ${view.canary.containers + view.canary.others} containers for ${durationText(Date.now() - Date.parse(view.canary.startedAt))}`
        ]
  return [...view.evidence, ...canary].join('; ')
}
