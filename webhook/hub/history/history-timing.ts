/** HistoryTiming is in milliseconds. */
export interface HistoryTiming {
  /** How long what happens is collected before a write. */
  historyWaitMs: number
  /** In a time of this length one workload is written at most twice. */
  historyWindowMs: number
  /** Least time between two writes of any workloads: the API server is shared. */
  historySpacingMs: number
  /** The first wait after a failed write; it doubles up to half a minute. */
  retryMs: number
}
