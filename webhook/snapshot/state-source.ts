import type { ProfileState } from '../../src/rules/profile-state.js'
import { Listeners } from '../../src/lib/listeners.js'
import { apiStates } from '../cluster/replicas/api-states.js'
import type { JoinedCluster } from '../cluster/cluster.js'
import { DocumentSets } from './document-sets.js'
import type { ObjectCache } from './object-cache.js'

/** StateSource has the states of profiles for decisions: the hub of this process, or the API's objects. */
export interface StateSource {
  /** Returns the states by `profileKey`; a new map after each change. */
  profiles(): ReadonlyMap<string, ProfileState>
  /** Returns the nodes that the states take account of; undefined outside a cluster. */
  covered(): ReadonlySet<string> | undefined
  /** Returns whether the second digest's revision allows all that the first one allows. False when unsure. */
  within(inner: string, outer: string): boolean
  onChange(listener: () => void): () => void
}

/** Starts to compute states from the status of profiles and the summaries of hubs, for a replica without a hub. */
export function startApiStates(
  objects: ObjectCache,
  cluster: Pick<JoinedCluster, 'fleet' | 'blocks' | 'onFleetChange'>,
  debounceMs = 100
): StateSource & { stop(): void } {
  let states: ReadonlyMap<string, ProfileState> = new Map()
  let covered: ReadonlySet<string> | undefined
  let timer: NodeJS.Timeout | undefined
  const sets = new DocumentSets()
  const listeners = new Listeners()

  function work(): void {
    timer = undefined
    const fleet = cluster.fleet([])
    const profiles = objects.profiles()
    states = sets.judged(profiles, apiStates(profiles, fleet, cluster.blocks()))
    covered = fleet.nodes
    listeners.notify()
  }

  const later = (): void => void (timer ??= setTimeout(work, debounceMs))
  work()
  objects.onChange(later)
  const leave = cluster.onFleetChange(later)
  return {
    profiles: () => states,
    covered: () => covered,
    within: (inner, outer) => sets.within(inner, outer),
    onChange: listeners.add,
    stop() {
      leave()
      clearTimeout(timer)
      listeners.clear()
    }
  }
}
