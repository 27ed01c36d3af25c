import { mergeHistories } from '../../../src/history/merge-history.js'
import type { WorkloadHistory, WorkloadKey } from '../../../src/history/workload-history.js'

/** Records of one workload that wait in memory while the store does not take them. */
const mostPending = 4096

/** Counts the records that can be merged. */
function recordsOf({ starts, denials, events }: WorkloadHistory): number {
  return starts.length + denials.length + events.length
}

/** Returns what a merge of this history costs. */
const sizeOf = (history: WorkloadHistory): number =>
  history.calls.reduce((sum, { names }) => sum + names.length, 1 + recordsOf(history))

/**
 * PendingNews merges the news of one workload. Of its parts each is at least twice as large as the next: a record is
 * merged a few times, and not again with each later report.
 */
export class PendingNews {
  #parts: WorkloadHistory[] = []

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  get isFull(): boolean {
    if (this.#records() >= mostPending && this.#parts.length > 1) this.#parts = this.all()
    return this.#records() >= mostPending
  }

  add(news: WorkloadHistory): void {
    let last = news
    for (let before = this.#parts.at(-1); before !== undefined; before = this.#parts.at(-1)) {
      if (sizeOf(before) >= 2 * sizeOf(last)) break
      this.#parts.pop()
      last = mergeHistories(before, last)
    }
    this.#parts.push(last)
  }

  /** Returns everything as one history; an empty list when there is nothing. */
  all(): WorkloadHistory[] {
    // The smallest first.
    const [first, ...others] = this.#parts.toReversed()
    return first === undefined ? [] : [others.reduce((all, one) => mergeHistories(one, all), first)]
  }

  /** Returns everything, and forgets it. */
  take(): WorkloadHistory | undefined {
    const [all] = this.all()
    this.#parts = []
    return all
  }

  #records(): number {
    return this.#parts.reduce((sum, one) => sum + recordsOf(one), 0)
  }
}

/** One workload with something that the store may lack. */
export interface Queue {
  readonly workload: WorkloadKey
  /** What is not written yet. */
  readonly pending: PendingNews
  /** What is being written now. */
  writing: WorkloadHistory | undefined
  waiting: (() => void)[]
  /** Of everybody who waits for `pending`. */
  stored: Promise<void> | undefined
  /** Times of performance.now() of the newest writes. */
  written: number[]
  dueAt: number
  failures: number
}

/** Returns a queue without anything to write. */
export function newQueue(workload: WorkloadKey): Queue {
  return {
    ...{ workload, pending: new PendingNews(), writing: undefined, waiting: [] },
    ...{ stored: undefined, written: [] },
    ...{ dueAt: Number.POSITIVE_INFINITY, failures: 0 }
  }
}
