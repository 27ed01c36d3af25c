import { createHash } from 'node:crypto'
import { SeccoError } from '../../../src/lib/errors.js'
import { createBucket } from '../../../src/lib/pace.js'
import type { Refused } from './refusals.js'

/** Who speaks on a stream, once it is proven. */
export interface Identity {
  node: string
  by: 'certificate' | 'token'
  /** Of a token: when it ends, in ms since 1970. */
  expiresAtMs?: number
  /** Of a token: the pod that it is bound to. */
  pod?: string
}

/**
 * Asks whether a token is good. Rejects when nobody can tell now (UNAVAILABLE). `fresh`: what was
 * answered before does not count.
 */
export type ReviewToken = (token: string, fresh?: boolean) => Promise<Identity | Refused>

export function isRefused(answer: Identity | Refused): answer is Refused {
  return 'reason' in answer
}

/** An answer holds so long at most: a token whose pod is gone dies earlier than its text says. */
const longestMs = 120_000
/** A refusal is remembered so long: nobody makes the API server work by repeating a bad token. */
const refusedMs = 10_000
const mostAnswers = 10_000
/** Questions to the API server: a flood of invented tokens is ours to bear, not its. */
const asked = { perSecond: 100, burst: 2000 }

/**
 * Remembers answers until the token ends, two minutes at most, and shares one question among those who
 * ask the same at once. Tokens are kept as digests. `now` in ms.
 */
export function cachedReview(review: ReviewToken, now: () => number = Date.now): ReviewToken {
  const answers = new Map<string, { answer: Identity | Refused; until: number }>()
  const asking = new Map<string, Promise<Identity | Refused>>()
  const bucket = createBucket(asked.perSecond, asked.burst)

  async function ask(token: string, key: string): Promise<Identity | Refused> {
    const answer = await review(token)
    const at = now()
    const until = isRefused(answer)
      ? at + refusedMs
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

/** The token of `authorization: Bearer …`; undefined without one. */
export function bearerOf(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > longestToken) return undefined
  return /^Bearer ([\w.~+/=-]+)$/i.exec(header)?.[1]
}
