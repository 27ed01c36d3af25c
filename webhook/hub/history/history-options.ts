import type { Logger } from '../../../src/lib/log.js'
import type { HistoryStore } from '../../../src/store/history-store.js'
import type { HistoryTiming } from './history-timing.js'

/** HistoryRecorderOptions is what a HistoryRecorder needs. */
export interface HistoryRecorderOptions {
  store: HistoryStore
  timing: HistoryTiming
  logger: Logger
  now: () => number
  /** False while another hub is the active one; default: always true. */
  mayWrite?: () => boolean
  /** Returns when the hub that was the active one before was last known to be; undefined: not known. */
  lastSign?: () => string | undefined
  /** The store is a folder, which proves no deletion by another uid; see `goneFrom`. */
  isFolder?: boolean
}
