import type { Ladder } from '../../../src/api/ladder.js'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type CanaryFigures, isMuted } from '../../../src/confinement/ladder.js'
import { durationMs } from '../../../src/lib/duration.js'
import { plural } from '../../../src/lib/plural.js'
import type { LadderMode } from '../../../src/rules/profile-state.js'
import { answerOf, type DenialRow, earliest } from '../../hub/denials/denial-row.js'
import type { Confinement } from '../containers/confinement.js'
import type { ContainerView } from '../containers/container-view.js'
import { containerOfPod } from '../../views/sentence.js'
import { isLasting, type NotRecording } from '../containers/denial-recording.js'
import { recordedSince } from './audit-conditions.js'
import { foreignName } from '../../../src/lib/printed-commands.js'

export const keyOfProfile = ({ metadata }: SeccompProfile): string =>
  `${metadata.namespace ?? rootNamespace}/${metadata.name}`

/** Returns the running containers that a change of a profile reaches when they start again. */
export function containersOf({ views }: Pick<Confinement, 'views'>, key: string): ContainerView[] {
  return views.reachedBy(key)
}

interface DenialSum {
  count: number
  /** The newest denial in words; empty without one. */
  newest: string
  node: string
  /** RFC 3339: when the first of the calls was made, which may be before the time that was asked for; empty without one. */
  first: string
}

function newestText(last: DenialRow | undefined): string {
  if (last === undefined) return ''
  const comm = last.comm === '' ? 'a process' : foreignName(last.comm)
  const where = containerOfPod({ name: last.containerName, pod: last.pod })
  return `${last.syscall} (${answerOf(last)}) by ${comm} in ${where} on ${last.node}`
}

/**
 * Returns the denials under one revision of which the newest call was made since then, without muted and expected ones.
 * A count is of all calls of one kind: when each of them was made is not kept.
 */
export function denialsOf(
  { sources }: Pick<Confinement, 'sources'>,
  profile: SeccompProfile,
  revision: string,
  since: number
): DenialSum {
  // Equal content has one digest in every namespace: who runs it elsewhere must not stop the trial of this profile. A profile of
  // the root namespace is given to pods of others.
  const { namespace = rootNamespace } = profile.metadata
  const rows = sources.hub.denialRows
    .list()
    .filter(
      (row) =>
        row.revision === revision &&
        (row.namespace === namespace || namespace === rootNamespace) &&
        !row.expected &&
        Date.parse(row.lastSeen) >= since &&
        !isMuted(profile, row)
    )
  const count = rows.reduce((sum, one) => sum + one.count, 0)
  // What ran elsewhere has no name here.
  const last = rows.findLast((row) => row.namespace === namespace)
  const first = earliest(...rows) ?? ''
  return { count, newest: newestText(last), node: (last ?? rows.at(-1))?.node ?? '', first }
}

/** Returns since when this hub knows the denials under a profile, in milliseconds. */
export function denialsKnownSince(
  { sources }: Pick<Confinement, 'sources'>,
  { metadata: { namespace = rootNamespace } }: SeccompProfile
): number {
  const { denialRows } = sources.hub
  return Date.parse(denialRows.knownSince(namespace === rootNamespace ? undefined : namespace))
}

/** Returns the nodes of these containers that do not record denials of such a revision. */
export function nodesNotRecording(
  { recording }: Pick<Confinement, 'recording'>,
  own: readonly Pick<ContainerView, 'node'>[],
  mode: LadderMode
): NotRecording[] {
  return [...new Set(own.map(({ node }) => node))].flatMap((node) => {
    const why = recording.whyNot(node, mode)
    return why === undefined ? [] : [{ node, why }]
  })
}

const mostNamed = 3

/** Returns the first of these nodes in words: `n1 records nothing, n2 is not connected, and 4 more nodes`. */
export function notRecordingText(nodes: readonly NotRecording[]): string {
  const named = nodes.slice(0, mostNamed).map(({ node, why }) => `${node} ${why}`)
  const more = nodes.length - named.length
  return [...named, ...(more > 0 ? [`and ${plural(more, 'more node')}`] : [])].join(', ')
}

export interface CanaryState {
  figures: CanaryFigures
  /** Digest of the revision that the canary runs. */
  to: string
  /** A node that runs the canary without recording, if no node records it. */
  unrecorded: NotRecording | undefined
}

/** Returns the time since when each of these containers has been recorded under the canary, the earliest of all. */
function earliestRecorded(
  { recording, sources }: Confinement,
  recorded: readonly ContainerView[],
  mode: LadderMode,
  from: number
): number {
  const now = sources.now()
  // Before a container ran it could have no denial.
  const since = recorded.map((one) =>
    Math.max(from, recording.since(one.node, mode), Date.parse(one.startedAt) || now)
  )
  return Math.min(...since, now)
}

function stateOfCanary(
  confinement: Confinement,
  profile: SeccompProfile,
  { canary, mode, to }: { canary: NonNullable<Ladder['canary']>; mode: LadderMode; to: string }
): CanaryState {
  const key = keyOfProfile(profile)
  const startedAt = Date.parse(canary.startedAt)
  const own = containersOf(confinement, key)
  const inCanary = own.filter(({ revision }) => revision === to)
  const { count: denials, newest } = denialsOf(confinement, profile, to, startedAt)
  const recorded = inCanary.filter(
    ({ node }) => confinement.recording.whyNot(node, mode) === undefined
  )
  const notRecording = nodesNotRecording(confinement, inCanary, mode)
  const from = Math.max(startedAt, recordedSince(profile), denialsKnownSince(confinement, profile))
  return {
    to,
    unrecorded: recorded.length === 0 ? notRecording.find(isLasting) : undefined,
    figures: {
      ...{ containers: inCanary.length, others: own.length - inCanary.length, denials, newest },
      ...{ recorded: recorded.length, notRecorded: notRecordingText(notRecording) },
      restarts: confinement.restarts.of(key, to, startedAt),
      ageMs: confinement.sources.now() - earliestRecorded(confinement, recorded, mode, from),
      quietMs: durationMs(canary.quietFor) ?? 600_000
    }
  }
}

/** Returns how a profile's canary does, or undefined without a canary. */
export function canaryState(
  confinement: Confinement,
  profile: SeccompProfile
): CanaryState | undefined {
  const { canary, mode, revision } = profile.spec.ladder ?? {}
  const state = confinement.sources.hub.profiles().get(keyOfProfile(profile))
  if (canary === undefined || state === undefined || mode === undefined) return undefined
  const rendered = mode === 'learn' ? '' : (state[mode]?.digest ?? '')
  const to = revision ?? rendered
  return stateOfCanary(confinement, profile, { canary, mode, to })
}
