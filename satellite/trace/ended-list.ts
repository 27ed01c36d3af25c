import type { AbiCounts, Observation } from '../../src/api/gen/hub.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import { isLearned } from './trace-report.js'

/** What a trace reports of one instance. */
export interface Recorded {
  id: string
  container: { id: string; name: string; runtime: string }
  complete: boolean
  ended: boolean
  /** Empty for people's sessions, which are not learned. */
  abis: readonly AbiCounts[]
}

/** The parts of an observation that a list of containers shows. */
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

/** Names and counts in two lists: an object for each call would take four times the memory. */
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

/** EndedList keeps the newest observations that ended, for traces that are asked for late. */
export class EndedList {
  readonly #most: number
  readonly #ended = new Map<string, Packed>()
  #forgotten = 0

  constructor(most: number) {
    this.#most = most
  }

  add(recorded: Recorded): void {
    this.#ended.delete(recorded.id)
    this.#ended.set(recorded.id, pack(recorded))
    const before = this.#ended.size
    dropOldest(this.#ended, this.#most)
    this.#forgotten += before - this.#ended.size
  }

  ids(): string[] {
    return [...this.#ended.keys()]
  }

  all(): Recorded[] {
    return [...this.#ended.values()].map(unpack)
  }

  /** How many found no room, so that the list is not taken for complete. */
  forgotten(): number {
    return this.#forgotten
  }
}
