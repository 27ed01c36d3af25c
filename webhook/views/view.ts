import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { rootNamespace } from '../../src/api/names.js'
import { startupOnly } from '../../src/seccomp/review/startup-only.js'
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
  /** Number of calls that were denied or would be denied; those denied on purpose count as `expected`. */
  denied: number
  expected: number
  revision: string
  nodes: string
}

/** What a node's recorder lost since it was created; `unidentified`, `missed` and `givenUp` since the satellite started. */
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
  /** Whether the hooks are attached. With `unprofiled` they are attached only while something needs them. */
  attached: boolean
  tracingUnavailable: string
  runtimes: string
  revisions: number
  losses: NodeLosses
  conditions: { type: string; status: string; reason: string; message: string }[]
}

/** Formats losses: `2 missed, 1 table full`; '' if nothing was lost. */
export function lossesText(losses: NodeLosses): string {
  const words: Record<keyof NodeLosses, string> = {
    tableFull: 'table full',
    unknownSyscalls: 'unknown numbers',
    recursionMisses: 'recursion misses',
    unidentified: 'unidentified',
    details: 'details',
    missed: 'missed',
    givenUp: 'given up'
  }
  return (Object.keys(words) as (keyof NodeLosses)[])
    .filter((kind) => losses[kind] > 0)
    .map((kind) => `${losses[kind]} ${words[kind]}`)
    .join(', ')
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
  expected: boolean
}

function sumOf(
  profile: SeccompProfile,
  denials: readonly DenialCount[],
  expected: boolean
): number {
  const key = objectKey(profile)
  return denials
    .filter((one) => one.expected === expected && `${one.namespace}/${one.profile}` === key)
    .reduce((sum, { count }) => sum + count, 0)
}

/** Returns the workload of a profile, or undefined for a profile that learns from none. */
export function workloadOf(
  profile: SeccompProfile,
  denials: readonly DenialCount[] = []
): WorkloadView | undefined {
  const workload = profile.spec.workload
  if (workload === undefined) return undefined
  const status = profile.status ?? {}
  const nodes = status.nodes
  const approved = profile.spec.seccomp !== undefined
  const early = startupOnly(profile)
  const ready = approved && nodes !== undefined && nodes.total > 0 && nodes.ready === nodes.total
  return {
    namespace: profile.metadata.namespace ?? rootNamespace,
    kind: workload.kind,
    name: workload.name,
    container: workload.container ?? '*',
    profile: profile.metadata.name,
    state: ready ? 'ready' : approved ? 'approved' : 'learning',
    observed: sizeOfSet(status.observed ?? {}),
    instances: (status.instances ?? []).filter(({ part }) => (part ?? 'entry') === 'entry').length,
    probes: sizeOfSet(status.probes ?? {}),
    sessions: sizeOfSet(status.sessions ?? {}),
    startupOnly: early === undefined ? undefined : sizeOfSet(early),
    denied: sumOf(profile, denials, false),
    expected: sumOf(profile, denials, true),
    revision: status.revision?.slice(0, 19) ?? '-',
    nodes: nodes === undefined ? '-' : `${nodes.ready}/${nodes.total}`
  }
}
