import type { SeccompProfile, SeccompProfileStatus } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { rootNamespace } from '../../src/api/names.js'
import { plural } from '../../src/lib/plural.js'
import { type DenialState, openCalls } from './denial-view.js'
import { gapText, type RecordingGap } from '../../src/history/recording-gap.js'
import type { NodeLoss } from '../../src/seccomp/review/lost-calls.js'
import { entryInstances } from '../../src/seccomp/review/counted-instances.js'
import { startupOnly } from '../../src/seccomp/review/startup-only.js'
import { observedNames } from '../../src/seccomp/review/profile-size.js'
import { sizeOfSet } from '../../src/syscalls/syscall-set.js'

/** A workload as pages, API and CLI show it. It is derived from its profile, never stored. */
export interface WorkloadView {
  namespace: string
  kind: string
  name: string
  container: string
  profile: string
  /** How far the profile is: learning, approved, or ready on all nodes. */
  state: 'learning' | 'approved' | 'ready'
  observed: number
  instances: number
  /** Number of syscalls of exec probes, and of sessions. */
  probes: number
  sessions: number
  /** Number of syscalls that were made only before an instance served; undefined while none served. */
  startupOnly: number | undefined
  /**
   * Number of calls that were denied or would be denied, without muted and closed ones; those on purpose count as
   * `expected`. Both are absent where denials are not known: the store has none of them.
   */
  denied?: number
  expected?: number
  revision: string
  nodes: string
}

/** What a node lost since its boot, as far as the hub heard of it; the sum over all processes of its satellite. */
interface NodeLosses {
  /** Containers that found no slot. */
  tableFull: number
  /** Calls with numbers outside the table. */
  unknownSyscalls: number
  /** Runs of the hook that the kernel skipped. */
  recursionMisses: number
  /** Sets of syscalls whose container could not be identified. */
  unidentified: number
  /** Argument values and denial details for which there was no room, or which an earlier release did not report. */
  details: number
  /** Containers that ran while nothing was attached; unreadable pins of another release count as one. */
  missed: number
  /** Observations that were dropped while the hub did not accept any. */
  givenUp: number
}

/** A node as pages, API and CLI show it. */
export interface NodeView {
  name: string
  connected: boolean
  lastSeen: string
  kernel: string
  arch: string
  hook: string
  /** `always`, `unprofiled` or `off`. */
  record: string
  /** Whether the hooks are attached, or were when an away node last reported. With `unprofiled` only while something needs them. */
  attached: boolean
  tracingUnavailable: string
  runtimes: string
  revisions: number
  losses: NodeLosses
  /** Times since its boot in which it recorded nothing, oldest first. */
  gaps: RecordingGap[]
  /** Profiles (NAMESPACE/NAME) that wait for it: it is connected and has lacked their revisions for minutes. */
  holdsUp: string[]
  conditions: { type: string; status: string; reason: string; message: string }[]
}

/** Formats losses: `2 missed, 1 table full`; '' if nothing was lost. */
function lossesText(losses: NodeLosses): string {
  const words: Record<keyof NodeLosses, string> = {
    tableFull: 'table full',
    unknownSyscalls: 'unknown numbers',
    recursionMisses: 'recursion misses',
    unidentified:
      losses.unidentified === 1
        ? 'set of an unidentified container'
        : 'sets of unidentified containers',
    details: 'details',
    missed: 'missed',
    givenUp: 'given up'
  }
  return (Object.keys(words) as (keyof NodeLosses)[])
    .filter((kind) => losses[kind] > 0)
    .map((kind) => `${losses[kind]} ${words[kind]}`)
    .join(', ')
}

/** Returns what a node lost: its losses, and its newest gap; '' if nothing was lost. */
export function lostText({ losses, gaps }: Pick<NodeView, 'losses' | 'gaps'>): string {
  const newest = gaps.at(-1)
  const others = gaps.length > 1 ? `, and in ${plural(gaps.length - 1, 'earlier gap')}` : ''
  const missing = newest === undefined ? '' : `${gapText(newest)}${others}`
  return [lossesText(losses), missing].filter((text) => text !== '').join('; ')
}

/** Returns the nodes that lost something, as the evidence of a workload quotes them. */
export function lossesOfNodes(nodes: readonly NodeView[]): NodeLoss[] {
  return nodes.flatMap((node) => {
    const text = lostText(node)
    return text === '' ? [] : [{ name: node.name, text, gaps: node.gaps }]
  })
}

/** Returns the key of an object: `namespace/name`. */
function objectKey(object: SeccompProfile | SeccompRule): string {
  return `${object.metadata.namespace ?? rootNamespace}/${object.metadata.name}`
}

/** The part of a denial that a workload view needs. */
interface DenialCount {
  namespace: string
  profile: string
  count: number
  state: DenialState
}

/** Returns the denials of a profile's containers; some may be by the filter of a deleted profile of its name. */
function denialsOf(profile: SeccompProfile, denials: readonly DenialCount[]): DenialCount[] {
  const key = objectKey(profile)
  return denials.filter((one) => `${one.namespace}/${one.profile}` === key)
}

/** Returns whether every node has the newest revision, and no replica of the webhook is waited for, as Ready says. */
export function isDelivered({ nodes, conditions = [] }: SeccompProfileStatus): boolean {
  const waits = conditions.some(
    ({ type, reason }) => type === 'Ready' && reason === 'WaitingForReplicas'
  )
  return !waits && nodes !== undefined && nodes.total > 0 && nodes.ready === nodes.total
}

/**
 * Returns the workload of a profile, or undefined for a profile that learns from none.
 * @param denials absent where they are not known
 */
export function workloadOf(
  profile: SeccompProfile,
  denials?: readonly DenialCount[]
): WorkloadView | undefined {
  const workload = profile.spec.workload
  if (workload === undefined) return undefined
  const status = profile.status ?? {}
  const nodes = status.nodes
  const approved = profile.spec.seccomp !== undefined
  const early = startupOnly(profile)
  const ready = approved && isDelivered(status)
  return {
    namespace: profile.metadata.namespace ?? rootNamespace,
    kind: workload.kind,
    name: workload.name,
    container: workload.container ?? '*',
    profile: profile.metadata.name,
    state: ready ? 'ready' : approved ? 'approved' : 'learning',
    observed: observedNames(profile).size,
    instances: entryInstances(profile).length,
    probes: sizeOfSet(status.probes ?? {}),
    sessions: sizeOfSet(status.sessions ?? {}),
    startupOnly: early === undefined ? undefined : sizeOfSet(early),
    ...(denials === undefined
      ? {}
      : {
          denied: openCalls(denialsOf(profile, denials)),
          expected: denialsOf(profile, denials)
            .filter(({ state }) => state === 'expected')
            .reduce((sum, { count }) => sum + count, 0)
        }),
    revision: status.revision?.slice(0, 19) ?? '-',
    nodes: nodes === undefined ? '-' : `${nodes.ready}/${nodes.total}`
  }
}
