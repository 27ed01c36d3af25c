import { createHash } from 'node:crypto'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import { ClientLimits, type Rate } from './client-limits.js'

export interface BoundedReviewsOptions<Answer> {
  /** Asks the API server who has a token. */
  review: (token: string) => Promise<Answer>
  isAccepted: (answer: Answer) => boolean
  /** Returns how long an answer counts, in ms. */
  keptMs: (answer: Answer) => number
  /** Accepted tokens, and rejected ones, whose answers are kept. */
  mostAnswers: number
  /** Tokens that were never accepted, of one client and of all. */
  ofOne: Rate
  ofAll: Rate
  now: () => number
}

interface Kept<Answer> {
  answer: Answer
  until: number
}

/**
 * BoundedReviews asks the API server who has a token, so that invented tokens do not become load on it: one question at a
 * time about each token, answers kept for some time, and limits on tokens that were never accepted. The owners of accepted
 * ones are not limited by what others send. Tokens are kept as digests.
 */
export class BoundedReviews<Answer> {
  readonly #options: BoundedReviewsOptions<Answer>
  /** Apart, so that what is invented drops no accepted token. */
  readonly #accepted = new Map<string, Kept<Answer>>()
  readonly #rejected = new Map<string, Kept<Answer>>()
  readonly #asking = new Map<string, Promise<Answer>>()
  readonly #limits: ClientLimits

  constructor(options: BoundedReviewsOptions<Answer>) {
    this.#options = options
    const { ofOne, ofAll, now } = options
    this.#limits = new ClientLimits({
      ...{ ofOne, ofAll, now, what: 'unknown tokens' },
      hint: 'try again in a second; a token that was accepted before is not limited'
    })
  }

  /**
   * Returns the answer about a token; an earlier one counts for some time.
   * @param client address or name of whoever sent the token
   * @throws SeccoError UNAVAILABLE, with `retryAfter` if the client or all together sent too many unknown tokens
   */
  async answerOf(token: string, client: string): Promise<Answer> {
    const key = keyOf(token)
    const known = this.#accepted.get(key) ?? this.#rejected.get(key)
    if (known !== undefined && this.#options.now() < known.until) return known.answer
    if (!this.#asking.has(key) && !this.#accepted.has(key)) this.#limits.take(client)
    return this.#ask(token, key)
  }

  /** Returns a new answer about a token. @throws SeccoError UNAVAILABLE */
  async askAgain(token: string): Promise<Answer> {
    return this.#ask(token, keyOf(token))
  }

  #ask(token: string, key: string): Promise<Answer> {
    const running = this.#asking.get(key)
    if (running !== undefined) return running
    const question = this.#askNow(token, key).finally(() => this.#asking.delete(key))
    this.#asking.set(key, question)
    return question
  }

  async #askNow(token: string, key: string): Promise<Answer> {
    const { review, isAccepted, keptMs, mostAnswers, now } = this.#options
    const answer = await review(token)
    this.#accepted.delete(key)
    const kept = isAccepted(answer) ? this.#accepted : this.#rejected
    kept.delete(key)
    kept.set(key, { answer, until: now() + keptMs(answer) })
    dropOldest(kept, mostAnswers)
    return answer
  }
}

const keyOf = (token: string): string => createHash('sha256').update(token).digest('base64')
