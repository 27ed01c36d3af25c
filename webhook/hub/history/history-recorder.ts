import type { Hello, Observation } from '../../../src/api/gen/hub.js'
import {
  emptyHistory,
  type HistoryEvent,
  historyName,
  type WorkloadHistory,
  type WorkloadKey,
  workloadOfText
} from '../../../src/history/workload-history.js'
import type { StoreEvent } from '../../../src/store/store.js'
import type { DenialRow } from '../denials/denial-row.js'
import type { ObservationFinding } from '../observations/read-observation.js'
import { lastAtOf, unreadableEvent } from './history-events.js'
import { HeardTimes } from './heard-times.js'
import type { HistoryRecorderOptions } from './history-options.js'
import { HistoryWriter } from './history-writer.js'
import { satelliteEvents } from './hub-events.js'
import { HubLife } from './hub-life.js'
import { installationKey } from './installation.js'
import { ObjectRecorder } from './object-recorder.js'
import type { MissedList } from './missed-deletions.js'
import { type IsGone, type MissedDeletion } from './missed-deletions.js'
import { observedHistory } from './observed-history.js'
import { type ContainerTroubles, OpenTroubles } from './open-troubles.js'
import { RecordedStarts } from './recorded-starts.js'
import { WorkloadIndex } from './workload-index.js'

/** Workloads that have a history: names of workloads come from whoever creates pods. */
export const mostWorkloads = 5000

/** HistoryRecorder turns what the hub learns into the histories of workloads. */
export class HistoryRecorder {
  readonly #writer: HistoryWriter
  readonly #options: HistoryRecorderOptions
  readonly #workloads = new WorkloadIndex()
  readonly #open = new OpenTroubles()
  readonly #starts = new RecordedStarts()
  /** Names of documents that are no histories, of workloads that nobody knows. */
  readonly #unreadable = new Set<string>()
  readonly #heard = new HeardTimes()
  readonly #objects: ObjectRecorder
  readonly #hub: HubLife

