import { plural } from '../../../src/lib/plural.js'
import type { NodeState } from '../../hub/nodes/node-state.js'
import type { ConfinementSources } from './sources.js'

type NodeSources = Pick<ConfinementSources['hub'], 'nodes' | 'inventory'>

/** Returns the number of known nodes that have not reported their containers to this hub, or are away for long. */
export function missingNodesOf(hub: NodeSources): number {
  return hub.nodes().filter(({ name }) => !hub.inventory.isComplete(name)).length
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

/** Returns the sentence about such nodes, which a list of containers and an answer without a container have. */
export function missingNodesText(missing: number): string {
  return `${plural(missing, 'node')} ${missing === 1 ? 'has' : 'have'} not reported what runs there`
}
