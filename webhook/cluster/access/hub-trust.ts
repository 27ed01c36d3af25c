import type { KubeConfig } from '@kubernetes/client-node'
import type { HubOptions } from '../../hub/hub.js'
import { plainChoices, type PlainContainers } from '../../hub/observations/pod-check.js'
import { ReviewCalls } from './review-calls.js'
import { createTokenReviewer } from './token-review.js'

export interface HubTrustOptions {
  /** Audience of satellites' tokens; default `secco-hub`. */
  audience?: string
  /** User name of the satellites' ServiceAccount. */
  account?: string
  plainContainers?: PlainContainers
}

/**
 * Returns how a hub in a cluster checks satellites (the API server reviews their tokens), and our own user name.
 * Rejects with UNAVAILABLE, FORBIDDEN.
 */
export async function hubTrust(
  config: KubeConfig,
  options: HubTrustOptions = {}
): Promise<Pick<HubOptions, 'reviewToken' | 'approver' | 'plainContainers'>> {
  const { audience, account, plainContainers = plainChoices[0] } = options
  return {
    reviewToken: createTokenReviewer({
      config,
      ...(audience === undefined ? {} : { audience }),
      ...(account === undefined ? {} : { account })
    }),
    approver: await new ReviewCalls(config).self(),
    plainContainers
  }
}
