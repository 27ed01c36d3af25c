import { type FleetParts, joinParts, partsOf, renderingOf } from '../../hub/nodes/fleet-parts.js'
import type { NodeState } from '../../hub/nodes/node-state.js'
import type { FleetState, ReplicaReadiness, ServedState } from '../../hub/nodes/readiness.js'
import type { ClusterNode, ClusterView } from '../watch/cluster-view.js'
import type { HubSummary } from './hub-summary.js'
import { startupTaint } from '../../../src/api/names.js'

/** FleetSource is what nodes hold: as the active hub's satellites report it, or as its summary reports it. */
interface FleetSource extends FleetParts {
  known: ReadonlySet<string>
  /** Returns the known nodes that lack the revision of a path. */
  lacking(path: string): ReadonlySet<string>
  failures(path: string): readonly { node: string; code: string; message: string }[]
}

/** Returns what the active hub knows. */
export function ownSource(own: readonly NodeState[]): FleetSource {
  return {
    ...partsOf(own),
    known: new Set(own.map(({ name }) => name)),
    lacking: (path) =>
      new Set(own.filter(({ holding }) => !holding.has(path)).map(({ name }) => name)),
    failures: (path) =>
      own.flatMap((node) => {
        const problem = node.problems.get(path)
        return problem === undefined ? [] : [{ node: node.name, ...problem }]
      })
  }
}

/** Returns what other replicas know from the summary of the active hub. */
export function summarySource(summary: HubSummary | undefined): FleetSource {
  const failures = summary?.failures ?? []
  return {
    ...{ runtimes: summary?.runtimes ?? [], machines: summary?.machines ?? [] },
    known: new Set(summary?.nodes.map(({ name }) => name)),
    lacking: (path) => summary?.lacking(path) ?? new Set(),
    failures: (path) => failures.filter((one) => one.path === path)
  }
}

const isWindows = ({ labels }: ClusterNode): boolean => labels['kubernetes.io/os'] === 'windows'

/**
 * Returns whether a node counts for a profile's Ready. A node with a satellite counts, unless it has the start-up
 * taint. A node without one counts if any pod may come to it; tainted nodes (virtual nodes, control planes) may
 * never get a pod.
 */
function counts(node: ClusterNode, hasSatellite: boolean): boolean {
  if (node.taints.some(({ key }) => key === startupTaint)) return false
  if (hasSatellite) return true
  const closed = node.taints.some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute')
  return !closed && !node.unschedulable
}

const ended: ReadonlySet<string> = new Set(['Succeeded', 'Failed'])

/**
 * Returns the names of the Linux nodes that should report what runs there: any pod may come to them, or pods are there.
 * A node with the start-up taint counts as soon as a pod is on it.
 */
export function expectedNodes(view: Pick<ClusterView, 'nodes' | 'podsOn'>): string[] {
  return [...view.nodes().values()]
    .filter((node) => !isWindows(node))
    .filter(
      (node) => counts(node, false) || view.podsOn(node.name).some(({ phase }) => !ended.has(phase))
    )
    .map(({ name }) => name)
}

/**
 * Returns the fleet of a cluster at one moment: its Linux nodes, with what the active hub knows of each. A node that
 * it does not know lacks everything.
 * @param replicas returns the replicas of the webhook that serve a profile, where this one follows them
 */
export function clusterFleet(
  nodes: ReadonlyMap<string, ClusterNode>,
  source: FleetSource,
  replicas?: (state: ServedState) => ReplicaReadiness
): FleetState {
  const unknown: string[] = []
  const known = new Set<string>()
  const counted = new Set<string>()
  for (const node of nodes.values()) {
    if (isWindows(node)) continue
    const hasSatellite = source.known.has(node.name)
    if (hasSatellite) known.add(node.name)
    else unknown.push(node.name)
    if (counts(node, hasSatellite)) counted.add(node.name)
  }
  return {
    nodes: new Set(nodes.keys()),
    ...(replicas === undefined ? {} : { replicas }),
    rendering: renderingOf(joinParts([source])),
    readiness(path) {
      const lacking = new Set(unknown)
      for (const name of source.lacking(path)) if (known.has(name)) lacking.add(name)
      const names = [...lacking].sort()
      const failed = source
        .failures(path)
        .filter(({ node }) => counted.has(node) && lacking.has(node))
        .map(({ node, code, message }) => ({ node, code, message }))
      const without = names.filter((name) => counted.has(name))
      return {
        ready: counted.size - without.length,
        total: counted.size,
        waiting: without.filter((name) => !failed.some(({ node }) => node === name)),
        failed,
        lacking: names
      }
    }
  }
}
