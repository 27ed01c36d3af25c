import { joinParts, partsOf, renderingOf } from '../../hub/nodes/local-fleet.js'
import { type NodeState, problemOf } from '../../hub/nodes/nodes.js'
import type { FleetState, Readiness } from '../../hub/nodes/readiness.js'
import type { ClusterNode, ClusterView } from '../watch/cluster-view.js'
import type { HubSummary } from './hub-summary.js'
import type { SummaryWatch } from './summary-watch.js'
import { startupTaintKey } from '../watch/startup-taint.js'

/** Source is one source of what nodes hold: this hub's satellites, or another hub's summary. */
interface Source {
  connected: ReadonlySet<string>
  away: ReadonlySet<string>
  lacking(path: string): ReadonlySet<string>
}

/** Returns what this hub knows from its own satellites, in the form of a summary. */
function ownSource(own: readonly NodeState[]): Source {
  const names = (connected: boolean) =>
    new Set(own.filter((node) => node.connected === connected).map(({ name }) => name))
  return {
    connected: names(true),
    away: names(false),
    lacking: (path) =>
      new Set(own.filter(({ holding }) => !holding.has(path)).map(({ name }) => name))
  }
}

const isWindows = ({ labels }: ClusterNode): boolean => labels['kubernetes.io/os'] === 'windows'

/**
 * Returns whether a node counts for a profile's Ready. A node with a satellite counts, unless it has the start-up
 * taint. A node without one counts if any pod may come to it; tainted nodes (virtual nodes, control planes) may
 * never get a pod.
 */
function counts(node: ClusterNode, hasSatellite: boolean): boolean {
  if (node.taints.some(({ key }) => key === startupTaintKey)) return false
  if (hasSatellite) return true
  const closed = node.taints.some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute')
  return !closed && !node.unschedulable
}

/**
 * Returns the fleet of a cluster at one moment: its Linux nodes, each with what its satellite's hub reports. If two
 * hubs know a node, the hub that it is connected to counts; if neither is, a file has to be known to both.
 * A node that no hub knows lacks everything.
 */
export function clusterFleet(
  nodes: ReadonlyMap<string, ClusterNode>,
  own: readonly NodeState[],
  summaries: readonly HubSummary[]
): FleetState {
  const sources: readonly Source[] = [ownSource(own), ...summaries]
  const placed = new Map<Source, Set<string>>()
  const unknown: string[] = []
  const counted = new Set<string>()
  const all = [...nodes.values()].filter((node) => !isWindows(node))
  for (const node of all) {
    const connected = sources.filter((source) => source.connected.has(node.name))
    const reporting =
      connected.length > 0 ? connected : sources.filter((source) => source.away.has(node.name))
    if (reporting.length === 0) unknown.push(node.name)
    for (const source of reporting) {
      const there = placed.get(source) ?? new Set<string>()
      placed.set(source, there.add(node.name))
    }
    if (counts(node, reporting.length > 0)) counted.add(node.name)
  }

  function failedAt(path: string): Readiness['failed'] {
    const mine = own.flatMap((node) => {
      const problem = problemOf(node, path)
      return problem === undefined ? [] : [{ node: node.name, ...problem }]
    })
    const theirs = summaries.flatMap(({ failures }) => failures.filter((one) => one.path === path))
    const seen = new Set<string>()
    return [...mine, ...theirs].flatMap(({ node, code, message }) => {
      if (seen.has(node) || !counted.has(node)) return []
      seen.add(node)
      return [{ node, code, message }]
    })
  }

  return {
    nodes: new Set(nodes.keys()),
    rendering: renderingOf(joinParts([partsOf(own), ...summaries])),
    readiness(path) {
      const lacking = new Set(unknown)
      for (const [source, names] of placed) {
        for (const name of source.lacking(path)) if (names.has(name)) lacking.add(name)
      }
      const names = [...lacking].sort()
      const failed = failedAt(path).filter(({ node }) => lacking.has(node))
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

/** FleetOfCluster follows the fleet of a cluster by its nodes and by the other hubs' summaries. */
export class FleetOfCluster {
  readonly #view: ClusterView
  readonly #summaries: SummaryWatch

  constructor(view: ClusterView, summaries: SummaryWatch) {
    this.#view = view
    this.#summaries = summaries
  }

  state(own: readonly NodeState[]): FleetState {
    return clusterFleet(this.#view.nodes(), own, this.#summaries.summaries())
  }

  /** Returns whether the node is connected to another hub. */
  isElsewhere(node: string): boolean {
    return this.#summaries.summaries().some(({ connected }) => connected.has(node))
  }

  /** Returns the name of the other hub that the node is connected to. */
  hubOf(node: string): string | undefined {
    return this.#summaries.summaries().find(({ connected }) => connected.has(node))?.hub
  }

  /** Returns how to stop. */
  onChange(listener: () => void): () => void {
    const stops = [
      this.#summaries.onChange(listener),
      this.#view.onChange(({ kind }) => {
        if (kind === 'node') listener()
      })
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }
}
