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
/** A replica that has not answered by then is named, and the next one is asked as well. */
const defaultPatienceMs = 3000

interface HubSettings {
  /** Lists the replicas again; without it the hub is always the same. */
  list?: () => Promise<Replicas>
  /** Prints a line for the user while a replica does not answer. */
  report?: (text: string) => void
  patienceMs?: number
}

/**
 * Hub is what verbs ask: the hub on this machine, or that of a cluster, where every replica passes requests on to the
 * active one. One replica is asked, and the next one when it does not answer, or not within some seconds.
 */
export class Hub {
  #replicas: Replicas
  readonly #list: HubSettings['list']
  readonly #report: (text: string) => void
  readonly #patienceMs: number

  constructor(replicas: Replicas, settings: HubSettings = {}) {
    const { list, report = () => undefined, patienceMs = defaultPatienceMs } = settings
    this.#replicas = replicas
    this.#list = list
    this.#report = report
    this.#patienceMs = patienceMs
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
    if (body === undefined) {
      const first = await this.#firstAnswer((replica, signal) =>
        askHub<Answer>(replica, path, undefined, timeout, signal)
      )
      return first.answer
    }
    const [only] = this.#replicas
    const replica = this.#replicas.length > 1 ? (await this.#firstAnswer(reachHub)).replica : only
    return this.#watched(replica, askHub<Answer>(replica, path, body, timeout))
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
      // Two streams at once would bring everything twice, so a replica that hangs is found before.
      if (this.#replicas.length > 1)
        await this.#firstAnswer(reachHub, signal).catch(() => undefined)
      if (isOver()) return
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

  /**
   * Asks the first replica, the next one when that fails or is slow, and so on. From then on the replica that answered
   * is tried first, and those that failed or were slow are tried last.
   */
  #firstAnswer<Answer>(
    ask: (replica: HubAccess, signal: AbortSignal) => Promise<Answer>,
    given?: AbortSignal
  ): Promise<{ replica: HubAccess; answer: Answer }> {
    const left = [...this.#replicas]
    const answered = new AbortController()
    const signal = AbortSignal.any([answered.signal, ...(given === undefined ? [] : [given])])
    const failures: SeccoError[] = []
    let open = 0
    return new Promise<{ replica: HubAccess; answer: Answer }>((resolve, reject) => {
      const askNext = (): void => {
        const replica = left.shift()
        if (replica === undefined) return
        open += 1
        const slow = setTimeout(() => {
          if (signal.aborted) return
          this.#reportSlow(replica, left[0])
          this.#moveLast(replica)
          askNext()
        }, this.#patienceMs)
        const ended = (): void => {
          open -= 1
          clearTimeout(slow)
        }
        ask(replica, signal).then(
          (answer) => {
            ended()
            if (!answered.signal.aborted) this.#moveFirst(replica)
            answered.abort()
            resolve({ replica, answer })
          },
          (thrown: unknown) => {
            ended()
            const error = toSeccoError(thrown)
            // A request that the signal ended is no failure of its replica.
            if (signal.aborted || error.code !== 'UNAVAILABLE') {
              reject(error)
              return
            }
            failures.push(error)
            this.#moveLast(replica)
            askNext()
            if (open === 0) reject(failures[0] ?? error)
          }
        )
      }
      askNext()
    }).finally(() => answered.abort())
  }

  /** Names the replica when its answer is late. */
  async #watched<Answer>(replica: HubAccess, answer: Promise<Answer>): Promise<Answer> {
    const slow = setTimeout(() => this.#reportSlow(replica, undefined), this.#patienceMs)
    return answer.finally(() => clearTimeout(slow))
  }

  #reportSlow(replica: HubAccess, next: HubAccess | undefined): void {
    const [who, other] = [replica, next].map((one) => one?.name ?? 'on this machine')
    const then = next === undefined ? 'still waiting' : `asking ${other ?? ''} as well`
    this.#report(`the hub ${who ?? ''} has not answered for ${this.#patienceMs / 1000} s; ${then}`)
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

  #moveFirst(replica: HubAccess): void {
    this.#replicas = [replica, ...this.#replicas.filter((one) => one !== replica)]
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
