import type { Labels } from '../../../src/rules/selector.js'
import { abis } from '../../../src/syscalls/abi.js'
import type { DenialNews } from '../../hub/denials/denial-rows.js'
import type { Running } from '../../hub/nodes/inventory.js'
import { bitsIn, type FleetSets, rowWords } from '../../hub/nodes/used-sets.js'
import type {
  ContainerListener,
  ContainerView,
  ContainerViews,
  DecidedContainer
} from './container-view.js'
import { ContainerViewBuilder } from './container-view-builder.js'
import type { RevisionIndex } from './revision-index.js'
import type { ConfinementSources } from './sources.js'

export type { ContainerView, ContainerViews } from './container-view.js'

interface Entry {
  running: Running
  view: ContainerView
  text: string
  /** The last view with a filter that was read: while a satellite starts again, nothing ends and nothing begins. */
  settled: ContainerView | undefined
}

/** Containers that are computed in one turn of the event loop when all are. */
const turnSize = 1000
const settleMs = 100
const denialsEveryMs = 500

function countSyscalls(sets: FleetSets, id: string): number {
  const row = sets.rowOf(id)
  if (row === undefined) return 0
  let sum = 0
  for (const abi of abis) {
    const words = sets.rows(abi)
    for (let at = row * rowWords; at < (row + 1) * rowWords; at += 1) sum += bitsIn(words[at] ?? 0)
  }
  return sum
}

/** ViewTable holds the current view of each container, by the container's key and by its pod. */
class ViewTable {
  readonly #entries = new Map<string, Entry>()
  readonly #keysOfPod = new Map<string, Set<string>>()

  readonly #builder: ContainerViewBuilder

