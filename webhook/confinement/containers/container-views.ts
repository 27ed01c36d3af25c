import { gapsWithin } from '../../../src/history/recording-gap.js'
import type { ProfileState } from '../../../src/rules/profile-state.js'
import type { Labels } from '../../../src/rules/selector.js'
import { abis } from '../../../src/syscalls/abi.js'
import type { DenialNews } from '../../hub/denials/denial-row.js'
import { gapsOfNode } from '../../hub/nodes/node-gaps.js'
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
import { everyProfile, ViewInputs } from './view-inputs.js'
import { ViewTable } from './view-table.js'

export type { ContainerView, ContainerViews } from './container-view.js'

/** Containers that are computed in one turn of the event loop when all are. */
const turnSize = 1000
const denialsEveryMs = 500

function countSyscalls(sets: FleetSets, id: string): number | null {
  const row = sets.rowOf(id)
  if (row === undefined) return null
  let sum = 0
  for (const abi of abis) {
    const words = sets.rows(abi)
    for (let at = row * rowWords; at < (row + 1) * rowWords; at += 1) sum += bitsIn(words[at] ?? 0)
  }
  return sum === 0 ? null : sum
}

/** Refresh computes views again, in turns. A request during a refresh starts another one after it. */
class Refresh {
  #timer: NodeJS.Timeout | undefined
  #running = false
  #again = false
  #closed = false

  readonly #begin: () => readonly string[]
  readonly #refresh: (keys: readonly string[]) => void

  readonly #settleMs: number

  constructor(
    begin: () => readonly string[],
    refresh: (keys: readonly string[]) => void,
    settleMs: number
  ) {
    this.#begin = begin
    this.#refresh = refresh
    this.#settleMs = settleMs
  }

  request(): void {
    if (this.#closed) return
    if (this.#running) this.#again = true
    else this.#timer ??= setTimeout(() => this.#start(), this.#settleMs)
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
  readonly #refresh: Refresh
  readonly #inputs: ViewInputs
  /** `node id` of the containers with new denials. */
  readonly #denied = new Set<string>()
  readonly #denialTimer: NodeJS.Timeout
  readonly #stops: readonly (() => void)[]

  readonly #sources: ConfinementSources

  constructor(sources: ConfinementSources, index: RevisionIndex, settleMs: number) {
    this.#sources = sources
    this.#builder = new ContainerViewBuilder(sources, index)
    this.#table = new ViewTable(this.#builder)
    this.#inputs = new ViewInputs(() => sources.hub.profiles(), sources.snapshot)
    this.#refresh = new Refresh(
      () => this.#outdated(index),
      (keys) => this.#update(keys),
      settleMs
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

  reachedBy(profile: string): ContainerView[] {
    return this.#table.reachedBy(profile)
  }

  peekContainer(node: string, container: string): ContainerView | undefined {
    return this.#table.ofContainer(node, container)
  }

  isRunning(podUid: string, name: string): boolean {
    return this.#table.keysOf(podUid).some((key) => this.peek(key)?.name === name)
  }

  labelsOf(id: string): Labels {
    const running = this.#table.get(id)?.running
    return running === undefined ? {} : this.#builder.labelsOf(running)
  }

  decided(id: string, profiles?: ReadonlyMap<string, ProfileState>): DecidedContainer | undefined {
    const running = this.#table.get(id)?.running
    return running === undefined ? undefined : this.#builder.decide(running, new Set(), profiles)
  }

  onChange(listener: ContainerListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#refresh.close()
    clearInterval(this.#denialTimer)
    for (const stop of this.#stops) stop()
    this.#listeners.clear()
  }

  #follow(index: RevisionIndex): (() => void)[] {
    const { hub, onProfiles, onSnapshot, onPod } = this.#sources
    const refresh = (): void => this.#refresh.request()
    onProfiles(refresh)
    return [
      hub.inventory.onChange(({ changed, gone, isAway }) => {
        const left = gone.flatMap(({ id }) => this.#table.remove(id) ?? [])
        this.#notify(this.#table.put(changed), left, isAway)
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
    const keys = [...this.#denied].flatMap((place) => this.#table.keyOf(place) ?? [])
    this.#denied.clear()
    this.#update(keys)
  }

  /** Returns the keys of the containers whose views may be different now. */
  #outdated(index: RevisionIndex): string[] {
    index.refresh()
    const news = [...index.takeNews(), ...this.#builder.refreshMutes()]
    const changed = this.#inputs.changed()
    if (changed === 'all') return this.#table.all().map(({ view }) => view.key)
    const inputs = changed.length > 0 ? [...changed, ...news, everyProfile] : news
    return [...this.#table.readersOf(inputs)]
  }

  #update(keys: readonly string[]): void {
    this.#notify(this.#table.put(this.#table.running(keys)), [])
  }

  #notify(changed: readonly ContainerView[], gone: readonly ContainerView[], isAway = false): void {
    if (changed.length + gone.length === 0) return
    for (const listener of [...this.#listeners]) listener(changed, gone, isAway)
  }

  /** Sets of used syscalls grow, and nodes report gaps, without an event: they are read on request. */
  #counted(view: ContainerView): ContainerView {
    const { hub } = this.#sources
    const gaps = gapsOfNode(hub.node(view.node)?.status, Date.now())
    const began = this.#beganAt(view)
    return {
      ...view,
      syscalls: countSyscalls(hub.sets, view.key),
      gaps: began === undefined ? [] : gapsWithin(gaps, began)
    }
  }

  /**
   * Returns when the container's program began: it may have been created long before. Undefined while it has not begun. A
   * container that began without a filter can make itself look recorded from its first instruction: its creation counts.
   */
  #beganAt({ key, startedAt }: ContainerView): string | undefined {
    const { sets, inventory } = this.#sources.hub
    const one = inventory.get(key)
    if (one?.running === false) return undefined
    const row = sets.rowOf(key)
    const isFiltered = one !== undefined && one.declared !== 'none' && !one.privileged
    return isFiltered && row !== undefined && sets.isComplete(row) ? sets.sinceOf(row) : startedAt
  }
}

/** Creates the views and keeps them current. @param settleMs changes of profiles and rules are collected for so long */
export function createContainerViews(
  sources: ConfinementSources,
  index: RevisionIndex,
  settleMs = 100
): ContainerViews {
  return new LiveContainerViews(sources, index, settleMs)
}
