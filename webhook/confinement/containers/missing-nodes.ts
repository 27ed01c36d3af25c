import { plural } from '../../../src/lib/plural.js'
import type { NodeState } from '../../hub/nodes/node-state.js'
import type { ConfinementSources } from './sources.js'

/** NodeSources is which nodes there are, as far as the hub and the API server know, and what they reported. */
type NodeSources = Pick<ConfinementSources, 'expected'> & {
  hub: Pick<ConfinementSources['hub'], 'nodes' | 'inventory'>
}

/** MissingNode is a node that does not report now: what runs there is not known, or was so when it last reported. */
export interface MissingNode {
  name: string
  /** RFC 3339: its last report; empty: none is known, or it is connected and its first list is not complete. */
  lastSeen: string
  /** Whether its containers are listed, as they were at its last report. */
  listed: boolean
  /** Words that follow its name. */
  why: string
}

const neverReported = 'not reported yet'

function whyMissing({ connected, inherited, lastSeen }: NodeState): string {
  if (connected) return 'connected, and its list of containers is not complete yet'
  if (lastSeen === '') return neverReported
  // Its satellite may run: this hub has not heard of it since the hub started.
  return inherited === true
    ? `${neverReported}, last seen ${lastSeen}`
    : `no report since ${lastSeen}`
}

/**
 * Returns the nodes that do not report now, by name: those that the hub knows, and those that should report and never did.
 * A node that was removed from the cluster is none of them.
 */
export function missingNodesOf({ hub, expected }: NodeSources): MissingNode[] {
  const known = hub.nodes()
  const missing = known.flatMap((node): MissingNode[] => {
    const { name, connected } = node
    const listed = hub.inventory.isComplete(name)
    if (connected ? listed : expected?.isRemoved(node) === true) return []
    return [{ name, lastSeen: connected ? '' : node.lastSeen, listed, why: whyMissing(node) }]
  })
  const names = new Set(known.map(({ name }) => name))
  for (const name of expected?.names() ?? [])
    if (!names.has(name)) missing.push({ name, lastSeen: '', listed: false, why: neverReported })
  return missing.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Returns the number of nodes of which nothing is listed. */
export function unlistedNodes(sources: NodeSources): number {
  return missingNodesOf(sources).filter(({ listed }) => !listed).length
}

/** AwayNode is a node of listed containers that does not report. */
export interface AwayNode {
  name: string
  /** RFC 3339: how old its lines are. Empty: the hub does not know the node, and has its containers from the API server. */
  lastSeen: string
}

/** Returns the nodes of listed containers that do not report now, by name. A container that waits may have no node yet. */
export function awayNodesOf(
  nodes: readonly Pick<NodeState, 'name' | 'connected' | 'lastSeen'>[],
  listed: readonly { node: string }[]
): AwayNode[] {
  const named = new Set(listed.flatMap(({ node }) => (node === '' ? [] : [node])))
  const known = new Map(nodes.map((node) => [node.name, node]))
  return [...named].sort().flatMap((name) => {
    const node = known.get(name)
    return node?.connected === true ? [] : [{ name, lastSeen: node?.lastSeen ?? '' }]
  })
}

/** NodeCoverage is which nodes a list or a sum is about. Every answer about containers and denials has it. */
export interface NodeCoverage {
  /** Number of nodes that report all that runs there. */
  reportingNodes: number
  /** Number of nodes of which nothing is listed. */
  missingNodes: number
  /** The nodes that do not report now, at most 100; of those the ones that the person may know of. */
  notReporting: MissingNode[]
  /** Nodes whose containers are listed as they were at their last report. */
  awayNodes: AwayNode[]
}

/** Nodes that one answer names: after a restart all nodes of a large fleet have not reported yet. */
export const maxNamed = 100

/**
 * Returns which nodes an answer is about. Who may not list containers of the whole cluster is told the names of the nodes
 * of their own containers only.
 */
export function nodeCoverage(
  sources: NodeSources,
  listed: readonly { node: string }[],
  sees: (namespace: string) => boolean
): NodeCoverage {
  const nodes = sources.hub.nodes()
  const missing = missingNodesOf(sources)
  const places = new Set(listed.map(({ node }) => node))
  const isNamed = ({ name }: MissingNode): boolean =>
    sees('') || places.has(name) || sources.expected?.hasPod(name, sees) === true
  const absent = new Set(missing.map(({ name }) => name))
  return {
    reportingNodes: nodes.filter(({ name, connected }) => connected && !absent.has(name)).length,
    missingNodes: missing.filter((node) => !node.listed).length,
    notReporting: missing.filter(isNamed).slice(0, maxNamed),
    awayNodes: awayNodesOf(nodes, listed)
  }
}

/** Returns the sentence about such nodes, which a list of containers and an answer without a container have. */
export function missingNodesText(missing: number): string {
  return `${plural(missing, 'node')} ${missing === 1 ? 'has' : 'have'} not reported what runs there`
}

/** Returns that sentence with the names of the nodes and why, as far as they are known. */
export function missingNodesNamed(
  missing: number,
  nodes: readonly Pick<MissingNode, 'name' | 'why' | 'listed'>[] = []
): string {
  const names = namedMissing(
    nodes.filter(({ listed }) => !listed),
    missing
  )
  return `${missingNodesText(missing)}${names === '' ? '' : `: ${names}`}`
}

/** Nodes that a sentence names. */
const maxInText = 8

/** Returns the nodes by name, each with why it does not report; empty where none is known by name. */
export function namedMissing(
  nodes: readonly Pick<MissingNode, 'name' | 'why'>[],
  total: number = nodes.length
): string {
  const named = nodes.slice(0, maxInText).map(({ name, why }) => `${name} (${why})`)
  const more = Math.max(total, nodes.length) - named.length
  if (named.length === 0) return ''
  return more === 0 ? named.join(', ') : `${named.join(', ')}, and ${more} more`
}