  constructor(builder: ContainerViewBuilder) {
    this.#builder = builder
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  all(): Entry[] {
    return [...this.#entries.values()]
  }

  keysOf(podUid: string): string[] {
    return [...(this.#keysOfPod.get(podUid) ?? [])]
  }

  /** Returns what their nodes reported last of the containers that still run. */
  running(keys: readonly string[]): Running[] {
    return keys.flatMap((key) => this.#entries.get(key)?.running ?? [])
  }

  /** Computes the views of these containers and returns those that changed. */
  put(running: readonly Running[]): ContainerView[] {
    return running.flatMap((one) => this.#putOne(one) ?? [])
  }

  /** Removes a container and returns its last view. */
  remove(id: string): ContainerView | undefined {
    const view = this.#entries.get(id)?.view
    this.#entries.delete(id)
    const others = this.#keysOfPod.get(view?.podUid ?? '')
    others?.delete(id)
    if (others?.size === 0) this.#keysOfPod.delete(view?.podUid ?? '')
    return view
  }

  #putOne(running: Running): ContainerView | undefined {
    const before = this.#entries.get(running.id)
    const view = this.#builder.build(running, before?.settled)
    const text = JSON.stringify(view)
    if (before?.text === text) {
      before.running = running
      return undefined
    }
    const settled = view.state === 'starting' ? before?.settled : view
    this.#entries.set(running.id, { running, view, text, settled })
    if (view.podUid !== '') {
      const keys = this.#keysOfPod.get(view.podUid) ?? new Set<string>()
      this.#keysOfPod.set(view.podUid, keys.add(running.id))
    }
    return view
  }
}

/** FullRefresh computes all views again, in turns. A request during a refresh starts another one after it. */
class FullRefresh {
  #timer: NodeJS.Timeout | undefined
  #running = false
  #again = false
  #closed = false

  readonly #begin: () => readonly string[]
  readonly #refresh: (keys: readonly string[]) => void

  constructor(begin: () => readonly string[], refresh: (keys: readonly string[]) => void) {
    this.#begin = begin
    this.#refresh = refresh
  }

  request(): void {
    if (this.#closed) return
    if (this.#running) this.#again = true
    else this.#timer ??= setTimeout(() => this.#start(), settleMs)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #start(): void {
    this.#timer = undefined
    this.#running = true
    this.#turn(this.#begin(), 0)
  }

  #turn(all: readonly string[], from: number): void {
    if (this.#closed) return
    const next = from + turnSize
    this.#refresh(all.slice(from, next))
    if (next < all.length) setImmediate(() => this.#turn(all, next))
    else this.#end()
  }

  #end(): void {
    this.#running = false
    if (!this.#again) return
    this.#again = false
    this.request()
  }
}

class LiveContainerViews implements ContainerViews {
  readonly #listeners = new Set<ContainerListener>()
  readonly #builder: ContainerViewBuilder
  readonly #table: ViewTable
  readonly #fullRefresh: FullRefresh
  /** `node id` of the containers with new denials. */
  readonly #denied = new Set<string>()
  readonly #denialTimer: NodeJS.Timeout
  readonly #stops: readonly (() => void)[]

  readonly #sources: ConfinementSources

  constructor(sources: ConfinementSources, index: RevisionIndex) {
    this.#sources = sources
    this.#builder = new ContainerViewBuilder(sources, index)
    this.#table = new ViewTable(this.#builder)
    this.#fullRefresh = new FullRefresh(
      () => {
        index.refresh()
        return this.#table.all().map(({ view }) => view.key)
      },
      (keys) => this.#update(keys)
    )
    this.#stops = this.#follow(index)
    this.#denialTimer = setInterval(() => this.#updateDenied(), denialsEveryMs)
    this.#denialTimer.unref()
    this.#table.put([...sources.hub.inventory.all()])
  }

  list(): ContainerView[] {
    return this.#table.all().map(({ view }) => this.#counted(view))
  }

  get(id: string): ContainerView | undefined {
    const view = this.peek(id)
    return view === undefined ? undefined : this.#counted(view)
  }

  peek(id: string): ContainerView | undefined {
    return this.#table.get(id)?.view
  }

  isRunning(podUid: string, name: string): boolean {
    return this.#table.keysOf(podUid).some((key) => this.peek(key)?.name === name)
  }

  labelsOf(id: string): Labels {
    const running = this.#table.get(id)?.running
    return running === undefined ? {} : this.#builder.labelsOf(running)
  }

  decided(id: string): DecidedContainer | undefined {
    const running = this.#table.get(id)?.running
    return running === undefined ? undefined : this.#builder.decide(running)
  }

  onChange(listener: ContainerListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  refresh(): void {
    this.#fullRefresh.request()
  }

  close(): void {
    this.#fullRefresh.close()
    clearInterval(this.#denialTimer)
    for (const stop of this.#stops) stop()
    this.#listeners.clear()
  }

  #follow(index: RevisionIndex): (() => void)[] {
    const { hub, onProfiles, onSnapshot, onPod } = this.#sources
    const refresh = (): void => this.refresh()
    onProfiles(refresh)
    return [
      hub.inventory.onChange(({ changed, gone }) => {
        const left = gone.flatMap(({ id }) => this.#table.remove(id) ?? [])
        this.#notify(this.#table.put(changed), left)
      }),
      hub.onChange(refresh),
      onSnapshot(refresh),
      onPod((uid) => this.#update(this.#table.keysOf(uid))),
      hub.denialRows.onNews((news) => this.#markDenied(news)),
      index.onChange(refresh)
    ]
  }

  #markDenied({ node, container }: DenialNews): void {
    this.#denied.add(`${node} ${container}`)
  }

  #updateDenied(): void {
    if (this.#denied.size === 0) return
    const entries = this.#table
      .all()
      .filter(({ view }) => this.#denied.has(`${view.node} ${view.id}`))
    this.#denied.clear()
    this.#update(entries.map(({ view }) => view.key))
  }

  #update(keys: readonly string[]): void {
    this.#notify(this.#table.put(this.#table.running(keys)), [])
  }

  #notify(changed: readonly ContainerView[], gone: readonly ContainerView[]): void {
    if (changed.length + gone.length === 0) return
    for (const listener of [...this.#listeners]) listener(changed, gone)
  }

  /** The sets of used syscalls grow without an event, so they are counted on request. */
  #counted(view: ContainerView): ContainerView {
    return { ...view, syscalls: countSyscalls(this.#sources.hub.sets, view.key) }
  }
}

export function createContainerViews(
  sources: ConfinementSources,
  index: RevisionIndex
): ContainerViews {
  return new LiveContainerViews(sources, index)
}
