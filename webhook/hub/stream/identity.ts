import { createHash } from 'node:crypto'
import { SeccoError } from '../../../src/lib/errors.js'
import { createBucket } from '../../../src/lib/pace.js'
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
 * @throws SeccoError UNAVAILABLE when no review is possible now.
 */
export type ReviewToken = (token: string, fresh?: boolean) => Promise<SatelliteIdentity | Rejection>

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

/**
 * Returns a review that remembers answers until the token expires, for two minutes at most, and shares one review
 * among simultaneous calls with the same token. Tokens are kept as digests. `now` in ms.
 */
export function cachedReview(review: ReviewToken, now: () => number = Date.now): ReviewToken {
  const answers = new Map<string, { answer: SatelliteIdentity | Rejection; until: number }>()
  const asking = new Map<string, Promise<SatelliteIdentity | Rejection>>()
  const bucket = createBucket(reviewRate.perSecond, reviewRate.burst)

  async function ask(token: string, key: string): Promise<SatelliteIdentity | Rejection> {
    const answer = await review(token)
    const at = now()
    const until = isRejected(answer)
      ? at + rejectedMs
      : Math.min(at + longestMs, answer.expiresAtMs ?? at + longestMs)
    if (answers.size >= mostAnswers) answers.clear()
    answers.set(key, { answer, until })
    return answer
  }

  return async (token, fresh = false) => {
    const key = createHash('sha256').update(token).digest('base64')
    const known = answers.get(key)
    if (!fresh && known !== undefined && now() < known.until) return known.answer
    const running = asking.get(key)
    if (running !== undefined) return running
    if (!bucket.take(now())) {
      throw new SeccoError('UNAVAILABLE', 'too many tokens to review at once')
    }
    const question = ask(token, key).finally(() => asking.delete(key))
    asking.set(key, question)
    return question
  }
}

const longestToken = 16 * 1024

/** Returns the token of `authorization: Bearer …`; undefined without one. */
export function bearerOf(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > longestToken) return undefined
  return /^Bearer ([\w.~+/=-]+)$/i.exec(header)?.[1]
}
