import type { AbiCounts, Observation } from '../../src/api/gen/hub.js'
import { isLearned } from './trace-report.js'

/** What a trace says of one instance. */
export interface Recorded {
  id: string
  container: { id: string; name: string; runtime: string }
  complete: boolean
  ended: boolean
  /** Empty for what is not learned: people's sessions. */
  abis: readonly AbiCounts[]
}

/** Without what a list of containers does not say. */
export function recordedOf(observation: Observation): Recorded {
  const { id, complete, ended, container, abis } = observation
  return {
    id,
    complete,
    ended,
    abis: isLearned(observation) ? abis : [],
    container: {
      id: container?.id ?? '',
      name: container?.name ?? '',
      runtime: container?.runtime ?? ''
    }
  }
}

/** Names and counts side by side: objects for each call would be four times as much. */
interface Packed extends Omit<Recorded, 'abis'> {
  abis: { abi: string; names: readonly string[]; counts: readonly number[] }[]
}

const pack = (one: Recorded): Packed => ({
  ...one,
  abis: one.abis.map(({ abi, syscalls }) => ({
    abi,
    names: syscalls.map(({ name }) => name),
    counts: syscalls.map(({ count }) => count)
  }))
})

const unpack = (one: Packed): Recorded => ({
  ...one,
  abis: one.abis.map(({ abi, names, counts }) => ({
    abi,
    syscalls: names.map((name, at) => {
      return { name, count: counts[at] ?? 0, action: '', detail: undefined }
    })
  }))
})

/** The newest of what ended: a trace that is asked late can still tell of it. */
export interface EndedList {
  add(one: Recorded): void
  ids(): string[]
  all(): Recorded[]
  /** How many found no more room, so that nobody takes the list for all that ended. */
  forgotten(): number
}

export function createEndedList(most: number): EndedList {
  const ends = new Map<string, Packed>()
  let forgotten = 0
  return {
    add(one) {
      ends.delete(one.id)
      ends.set(one.id, pack(one))
      const [oldest] = ends.keys()
      if (ends.size <= most || oldest === undefined) return
      ends.delete(oldest)
      forgotten += 1
    },
    ids: () => [...ends.keys()],
    all: () => [...ends.values()].map(unpack),
    forgotten: () => forgotten
  }
}
