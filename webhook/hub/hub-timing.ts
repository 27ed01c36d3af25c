import type { HistoryTiming } from './history/history-timing.js'
import {
  sparingWrites,
  type WriteIntervalTiming,
  steadyWrites
} from './observations/write-interval.js'
import { lateMs } from '../views/holds-up.js'
import { type TraceTiming, traceTiming } from './traces/fleet-traces.js'

/** HubTiming is in milliseconds, except for the rates. The defaults are for real fleets. */
export interface HubTiming extends WriteIntervalTiming, TraceTiming, HistoryTiming {
  retryMs: number
  debounceMs: number
  heartbeatMs: number
  stallMs: number
  /** How long a disconnected node counts for readiness. */
  graceMs: number
  /** How long a connected node may lack a revision before it is reported; webhook/views/holds-up.ts has the words. */
  lateMs: number
  /** After this time a disconnected node is forgotten. */
  forgetMs: number
  /** Time between two checks of profiles with an approval policy. */
  promoteMs: number
  /** Time between two writes of a profile's status about nothing but the number of nodes. */
  countMs: number
  /** Observations of one node per second, and at once. */
  perSecond: number
  burst: number
  /** Time between two reviews of the same token. */
  reviewMs: number
  /** How long to wait for a pod that is not known yet. */
  podWaitMs: number
  /** Longer than any observation waits before it is written; see Welcome in hub.proto. */
  resendMs: number
  /** How long a stream waits on a standby hub for an active hub. */
  standbyWaitMs: number
}

export const defaultTiming: HubTiming = {
  ...steadyWrites,
  ...traceTiming,
  coalesceMs: 150,
  retryMs: 1000,
  debounceMs: 100,
  heartbeatMs: 20_000,
  stallMs: 10_000,
  graceMs: 300_000,
  lateMs,
  forgetMs: 7 * 86_400_000,
  promoteMs: 30_000,
  countMs: 0,
  perSecond: 100,
  burst: 2000,
  reviewMs: 300_000,
  podWaitMs: 15_000,
  resendMs: 120_000,
  historyWaitMs: 150,
  historyWindowMs: 60_000,
  historySpacingMs: 0,
  standbyWaitMs: 15_000
}

/** The timing in a cluster, where the API server is shared: fewer writes, and even fewer about the number of nodes. */
export const clusterTiming = {
  ...sparingWrites,
  coalesceMs: 200,
  // Hundreds of revisions reach a node one after the other: each report alone would be a pass over all profiles.
  debounceMs: 250,
  countMs: 30_000,
  // 18 writes a second: 1,000 workloads in a minute.
  historySpacingMs: 55,
  resendMs: 2 * sparingWrites.longestIdleMs
} as const
