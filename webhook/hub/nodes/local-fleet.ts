import { renderingOf } from './fleet-parts.js'
import type { Nodes } from './nodes.js'
import type { FleetState } from './readiness.js'

/** Returns the state of a hub's own nodes. @param graceMs how long a disconnected node counts */
export function ownFleet(nodes: Pick<Nodes, 'parts' | 'readiness'>, graceMs: number): FleetState {
  return { rendering: renderingOf(nodes.parts()), readiness: nodes.readiness(graceMs) }
}
