import { sparingRhythm, type RhythmTiming, steadyRhythm } from './observations/rhythm.js'

/** All in milliseconds but for the rates. The defaults are for real fleets. */
export interface HubTiming extends RhythmTiming {
  retryMs: number
  debounceMs: number
  heartbeatMs: number
  stallMs: number
  /** A node that is away counts for readiness this long. */
  graceMs: number
  /** A node that is away longer is forgotten. */
  forgetMs: number
  /** Between two looks at which profiles their policies approve. */
  promoteMs: number
  /** Between two writes of a profile's status about the number of nodes alone. */
  countMs: number
  /** Observations a second from one node, and at once. */
  perSecond: number
  burst: number
  /** Between two reviews of the same token. */
  reviewMs: number
  /** A pod that is not known yet is waited for so long. */
  podWaitMs: number
  /** Longer than anything waits here before it is written; see Welcome in hub.proto. */
  resendMs: number
}

export const defaultTiming: HubTiming = {
  ...steadyRhythm,
  coalesceMs: 150,
  retryMs: 1000,
  debounceMs: 100,
  heartbeatMs: 20_000,
  stallMs: 10_000,
  graceMs: 300_000,
  forgetMs: 7 * 86_400_000,
  promoteMs: 30_000,
  countMs: 0,
  perSecond: 100,
  burst: 2000,
  reviewMs: 300_000,
  podWaitMs: 15_000,
  resendMs: 0
}

/** In a cluster the API server is shared: fewer writes, and those about counts of nodes fewer still. */
export const clusterTiming = {
  ...sparingRhythm,
  coalesceMs: 200,
  countMs: 30_000,
  resendMs: 2 * sparingRhythm.longestIdleMs
} as const
