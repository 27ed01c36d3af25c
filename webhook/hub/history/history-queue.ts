import type { WorkloadHistory, WorkloadKey } from '../../../src/history/workload-history.js'

/** One workload with something that the store may lack. */
export interface Queue {
  readonly workload: WorkloadKey
  /** What is not written yet. */
  pending: WorkloadHistory | undefined
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

/** Counts the records that can be merged. */
export function recordsOf(history: WorkloadHistory | undefined): number {
  if (history === undefined) return 0
  return history.starts.length + history.denials.length + history.events.length
}

/** Returns a queue without anything to write. */
export function newQueue(workload: WorkloadKey): Queue {
  return {
    ...{ workload, pending: undefined, writing: undefined, waiting: [] },
    ...{ stored: undefined, written: [] },
    ...{ dueAt: Number.POSITIVE_INFINITY, failures: 0 }
  }
}
