import { partsOf, renderingOf } from '../../webhook/hub/nodes/fleet-parts.js'
import type { NodeState } from '../../webhook/hub/nodes/node-state.js'
import type { FleetState, Readiness } from '../../webhook/hub/nodes/readiness.js'

/** Returns the readiness of the revision with that path on these nodes. */
export function readinessOf(path: string, nodes: readonly NodeState[]): Readiness {
  const waiting: string[] = []
  const failed: Readiness['failed'] = []
  let ready = 0
  for (const node of nodes) {
    const problem = node.problems.get(path)
    if (node.holding.has(path)) ready += 1
    else if (problem === undefined) waiting.push(node.name)
    else failed.push({ node: node.name, code: problem.code, message: problem.message })
  }
  return { ready, total: nodes.length, waiting, failed }
}

/** Returns the state of a fleet without a cluster. @param known all nodes @param counted nodes whose readiness counts */
export function localFleet(known: readonly NodeState[], counted: readonly NodeState[]): FleetState {
  return {
    rendering: renderingOf(partsOf(known)),
    readiness: (path) => readinessOf(path, counted)
  }
}
