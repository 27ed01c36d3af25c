import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { ContainerList } from '../../webhook/confinement/containers/container-routes.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { NodeCoverage } from '../../webhook/confinement/containers/missing-nodes.js'
import type { Recorded } from '../../webhook/hub/hub-types.js'
import type { NodeView } from '../../webhook/views/view.js'
import type { Hub } from '../hubs/hub.js'
import { queryOf } from '../hubs/hub-api.js'
import { askDenials, type RecordedDenials } from './learn-denials.js'
import { askRecorded } from './learn-recorded.js'

/** SeenContainer is a container of the workload that ran while the test command did. */
export interface SeenContainer {
  key: string
  /** The id that its runtime gave it. */
  id: string
  name: string
  node: string
  isRunning: boolean
  /** Its node recorded nothing at some time of its life. */
  hasGap: boolean
}

/** RunCoverage is which nodes the list of containers was not about. */
export interface RunCoverage {
  /** Nodes that do not report now, as far as the person may know their names. */
  away: readonly string[]
  /** The number of all of them. */
  missing: number
  /** Nodes that did not report at some time of the run. */
  awayOnce: readonly string[]
}

const namesOf = ({ notReporting = [], awayNodes = [] }: Partial<NodeCoverage>): string[] =>
  [...new Set([...notReporting, ...awayNodes].map(({ name }) => name))].sort()

interface RunWatchOptions {
  /** Opens the hub, again after it went away: its address may be another one then. */
  open: () => Promise<Pick<Hub, 'ask' | 'follow' | 'list'>>
  /** `namespace/name` of the profile. */
  key: string
  /** Prints progress. */
  report: (text: string) => void
  now: () => number
}

/** Between two attempts to reach a hub that went away. */
const againMs = 1000

/** RunWatch follows the hub while the test command runs: which containers of the workload ran, and when no hub was heard. */
export class RunWatch {
  readonly #options: RunWatchOptions
  readonly #ended = new AbortController()
  readonly #seen = new Map<string, SeenContainer>()
  readonly #learned = new Set<string>()
  /** Nodes that were away at some time of the run. */
  readonly #awayOnce = new Set<string>()
  #coverage: Partial<NodeCoverage> = {}
  #away: string | undefined
  #following: Promise<void> | undefined

  private constructor(options: RunWatchOptions) {
    this.#options = options
  }

