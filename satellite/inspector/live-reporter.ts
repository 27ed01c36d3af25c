import {
  type Observation,
  DeniedCalls,
  RunningContainer,
  type SatelliteMessage,
  UsedSet
} from '../../src/api/gen/hub.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import { createUsedSets } from './used-sets.js'

export type LiveMessage = NonNullable<SatelliteMessage['body']>

/** What one message has of containers, sets or denials; a hub accepts 128 KiB. */
const bytesEach = 96 * 1024
/** Sets that changed are collected this long. */
const collectMs = 500
/** Containers that the recorder named before the inspector saw them. */
const mostEarly = 256

/** Splits a list so that no message is too large. */
function messagesOf<T>(
  list: readonly T[],
  codec: { encode: (one: T) => { finish: () => Uint8Array } }
): T[][] {
  const messages: T[][] = []
  let bytes = Infinity
  for (const one of list) {
    // With its key and its length.
    const own = codec.encode(one).finish().length + 4
    if (bytes + own > bytesEach) {
      messages.push([])
      bytes = 0
    }
    messages.at(-1)?.push(one)
    bytes += own
  }
  return messages
}

/**
 * LiveReporter sends what the hub keeps in memory only: the running containers, their confinement, the syscalls
 * they use, and their denials. None of it is spooled: a new connection starts with all of it.
 */
export class LiveReporter {
  readonly #send: (message: LiveMessage) => boolean
  readonly #sets = createUsedSets()
  /** The run that a container id stands for now. */
  readonly #keyOfId = new Map<string, string>()
  /** Observations of containers that the inspector has not seen yet, the newest of each part. */
  readonly #early = new Map<string, Observation[]>()
  readonly #changedSets = new Map<string, UsedSet>()
  readonly #sender: Worker
  #generation = Date.now()

  /** @param send sends to the hub; returns false without a connection. */
  constructor(send: (message: LiveMessage) => boolean, logger: Logger) {
    this.#send = send
    this.#sender = new Worker(() => this.#sendSets(), {
      delayMs: collectMs,
      unref: true,
      onError: (error) => logger.error({ err: error }, 'used syscalls could not be sent')
    })
  }

  /** A hub accepted this node: sends everything. @param all every running container. */
  welcome(all: readonly RunningContainer[]): void {
    this.#generation += 1
    this.#learnKeys(all)
    const parts = messagesOf(all, RunningContainer)
    const slices = parts.length === 0 ? [[]] : parts
    for (const [at, containers] of slices.entries()) {
      this.#sendInventory({
        first: at === 0,
        last: at === slices.length - 1,
        gone: [],
        containers
      })
    }
    for (const { key } of all) this.#setChanged(this.#sets.of(key))
  }

  changed(containers: readonly RunningContainer[], gone: readonly string[]): void {
    this.#learnKeys(containers)
    for (const key of gone) this.#forget(key)
    const slices = messagesOf(containers, RunningContainer)
    for (const [at, slice] of (slices.length === 0 ? [[]] : slices).entries()) {
      const goneNow = at === 0 ? [...gone] : []
      this.#sendInventory({ first: false, last: false, gone: goneNow, containers: slice })
    }
  }

  observed(observation: Observation): void {
    const id = observation.container?.id ?? ''
    const key = this.#keyOfId.get(id)
    if (key !== undefined) {
      if (!observation.ended) this.#setChanged(this.#sets.take(key, observation))
      return
    }
    if (observation.ended || id === '') return
    const kept = (this.#early.get(id) ?? []).filter(({ part }) => part !== observation.part)
    this.#early.set(id, [...kept, observation])
    dropOldest(this.#early, mostEarly)
  }

  denied(calls: readonly DeniedCalls[]): void {
    for (const containers of messagesOf(calls, DeniedCalls)) {
      this.#send({ $case: 'denials', value: { containers } })
    }
  }

  #learnKeys(containers: readonly RunningContainer[]): void {
    for (const { key, container } of containers) {
      const id = container?.id ?? ''
      this.#keyOfId.set(id, key)
      for (const observation of this.#early.get(id) ?? []) {
        this.#setChanged(this.#sets.take(key, observation))
      }
      this.#early.delete(id)
    }
  }

  #forget(key: string): void {
    this.#sets.forget(key)
    this.#changedSets.delete(key)
    const id = key.slice(0, key.lastIndexOf('@'))
    if (this.#keyOfId.get(id) === key) this.#keyOfId.delete(id)
  }

  #setChanged(set: UsedSet | undefined): void {
    if (set === undefined) return
    this.#changedSets.set(set.key, set)
    this.#sender.request()
  }

  #sendSets(): void {
    const all = [...this.#changedSets.values()]
    this.#changedSets.clear()
    for (const sets of messagesOf(all, UsedSet)) this.#send({ $case: 'used', value: { sets } })
  }

  #sendInventory(part: {
    first: boolean
    last: boolean
    gone: string[]
    containers: RunningContainer[]
  }): void {
    this.#send({ $case: 'inventory', value: { generation: this.#generation, ...part } })
  }
}
