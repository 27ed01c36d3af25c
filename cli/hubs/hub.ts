import { setTimeout as delay } from 'node:timers/promises'
import { type SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { askHub, followHub, type HubAccess, reachHub } from './hub-api.js'

/** Replicas of a hub that are ready. Each answers for the active one. */
export type Replicas = readonly [HubAccess, ...HubAccess[]]

export interface HubListener {
  onEvent: (event: string, data: unknown) => void
  /** Called when the stream opens, and each time it opens again. */
  onOpen?: () => void
  /** Called once each time the stream is lost, before it is opened again. */
  onLost?: (reason: string) => void
}

/** How long a follower waits before it connects again. */
const againMs = 1000

/**
 * Hub is what verbs ask: the hub on this machine, or that of a cluster, where every replica passes requests on to the
 * active one. One replica is asked, and the next one when it does not answer.
 */
export class Hub {
  #replicas: Replicas
  readonly #list: (() => Promise<Replicas>) | undefined

  /** @param list lists the replicas again; without it the hub is always the same */
  constructor(replicas: Replicas, list?: () => Promise<Replicas>) {
    this.#replicas = replicas
    this.#list = list
  }

  get replicas(): Replicas {
    return this.#replicas
  }

  /**
   * Sends one request: a POST with a body, otherwise a GET. A POST may change something, so it is sent once: to a
   * replica that has just answered.
   * @throws SeccoError UNAVAILABLE when no replica answers, or the error that the hub answers.
   */
  async ask<Answer>(path: string, body?: unknown, timeout?: number): Promise<Answer> {
    if (body === undefined)
      return this.#tryEach((replica) => askHub<Answer>(replica, path, undefined, timeout))
    if (this.#replicas.length > 1) await this.#tryEach(reachHub)
    return askHub<Answer>(this.#replicas[0], path, body, timeout)
  }

  /** Reads one list. @throws SeccoError as ask does */
  async list<Item>(path: string, timeout?: number): Promise<Item[]> {
    return (await this.ask<{ items: Item[] }>(path, undefined, timeout)).items
  }

  /**
   * Follows a stream of events until the signal fires. When the replica goes away, another one is followed; the stream
   * of a hub that has no replicas ends with it.
   * @throws SeccoError UNAVAILABLE when no replica answers at the start, or the error that the hub answers.
   */
  async follow(path: string, listener: HubListener, signal: AbortSignal): Promise<void> {
    const state = { isOpen: false, hasOpened: false }
    const onOpen = (): void => {
      Object.assign(state, { isOpen: true, hasOpened: true })
      listener.onOpen?.()
    }
    const once = (replica: HubAccess): Promise<void> =>
      followHub(replica, path, listener.onEvent, signal, onOpen)
    const isOver = (): boolean => signal.aborted
    while (!isOver()) {
      const failure = await this.#tryEach(once).then(() => undefined, toSeccoError)
      if (failure !== undefined && !(state.hasOpened && failure.code === 'UNAVAILABLE'))
        throw failure
      if (isOver() || this.#list === undefined) return
      if (state.isOpen) listener.onLost?.(failure?.message ?? 'the hub ended the stream')
      state.isOpen = false
      await delay(againMs, undefined, { signal }).catch(() => undefined)
      await this.#listAgain(this.#list)
    }
  }

  /** Asks one replica after the other until one answers. Those that do not are tried last from then on. */
  async #tryEach<Answer>(ask: (replica: HubAccess) => Promise<Answer>): Promise<Answer> {
    let first: SeccoError | undefined
    for (const replica of this.#replicas) {
      try {
        return await ask(replica)
      } catch (thrown) {
        const error = toSeccoError(thrown)
        if (error.code !== 'UNAVAILABLE') throw error
        first ??= error
        this.#moveLast(replica)
      }
    }
    throw first as SeccoError
  }

  #moveLast(replica: HubAccess): void {
    const [next, ...more] = this.#replicas.filter((one) => one !== replica)
    if (next !== undefined) this.#replicas = [next, ...more, replica]
  }

  /** New replicas come first: those that failed are still listed for a while. */
  async #listAgain(list: () => Promise<Replicas>): Promise<void> {
    const orderOf = (replica: HubAccess): number => this.#replicas.indexOf(replica)
    const listed = await list().catch(() => this.#replicas)
    const [first, ...more] = [...listed].sort((a, b) => orderOf(a) - orderOf(b))
    if (first !== undefined) this.#replicas = [first, ...more]
  }
}
