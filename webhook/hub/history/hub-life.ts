import type { HistoryEvent, WorkloadHistory } from '../../../src/history/workload-history.js'
import { earlierTime, knownTime, laterTime } from '../../../src/history/times.js'
import type { HistoryRecorderOptions } from './history-options.js'
import { hubEvent, lastHubEvent } from './hub-events.js'
import { installationName } from './installation.js'
import type { TimeSpan } from './missed-deletions.js'

/** HubLife records when this hub begins and ends, and knows how the active hub before it ended. */
export class HubLife {
  readonly #options: HistoryRecorderOptions
  readonly #record: (event: HistoryEvent) => void
  /** The last event of a hub that the store had, and the time of the newest record of any. */
  #lastHub: HistoryEvent | undefined
  #lastRecord = ''
  /** Since when this hub sees what becomes of the objects of the store. */
  #watchesSince = ''
  #isStopped = false

  constructor(options: HistoryRecorderOptions, record: (event: HistoryEvent) => void) {
    this.#options = options
    this.#record = record
  }

  /** Takes a history that the store has, and when something happened in it last. */
  learn(name: string, history: WorkloadHistory, lastAt: string): void {
    this.#lastRecord = laterTime(this.#lastRecord, earlierTime(lastAt, this.#now()))
    if (name === installationName) this.#lastHub = lastHubEvent(history)
  }

  /** Records that this hub started. Until it is the active one, it does not know how the one before ended. */
  started(): void {
    this.#watchesSince = this.#now()
    const last = this.#options.mayWrite?.() === false ? undefined : this.#lastHub
    this.#record(hubEvent('started', this.#now(), last, this.#lastSign()))
  }

  /** Records that this hub became the active one, after it has read what the last one recorded. */
  tookOver(): void {
    this.#record(hubEvent('active', this.#now(), this.#lastHub, this.#lastSign()))
  }

  /** Records that the active hub stops by itself. */
  stopped(): void {
    if (this.#isStopped || this.#options.mayWrite?.() === false) return
    this.#isStopped = true
    this.#record(hubEvent('stopped', this.#now()))
  }

  /**
   * Returns the time in which nobody recorded what was deleted: from the end of the last active hub until this one began
   * to watch. What a hub that was killed saw at last may not have been written.
   */
  unwatched(): TimeSpan {
    const to = this.#watchesSince === '' ? this.#now() : this.#watchesSince
    const { id = '', at = '' } = this.#lastHub ?? {}
    if (id.endsWith(' stopped') && at < to) return { from: at, to, isOrderly: true }
    const sign = this.#lastSign()
    const { historyWaitMs, historyWindowMs } = this.#options.timing
    const from =
      sign === '' ? '' : new Date(Date.parse(sign) - historyWaitMs - historyWindowMs).toISOString()
    // Another hub was active while this one watched on standby: what is missing was gone before.
    return { from: from < to ? from : '', to, isOrderly: false }
  }

  #now(): string {
    return new Date(this.#options.now()).toISOString()
  }

  /** Returns when the hub before this one was last known to run; empty: not known. */
  #lastSign(): string {
    return knownTime(this.#options.lastSign?.()) || this.#lastRecord
  }
}
