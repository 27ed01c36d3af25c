import type { NodeFacts } from './node-facts.js'
import {
  type CompiledPlacement,
  compilePlacement,
  couldRun,
  isChoosy,
  type Placement
} from './placement.js'
import type { RevisionState } from './profile-state.js'

/** Number of nodes that a message names. */
const mostNamed = 3

/** Decides which revisions a pod may get, by where it could run. There is one per pod; results are computed on demand. */
export interface Reach {
  /** Every node that could run the pod has the file. */
  has(revision: RevisionState): boolean
  /** Nodes that could run the pod and lack the file: at most three, and whether there are more. */
  lacking(revision: RevisionState): { names: readonly string[]; more: boolean }
}

interface ReachOptions {
  /** By name; empty where nodes are not known as objects: then a revision is for all or for none. */
  nodes: ReadonlyMap<string, NodeFacts>
  /** New nodes carry the start-up taint until they have every file, so that a pod may be for them alone. */
  joinTainted: boolean
}

export function createReach({ nodes, joinTainted }: ReachOptions, placement: Placement): Reach {
  let compiled: CompiledPlacement | undefined
  const fits = (name: string): boolean => {
    const node = nodes.get(name)
    compiled ??= compilePlacement(placement)
    return node !== undefined && couldRun(compiled, node)
  }

  /** A node that does not exist yet has no file either. */
  function someHolder(lacking: readonly string[]): boolean {
    if (!isChoosy(placement)) return true
    const { nodeName } = placement
    if (typeof nodeName === 'string' && nodeName !== '') return nodes.has(nodeName)
    if (joinTainted) return true
    const without = new Set(lacking)
    for (const name of nodes.keys()) if (!without.has(name) && fits(name)) return true
    return false
  }

  return {
    has({ ready, lacking }) {
      if (lacking === undefined || nodes.size === 0) return ready
      if (lacking.length === 0) return ready && someHolder(lacking)
      if (lacking.length >= nodes.size) return false
      return !lacking.some(fits) && someHolder(lacking)
    },
    lacking({ lacking = [] }) {
      const names: string[] = []
      for (const name of lacking) {
        if (!fits(name)) continue
        if (names.length === mostNamed) return { names, more: true }
        names.push(name)
      }
      return { names, more: false }
    }
  }
}
