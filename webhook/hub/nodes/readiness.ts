import type { Condition } from '../../../src/api/seccomp-profile.js'
import { listed, plural } from '../../../src/lib/plural.js'
import type { RenderOptions } from '../../../src/seccomp/render/render.js'

/** Readiness is the number of counted nodes that have a revision, and the others. */
export interface Readiness {
  ready: number
  total: number
  waiting: string[]
  failed: { node: string; code: string; message: string }[]
  /** Returns the first of `waiting`, without going through the rest of the nodes. */
  first?: (most: number) => string[]
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

/** Returns whether every node that could run a pod has the file. Without nodes nothing is known, so it returns false. */
export function isReady({ ready, total }: Readiness): boolean {
  return total > 0 && ready === total
}

const mostNamed = 3

/** Returns the waiting nodes in words: the first ones by name, and how many more. */
export function waitingText(readiness: Readiness): string {
  const { ready, total, failed } = readiness
  const count = total - ready - failed.length
  if (count <= 0) return ''
  const names = readiness.first?.(mostNamed) ?? readiness.waiting.slice(0, mostNamed)
  return listed(names, mostNamed, count)
}

/**
 * Returns the Ready condition. Reasons: AllNodesReady, WaitingForNodes, NoNodes, NodeReportsError.
 * Messages hold no times, so that an unchanged state is an unchanged condition.
 */
export function readyCondition(
  readiness: Readiness,
  generation: number
): Omit<Condition, 'lastTransitionTime'> {
  const { ready, total, failed } = readiness
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
    const have = `${ready} of ${plural(total, 'node')} ${ready === 1 ? 'has' : 'have'}`
    const message = `${have} the revision; waiting for ${waitingText(readiness)}`
    return { ...base, status: 'False', reason: 'WaitingForNodes', message }
  }
  return {
    ...base,
    status: 'True',
    reason: 'AllNodesReady',
    message: total === 1 ? 'the one node has it' : `all ${total} nodes have it`
  }
}
