import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { earlierTime } from '../../../src/history/times.js'
import type {
  HistoryCaller,
  HistoryDenial,
  HistoryStart,
  WorkloadHistory
} from '../../../src/history/workload-history.js'

/** Times that are remembered: a node may report as many as it likes. */
const mostTimes = 50_000

/** HubClock has the hub's time, and bounds the times that a node reports. */
export interface HubClock {
  /** RFC 3339. */
  now: string
  /** Returns a time of a node, or when the hub heard of it where that is earlier: the node's clock is ahead. */
  readonly notAfterNow: (time: string) => string
}

export const clockAt = (now: string): HubClock => ({
  now,
  notAfterNow: (time) => earlierTime(time, now)
})

const keyOfDenial = ({ instance, abi, syscall, action, count }: HistoryDenial): string =>
  `denial ${instance} ${abi} ${syscall} ${action} ${count}`

const keyOfCaller = (denial: string, { comm, answer, arguments: args, count }: HistoryCaller) =>
  `${denial} ${answer} ${count} ${args ?? ''} ${comm}`

/**
 * HeardTimes remembers when the hub heard first of a time that was in its future then. A satellite reports the same times
 * again and again: with the present for each of them, each report would bring something new. Of what was recorded before
 * this hub began, it keeps the recorded time.
 */
export class HeardTimes {
  readonly #heard = new Map<string, string>()
  /** The times in stored histories: of the ends of runs, and of the newest call of each denial by its count. */
  readonly #recorded = new Map<string, string>()
  readonly #most: number

  constructor(most = mostTimes) {
    this.#most = most
  }

  /** Returns the clock for a report. @param id of the instance that it is about */
  clock(id: string, now: string): HubClock {
    return { now, notAfterNow: (time) => this.#notAfter(`${id} ${time}`, time, now) }
  }

  /** Takes the times of a history that the store has. */
  learn({ starts, denials }: Pick<WorkloadHistory, 'starts' | 'denials'>): void {
    for (const { run, ended, endedAfter } of starts)
      if (ended !== undefined && endedAfter === undefined) this.#record(`end ${run}`, ended)
    for (const denial of denials) {
      const key = keyOfDenial(denial)
      this.#record(key, denial.last)
      for (const one of denial.callers ?? []) this.#record(keyOfCaller(key, one), one.last)
    }
  }

  /** Returns what a report brings, with the recorded times of what it repeats. */
  kept(news: WorkloadHistory): WorkloadHistory {
    if (this.#recorded.size === 0) return news
    return {
      ...news,
      starts: news.starts.map((one) => this.#keptStart(one)),
      denials: news.denials.map((one) => this.#keptDenial(one))
    }
  }

  #keptStart(start: HistoryStart): HistoryStart {
    const { run, ended, endedAfter } = start
    if (ended === undefined || endedAfter !== undefined) return start
    return { ...start, ended: this.#keptTime(`end ${run}`, ended) }
  }

  #keptDenial(denial: HistoryDenial): HistoryDenial {
    const key = keyOfDenial(denial)
    const { callers } = denial
    const ofCaller = (one: HistoryCaller): HistoryCaller => ({
      ...one,
      last: this.#keptTime(keyOfCaller(key, one), one.last)
    })
    return {
      ...denial,
      last: this.#keptTime(key, denial.last),
      ...(callers && { callers: callers.map(ofCaller) })
    }
  }

  #keptTime(key: string, time: string): string {
    return earlierTime(this.#recorded.get(key) ?? time, time)
  }

  #record(key: string, time: string): void {
    this.#recorded.delete(key)
    this.#recorded.set(key, time)
    dropOldest(this.#recorded, this.#most)
  }

  #notAfter(key: string, time: string, now: string): string {
    const heard = this.#heard.get(key)
    if (heard === undefined && time <= now) return time
    // What is reported again is kept longest.
    this.#heard.delete(key)
    this.#heard.set(key, heard ?? now)
    dropOldest(this.#heard, this.#most)
    return heard ?? now
  }
}
