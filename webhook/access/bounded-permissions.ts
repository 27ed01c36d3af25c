import { createHash } from 'node:crypto'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import { SeccoError } from '../../src/lib/errors.js'
import { ClientLimits } from './client-limits.js'
import type { Access, ClusterUser } from './rights.js'

/** How long an answer counts for all requests of a user. It is short: somebody who was given a right tries again soon. */
const answerMs = 2000
/**
 * Questions of one user, and of all. A page asks about each namespace where its person may not list all of them: the burst
 * is for clusters with thousands.
 */
const ofOneUser = { perSecond: 100, burst: 10_000 }
const ofAllUsers = { perSecond: 400, burst: 20_000 }
/** Questions at a time: an API server that is slow must not get more and more of them. */
const mostAtOnce = { ofOne: 50, ofAll: 200 }
/** More than there can be within `answerMs`, so that no answer goes before its time. */
const mostAnswers = 24_000

const what = 'questions about permissions'
const hint = 'try again in a second, with fewer requests at a time'

/**
 * Returns who a limit is for: a user, and all ServiceAccounts of a namespace together, because whoever owns the namespace
 * creates as many of them as they like.
 */
export function limitedAs({ username }: Pick<ClusterUser, 'username'>): string {
  const [, namespace] = /^system:serviceaccount:([^:]+):/.exec(username) ?? []
  return namespace === undefined ? `user ${username}` : `ServiceAccounts of ${namespace}`
}

/**
 * BoundedPermissions asks the API server what users may do, so that nobody with a valid token makes any load on it: one
 * question at a time about the same of a user, answers kept for a short time, and limits for each user and in total.
 */
export class BoundedPermissions {
  readonly #ask: (user: ClusterUser, access: Access) => Promise<boolean>
  readonly #now: () => number
  readonly #answers = new Map<string, { answer: boolean; until: number }>()
  readonly #asking = new Map<string, Promise<boolean>>()
  /** How many questions are asked now, by whom they are for. */
  readonly #running = new Map<string, number>()
  readonly #limits: ClientLimits

  constructor(ask: (user: ClusterUser, access: Access) => Promise<boolean>, now: () => number) {
    this.#ask = ask
    this.#now = now
    this.#limits = new ClientLimits({ ofOne: ofOneUser, ofAll: ofAllUsers, now, what, hint })
  }

  /**
   * Returns whether the user may do this.
   * @throws SeccoError UNAVAILABLE, with `retryAfter` if there are too many questions for the user or in total
   */
  async allows(user: ClusterUser, access: Access): Promise<boolean> {
    const key = keyOf(user, access)
    const known = this.#answers.get(key)
    if (known !== undefined && this.#now() < known.until) return known.answer
    const running = this.#asking.get(key)
    if (running !== undefined) return running
    const whose = limitedAs(user)
    this.#mustHaveRoom(whose)
    this.#limits.take(whose)
    const question = this.#askNow(user, access, key).finally(() => {
      this.#asking.delete(key)
      this.#count(whose, -1)
    })
    this.#count(whose, 1)
    this.#asking.set(key, question)
    return question
  }

  async #askNow(user: ClusterUser, access: Access, key: string): Promise<boolean> {
    const answer = await this.#ask(user, access)
    this.#answers.delete(key)
    this.#answers.set(key, { answer, until: this.#now() + answerMs })
    dropOldest(this.#answers, mostAnswers)
    return answer
  }

  #mustHaveRoom(whose: string): void {
    const own = this.#running.get(whose) ?? 0
    if (own < mostAtOnce.ofOne && this.#asking.size < mostAtOnce.ofAll) return
    const from = own < mostAtOnce.ofOne ? 'at once' : `from ${whose}`
    throw new SeccoError('UNAVAILABLE', `too many ${what} ${from}`, { retryAfter: 1, hint })
  }

  #count(whose: string, change: 1 | -1): void {
    const count = (this.#running.get(whose) ?? 0) + change
    if (count === 0) this.#running.delete(whose)
    else this.#running.set(whose, count)
  }
}

/** Returns a name of fixed length for a question, made of everything that the answer depends on. */
function keyOf(user: ClusterUser, { verb, resource, namespace, name }: Access): string {
  const { username, uid, groups, extra } = user
  const parts = [username, uid, groups, extra, verb, resource, namespace, name]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
}
