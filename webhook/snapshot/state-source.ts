import type { ProfileState } from '../../src/rules/profile-state.js'
import { apiStates } from '../cluster/replicas/api-states.js'
import type { JoinedCluster } from '../cluster/cluster.js'
import { createDocumentSets } from './document-sets.js'
import type { ObjectCache } from './object-cache.js'

/** Where decisions get the states of profiles from: the hub of this process, or the API's objects. */
export interface StateSource {
  /** By `profileKey`; a new map after each change. */
  profiles(): ReadonlyMap<string, ProfileState>
  /** Nodes that the states take account of; undefined outside a cluster. */
  covered(): ReadonlySet<string> | undefined
  /** Of two revisions' digests: what the first lets through, the second does too. False when unsure. */
  within(inner: string, outer: string): boolean
  onChange(listener: () => void): () => void
}

/** States worked out from profiles' status and the hubs' summaries, for a replica that has no hub. */
export function startApiStates(
  objects: ObjectCache,
  cluster: Pick<JoinedCluster, 'fleet' | 'onFleetChange'>,
  debounceMs = 100
): StateSource & { stop(): void } {
  let states: ReadonlyMap<string, ProfileState> = new Map()
  let covered: ReadonlySet<string> | undefined
  let timer: NodeJS.Timeout | undefined
  const sets = createDocumentSets()
  const listeners = new Set<() => void>()

  function work(): void {
    timer = undefined
    const fleet = cluster.fleet([])
    const profiles = objects.profiles()
    states = sets.judged(profiles, apiStates(profiles, fleet))
    covered = fleet.nodes
    for (const listener of [...listeners]) listener()
  }

  const later = (): void => void (timer ??= setTimeout(work, debounceMs))
  work()
  objects.onChange(later)
  const leave = cluster.onFleetChange(later)
  return {
    profiles: () => states,
    covered: () => covered,
    within: (inner, outer) => sets.within(inner, outer),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop() {
      leave()
      clearTimeout(timer)
      listeners.clear()
    }
  }
}
