import { BoundedReviews } from '../../access/bounded-reviews.js'
import { ClientLimits } from '../../access/client-limits.js'
import type { Rejection } from './rejections.js'

/** SatelliteIdentity is the node of a stream that has authenticated. */
export interface SatelliteIdentity {
  node: string
  by: 'certificate' | 'token'
  /** When the token expires, in ms since 1970. */
  expiresAtMs?: number
  /** The pod that the token is bound to. */
  pod?: string
}

/**
 * ReviewToken reviews a token. With `fresh`, earlier answers do not count.
 * @param client address of the satellite, or its node once that is known: what one client sends is limited
 * @throws SeccoError UNAVAILABLE when no review is possible now.
 */
export type ReviewToken = (
  token: string,
  fresh?: boolean,
  client?: string
) => Promise<SatelliteIdentity | Rejection>

export function isRejected(answer: SatelliteIdentity | Rejection): answer is Rejection {
  return 'reason' in answer
}

/** How long an answer is valid at most: the token of a deleted pod becomes invalid before it expires. */
const longestMs = 120_000
/** How long a rejection is remembered, so that a repeated bad token causes no load on the API server. */
const rejectedMs = 10_000
const mostAnswers = 10_000
/** Reviews that are sent to the API server at most: a flood of invented tokens must not reach it. */
const reviewRate = { perSecond: 100, burst: 2000 }
/** Those for one address: many nodes may share that of a gateway. */
const ofOneAddress = { perSecond: 20, burst: 500 }
/** Reviews again for one node: a satellite sends a newer token each hour. */
const ofOneNode = { perSecond: 1, burst: 20 }

/**
 * Returns a review that remembers answers until the token expires, for two minutes at most, and shares one review
 * among simultaneous calls with the same token. A token that was accepted is not limited by what others send, and reviews
 * again, which only satellites that are connected ask for, have limits of their own.
 * @param wallClock ms since 1970, for the ends of tokens
 * @param now a monotonic clock, in ms: answers count no longer when the time is set back
 */
export function boundedReview(
  review: ReviewToken,
  wallClock: () => number = Date.now,
  now: () => number = () => performance.now()
): ReviewToken {
  const reviews = new BoundedReviews<SatelliteIdentity | Rejection>({
    review: (token) => review(token),
    isAccepted: (answer) => !isRejected(answer),
    keptMs: (answer) =>
      isRejected(answer)
        ? rejectedMs
        : Math.min(longestMs, (answer.expiresAtMs ?? Number.POSITIVE_INFINITY) - wallClock()),
    ...{ mostAnswers, ofOne: ofOneAddress, ofAll: reviewRate, now }
  })
  const again = new ClientLimits({
    ...{ ofOne: ofOneNode, ofAll: reviewRate, now, what: 'repeated token reviews' },
    hint: 'use the same token again'
  })
  return async (token, fresh = false, client = '') => {
    if (!fresh) return reviews.answerOf(token, client)
    again.take(client)
    return reviews.askAgain(token)
  }
}

const longestToken = 16 * 1024

/** Returns the token of `authorization: Bearer …`; undefined without one. */
export function bearerOf(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > longestToken) return undefined
  return /^Bearer ([\w.~+/=-]+)$/i.exec(header)?.[1]
}