  constructor(options: HistoryRecorderOptions) {
    this.#options = options
    const { store, timing, logger, mayWrite } = options
    this.#writer = new HistoryWriter(store, timing, logger, mayWrite)
    this.#hub = new HubLife(options, (event) => this.#installation(event))
    this.#objects = new ObjectRecorder({
      now: () => this.#now(),
      workloadsOf: this.workloadsOf,
      add: (workload, events, more) => this.#add(workload, events, more),
      unwatched: () => this.#hub.unwatched(),
      isFolder: options.isFolder
    })
  }

  /**
   * Reads what the store has: at the start, and when this hub becomes the active one. What waited for that is written.
   * @throws the errors of the store
   */
  async load(visit: (history: WorkloadHistory) => void = () => undefined): Promise<void> {
    this.#open.clear()
    this.#unreadable.clear()
    for await (const { name, about, text, version: stored } of this.#options.store.list()) {
      const history = this.#writer.learned(name, text, stored)
      if (history === undefined) {
        this.#beginAgain(name, about)
        continue
      }
      this.#objects.learnStored(history)
      this.#heard.learn(history)
      const lastAt = lastAtOf(history)
      this.#hub.learn(name, history, lastAt)
      this.#index(history, lastAt)
      this.#starts.learn(history)
      for (const event of history.events) this.#open.reopen(event)
      visit(history)
    }
    this.#writer.resume()
  }

  /**
   * Records an observation. Resolves when the store has everything that it brings.
   * @param rows what was counted of each caller of its denials
   */
  observed(
    node: string,
    observation: Observation,
    finding: ObservationFinding,
    rows: readonly DenialRow[] = []
  ): Promise<void> {
    const clock = this.#heard.clock(finding.id, this.#now())
    const observed = this.#heard.kept(observedHistory(observation, finding, { node, clock, rows }))
    const [profile = ''] = observed.profiles
    const { events, ...objects } = this.#objects.of(profile)
    const news = { ...observed, ...objects }
    this.#index(news)
    this.#starts.learn(news)
    return this.#writer.add({ ...news, events })
  }

  /** Records that this hub started. */
  readonly hubStarted = (): void => this.#hub.started()

  /** Records that this hub became the active one, after it has read what the last one recorded. */
  readonly hubTookOver = (): void => this.#hub.tookOver()

  /** Records that the active hub stops by itself. */
  readonly hubStopped = (): void => this.#hub.stopped()

  /** Records what people and policies decided, as the store reports it. */
  readonly stored = (event: StoreEvent): void => this.#objects.stored(event)

  /** See `ObjectRecorder`. */
  readonly compare = (isGone: IsGone): Promise<MissedDeletion[]> => this.#objects.compare(isGone)

  /** Calls the listener for each deletion that `compare` found. */
  readonly onMissed: MissedList['onMissed'] = (listener) => this.#objects.onMissed(listener)

  satelliteStarted(hello: Hello): void {
    for (const event of satelliteEvents(hello, this.#options.now())) this.#installation(event)
  }

  /** Records the begin and the end of what is wrong with a container; nothing is wrong with one that is gone. */
  troubles({ key, workload, troubles }: ContainerTroubles): void {
    // A hub on standby knows no container: that ends nothing.
    if (this.#options.mayWrite?.() === false) return
    const events = this.#open.update(key, troubles, this.#now())
    if (events.length > 0) this.#add(workload, events)
  }

  /** Returns since when a container has a trouble, if that was recorded before. */
  troubledSince(key: string, kind: string): string | undefined {
    return this.#open.since(key, kind)
  }

  /** Returns the restarts of containers under a revision, as far as histories have them. */
  readonly restartsUnder: RecordedStarts['restartsUnder'] = (revision) =>
    this.#starts.restartsUnder(revision)

  readonly startsAt: RecordedStarts['startsAt'] = (place) => this.#starts.startsAt(place)

  /** Lists the workloads with a history. */
  readonly workloads = (): WorkloadKey[] => this.#workloads.list()

  /** Returns the workloads that are learned into a profile. */
  readonly workloadsOf = (profile: string): WorkloadKey[] => this.#workloads.of(profile)

  /** Returns since when a workload has a history; empty where it has none. */
  readonly sinceOf = (workload: WorkloadKey): string => this.#workloads.sinceOf(workload)

  /** Lists the names of documents that cannot be read, and that are of no workload that is known. */
  readonly unreadable = (): string[] => [...this.#unreadable]

  readonly get = (workload: WorkloadKey) => this.#writer.get(workload)

  readonly flush = (): Promise<void> => this.#writer.flush()

  /** Writes everything at once from now on. */
  readonly hurry = (): Promise<void> => this.#writer.hurry()

  readonly close = (): Promise<void> => this.#writer.close()

  #now(): string {
    return new Date(this.#options.now()).toISOString()
  }

  /** A document that is no history is set aside by the next write; the history of its workload, or else of all, says so. */
  #beginAgain(name: string, about: string): void {
    const { logger, mayWrite } = this.#options
    logger.warn({ code: 'STORE_CORRUPT', object: name, workload: about }, 'history not readable')
    const own = workloadOfText(about)
    const isKnown = historyName(own) === name
    if (isKnown) this.#index(emptyHistory(own, this.#now()))
    else this.#unreadable.add(name)
    if (mayWrite?.() === false) return
    const at = this.#now()
    const event = unreadableEvent(name, isKnown, at)
    this.#add(isKnown ? own : installationKey, [event], { since: at })
  }

  #add(
    workload: WorkloadKey,
    events: readonly HistoryEvent[],
    more: Partial<Pick<WorkloadHistory, 'objects' | 'since'>> = {}
  ): void {
    const news = { ...emptyHistory(workload, this.#now()), events: [...events], ...more }
    this.#index(news)
    void this.#writer.add(news)
  }

  readonly #installation = (event: HistoryEvent): void => this.#add(installationKey, [event])

  #index(history: WorkloadHistory, lastAt = this.#now()): void {
    const name = historyName(history.workload)
    this.#objects.learn(name, history)
    this.#unreadable.delete(name)
    this.#workloads.add(history, lastAt)
    if (this.#workloads.size > mostWorkloads) this.#forgetOldest()
  }

  /** Deletes the oldest histories of the namespaces that have most. */
  #forgetOldest(): void {
    if (this.#options.mayWrite?.() === false) return
    for (const name of this.#workloads.forgetOldest(mostWorkloads * 0.98)) {
      this.#objects.forget(name)
      void this.#writer.forget(name)
    }
  }
}
