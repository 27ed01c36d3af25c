import type { Condition } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import type { RenderOptions } from '../../../src/seccomp/render/render.js'
import { type NodeState, problemOf } from './nodes.js'

/** Readiness is the number of counted nodes that have a revision, and the others. */
export interface Readiness {
  ready: number
  total: number
  waiting: string[]
  failed: { node: string; code: string; message: string }[]
  /** All nodes without the revision, also those that do not count; undefined where nodes are no objects. */
  lacking?: readonly string[]
}

/** FleetState is the fleet at one moment, as renderings and readiness need it. */
export interface FleetState {
  rendering: Pick<RenderOptions, 'runtimes' | 'machine'>
  /** Returns the readiness of the revision with that path. */
  readiness(path: string): Readiness
  /** Names of all nodes, where they are objects of a cluster. */
  nodes?: ReadonlySet<string>
}

/** Returns the readiness of the revision with that path on these nodes. */
export function readinessOf(path: string, nodes: readonly NodeState[]): Readiness {
  const waiting: string[] = []
  const failed: Readiness['failed'] = []
  let ready = 0
  for (const node of nodes) {
    const problem = problemOf(node, path)
    if (node.holding.has(path)) ready += 1
    else if (problem === undefined) waiting.push(node.name)
    else failed.push({ node: node.name, code: problem.code, message: problem.message })
  }
  return { ready, total: nodes.length, waiting, failed }
}

/** Returns whether every node that could run a pod has the file. Without nodes nothing is known, so it returns false. */
export function isReady({ ready, total }: Readiness): boolean {
  return total > 0 && ready === total
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}

/**
 * Returns the Ready condition. Reasons: AllNodesReady, WaitingForNodes, NoNodes, NodeReportsError.
 * Messages hold no times, so that an unchanged state is an unchanged condition.
 */
export function readyCondition(
  readiness: Readiness,
  generation: number
): Omit<Condition, 'lastTransitionTime'> {
  const { ready, total, waiting, failed } = readiness
  const base = { type: 'Ready', observedGeneration: generation }
  const [first] = failed
  if (first !== undefined) {
    const others = failed.length > 1 ? ` (and ${plural(failed.length - 1, 'more node')})` : ''
    const message = `${first.node}: ${first.message} (${first.code})${others}`
    return { ...base, status: 'False', reason: 'NodeReportsError', message }
  }
  if (total === 0) {
    const message = 'no node is known yet; start a satellite'
    return { ...base, status: 'False', reason: 'NoNodes', message }
  }
  if (ready < total) {
    const message = `${ready} of ${plural(total, 'node')} ${ready === 1 ? 'has' : 'have'} the revision; waiting for ${some(waiting)}`
    return { ...base, status: 'False', reason: 'WaitingForNodes', message }
  }
  return {
    ...base,
    status: 'True',
    reason: 'AllNodesReady',
    message: total === 1 ? 'the one node has it' : `all ${total} nodes have it`
  }
}