  /** Starts to watch; resolves when the hub has listed what runs. @throws SeccoError UNAVAILABLE and others of the hub */
  static async start(options: RunWatchOptions): Promise<RunWatch> {
    const watch = new RunWatch(options)
    const hub = await options.open()
    await new Promise<void>((resolve, reject) => {
      watch.#following = watch.#follow(hub, resolve).catch((error: unknown) => {
        reject(toSeccoError(error))
      })
    })
    return watch
  }

  /** Returns the containers of the workload that were seen so far. */
  seen(): SeenContainer[] {
    return [...this.#seen.values()]
  }

  /** Returns the names, as `namespace/name`, that running containers are learned into. */
  learned(): string[] {
    return [...this.#learned]
  }

  /** Returns which nodes do not report now, and which did not at some time. */
  coverage(): RunCoverage {
    const { missingNodes = 0 } = this.#coverage
    const away = namesOf(this.#coverage)
    return { away, missing: Math.max(missingNodes, away.length), awayOnce: [...this.#awayOnce] }
  }

  /** Returns why the hub was not heard all the time; undefined: it was. */
  hubAway(): string | undefined {
    return this.#away
  }

  /** Lists the nodes; undefined where the user may not, or no hub answers, which counts as away. */
  async nodes(): Promise<NodeView[] | undefined> {
    try {
      return await (await this.#options.open()).list<NodeView>('/api/v1/nodes')
    } catch (error) {
      if (toSeccoError(error).code !== 'FORBIDDEN') this.#failed(error)
      return undefined
    }
  }

  /**
   * Asks for everything that was recorded until now; undefined also when no hub answers, which counts as away.
   * @param mustAnswer before the command runs, a hub that rejects the question is an error
   */
  async recorded(
    ref: ObjectRef,
    { mustAnswer = false }: { mustAnswer?: boolean } = {}
  ): Promise<Recorded | undefined> {
    try {
      return await askRecorded(await this.#options.open(), ref)
    } catch (error) {
      if (mustAnswer && toSeccoError(error).code !== 'UNAVAILABLE') throw error
      this.#failed(error)
      return undefined
    }
  }

  /** Asks for all denials of a profile; undefined when no hub answers, which counts as away. */
  async denials(ref: ObjectRef): Promise<RecordedDenials | undefined> {
    try {
      return await askDenials(await this.#options.open(), ref)
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#following
  }

  async #follow(first: Pick<Hub, 'follow'>, opened: () => void): Promise<void> {
    const { signal } = this.#ended
    const namespace = this.#options.key.split('/')[0]
    const path = `/api/v1/containers/stream${queryOf({ namespace })}`
    let hub = first
    const state = { isOpen: false }
    const isOver = (): boolean => signal.aborted
    const onEvent = (event: string, data: unknown): void => {
      this.#heard(event, data)
      if (event !== 'snapshot') return
      state.isOpen = true
      opened()
    }
    const onLost = (reason: string): void => this.#lost(reason)
    while (!isOver()) {
      const failure = await hub
        .follow(path, { onEvent, onLost }, signal)
        .then(() => undefined, toSeccoError)
      // Nothing was ever heard: the command does not run.
      if (failure !== undefined && !state.isOpen) throw failure
      if (isOver()) return
      this.#failed(failure ?? new SeccoError('UNAVAILABLE', 'the hub ended the stream'))
      await delay(againMs, undefined, { signal }).catch(() => undefined)
      hub = await this.#options.open().catch(() => hub)
    }
  }

  #lost(reason: string): void {
    this.#notHeard('went away', reason)
  }

  /** Notes an answer that did not come: a hub that runs may also reject a question. */
  #failed(error: unknown): void {
    const { code, message } = toSeccoError(error)
    this.#notHeard(code === 'UNAVAILABLE' ? 'went away' : 'did not answer a question', message)
  }

  #notHeard(what: string, reason: string): void {
    if (this.#away !== undefined || this.#ended.signal.aborted) return
    const at = new Date(this.#options.now()).toISOString().slice(11, 19)
    this.#away = `the hub ${what} during the run, at ${at} UTC (${reason}), so what ran then is not known`
    this.#options.report(this.#away)
  }

  #heard(event: string, data: unknown): void {
    if (event === 'snapshot' || event === 'nodes') this.#cover(data as Partial<NodeCoverage>)
    if (event === 'snapshot') {
      const { items } = data as ContainerList
      const running = new Set(items.map(({ key }) => key))
      this.#gone([...this.#seen.keys()].filter((key) => !running.has(key)))
      for (const view of items) this.#take(view)
    } else if (event === 'change') {
      const { changed, gone } = data as { changed: ContainerView[]; gone: string[] }
      for (const view of changed) this.#take(view)
      this.#gone(gone)
    }
  }

  #cover(coverage: Partial<NodeCoverage>): void {
    this.#coverage = coverage
    for (const name of namesOf(coverage)) this.#awayOnce.add(name)
  }

  #gone(keys: readonly string[]): void {
    for (const key of keys) {
      const one = this.#seen.get(key)
      if (one !== undefined) this.#seen.set(key, { ...one, isRunning: false })
    }
  }

  #take({ key, id, name, node, learned, ephemeral, gaps }: ContainerView): void {
    if (ephemeral) return
    if (learned !== '') this.#learned.add(learned)
    if (learned !== this.#options.key) return
    if (!this.#seen.has(key)) this.#options.report(`container ${name} on ${node} runs`)
    this.#seen.set(key, { key, id, name, node, isRunning: true, hasGap: gaps.length > 0 })
  }
}
