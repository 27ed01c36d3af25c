import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { rootNamespace } from '../../src/api/names.js'
import { sizeOfSet, subtractSets, type SyscallSet } from '../../src/syscalls/syscall-set.js'

/** One workload as pages, API and CLI show it. Derived from its profile, never stored. */
export interface WorkloadView {
  namespace: string
  kind: string
  name: string
  container: string
  profile: string
  /** Where it stands on the ladder: learning, approved (ready n/m) or blocked. */
  state: 'learning' | 'approved' | 'ready'
  observed: number
  instances: number
  /** Syscalls of exec probes and of sessions, as far as they were seen. */
  probes: number
  sessions: number
  /** Used before an instance was ready and never after; undefined while nothing served. */
  startupOnly: number | undefined
  /** Refused (or would-be refused) calls that the hub knows of; what is refused on purpose apart. */
  denied: number
  expected: number
  revision: string
  nodes: string
}

/** What a node's recorder could not keep, counted since it was made (`unidentified`, `missed`, `givenUp`: since the satellite began). */
export interface NodeLosses {
  /** Containers that found no slot. */
  tableFull: number
  /** Calls with numbers outside of the table. */
  unknownSyscalls: number
  /** Runs of the hook that the kernel skipped. */
  recursionMisses: number
  /** Sets whose container could not be named. */
  unidentified: number
  /** Argument values and denial details that found no room, or that an earlier release did not tell. */
  details: number
  /** Containers that ran while nothing was attached, or one for another release's pins that cannot be read. */
  missed: number
  /** Observations that found no room while the hub did not take them. */
  givenUp: number
}

/** One node as pages, API and CLI show it. */
export interface NodeView {
  name: string
  connected: boolean
  lastSeen: string
  kernel: string
  arch: string
  hook: string
  /** always, unprofiled or off. */
  record: string
  /** Whether the hooks are attached now: with `unprofiled` only while something needs them. */
  attached: boolean
  tracingUnavailable: string
  runtimes: string
  revisions: number
  losses: NodeLosses
  conditions: { type: string; status: string; reason: string; message: string }[]
}

/** Words for what was lost, as in `2 missed, 1 table full`; empty when nothing was. */
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

/** Key by which people name an object: `namespace/name`, sorted that way. */
export function objectKey(object: SeccompProfile | SeccompRule): string {
  return `${object.metadata.namespace ?? rootNamespace}/${object.metadata.name}`
}

/** What a view needs to know of a denial. */
export interface DenialCount {
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

/** Syscalls that only start-up needs; undefined while no instance was seen to serve. */
export function startupOnly(profile: SeccompProfile): SyscallSet | undefined {
  const { startup, serving } = profile.status ?? {}
  return serving === undefined || startup === undefined ? undefined : subtractSets(startup, serving)
}

/** A profile's workload, or undefined when it learns from none. */
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
