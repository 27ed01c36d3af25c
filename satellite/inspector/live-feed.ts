import {
  type Observation,
  RefusedCalls,
  type RunningContainer,
  type SatelliteMessage,
  type UsedSet
} from '../../src/api/gen/hub.js'
import { createUsedSets } from './used-sets.js'

export type LiveMessage = NonNullable<SatelliteMessage['body']>

export interface LiveFeedOptions {
  /** Sends to the hub; false while there is none. */
  send: (message: LiveMessage) => boolean
  /** Every running container as of now. */
  list: () => RunningContainer[]
}

/**
 * What the hub keeps in memory only: which containers run, how they are confined, what they use, what is
 * refused. Nothing of it is spooled: a new connection begins with all of it.
 */
export interface LiveFeed {
  /** A hub took us in: everything from the beginning. */
  welcome(): void
  changed(changed: readonly RunningContainer[], gone: readonly string[]): void
  observed(observation: Observation): void
  refused(calls: readonly RefusedCalls[]): void
}

/** Containers, and sets, of one message: well below gRPC's limit. */
const slice = 200
const setsEach = 100
/** Refused calls of one message; a hub accepts 128 KiB. */
const refusedBytes = 96 * 1024
/** Sets that changed are collected this long. */
const collectMs = 500

export function createLiveFeed({ send, list }: LiveFeedOptions): LiveFeed {
  const sets = createUsedSets()
  /** Which run an id stands for now. */
  const keyOfId = new Map<string, string>()
  const early = new Map<string, Observation[]>()
  const waiting = new Map<string, UsedSet>()
  let timer: NodeJS.Timeout | undefined
  let generation = Date.now()

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const all = [...waiting.values()]
    waiting.clear()
    for (let at = 0; at < all.length; at += setsEach) {
      send({ $case: 'used', value: { sets: all.slice(at, at + setsEach) } })
    }
  }

  function later(set: UsedSet | undefined): void {
    if (set === undefined) return
    waiting.set(set.key, set)
    timer ??= setTimeout(flush, collectMs)
    timer.unref()
  }

  function know(containers: readonly RunningContainer[]): void {
    for (const { key, container } of containers) {
      const id = container?.id ?? ''
      keyOfId.set(id, key)
      for (const observation of early.get(id) ?? []) later(sets.take(key, observation))
      early.delete(id)
    }
  }

  return {
    welcome() {
      generation += 1
      const all = list()
      know(all)
      for (let at = 0; at === 0 || at < all.length; at += slice) {
        const value = {
          ...{ generation, first: at === 0, last: at + slice >= all.length, gone: [] },
          containers: all.slice(at, at + slice)
        }
        send({ $case: 'inventory', value })
      }
      for (const { key } of all) later(sets.of(key))
    },
    changed(containers, gone) {
      know(containers)
      for (const key of gone) {
        sets.forget(key)
        waiting.delete(key)
        const id = key.slice(0, key.lastIndexOf('@'))
        if (keyOfId.get(id) === key) keyOfId.delete(id)
      }
      for (let at = 0; at === 0 || at < containers.length; at += slice) {
        const value = {
          ...{ generation, first: false, last: false, gone: at === 0 ? [...gone] : [] },
          containers: containers.slice(at, at + slice)
        }
        send({ $case: 'inventory', value })
      }
    },
    observed(observation) {
      const id = observation.container?.id ?? ''
      const key = keyOfId.get(id)
      if (key !== undefined) {
        if (!observation.ended) later(sets.take(key, observation))
        return
      }
      if (observation.ended || id === '') return
      // Named by the recorder before the inspector met it: kept for a moment, the newest of each part.
      const kept = (early.get(id) ?? []).filter(({ part }) => part !== observation.part)
      early.set(id, [...kept, observation])
      const [oldest] = early.keys()
      if (early.size > 256 && oldest !== undefined) early.delete(oldest)
    },
    refused(calls) {
      let containers: RefusedCalls[] = []
      let bytes = 0
      for (const one of calls) {
        const own = RefusedCalls.encode(one).finish().length
        if (containers.length > 0 && bytes + own > refusedBytes) {
          send({ $case: 'refused', value: { containers } })
          containers = []
          bytes = 0
        }
        containers.push(one)
        bytes += own
      }
      if (containers.length > 0) send({ $case: 'refused', value: { containers } })
    }
  }
}
