import { KubeConfig } from '@kubernetes/client-node'
import { kubernetesObjects } from '../../../src/store/kubernetes-objects.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { BoundedPermissions, limitedAs } from '../../access/bounded-permissions.js'
import { BoundedReviews } from '../../access/bounded-reviews.js'
import { DelegatedWrites } from '../../access/delegated-writes.js'
import type {
  Access,
  ClusterUser as User,
  Identity,
  Rights,
  WritingMeans
} from '../../access/rights.js'
import { delegatedObjects } from './delegated-objects.js'
import { ReviewCalls, type TokenStatus } from './review-calls.js'

/**
 * A session, or a request, reuses an answer of the API server for this long: a page asks the same question for each of its
 * buttons.
 */
const freshMs = 10_000
/** A token is reviewed again after this long, so that a revoked token does not last as long as the session. */
const reviewMs = 60_000

/** Returns the configuration for the same API server with another token, and without our own credentials. */
function configOf(own: KubeConfig, token: string): KubeConfig {
  const cluster = own.getCurrentCluster()
  if (cluster === null) throw new SeccoError('UNAVAILABLE', 'the configuration names no cluster')
  const config = new KubeConfig()
  config.loadFromClusterAndUser(cluster, { name: 'person', token })
  return config
}

/** Tokens of people whose answers are kept. */
const mostTokens = 4096
/** Unknown tokens of one client, and of all: a person has one, and a pipeline some. */
const ofOneClient = { perSecond: 2, burst: 20 }
const ofAllClients = { perSecond: 20, burst: 200 }

type Reviews = BoundedReviews<User | undefined>

/** What people can make us ask the API server. */
interface Bounded {
  reviews: Reviews
  permissions: BoundedPermissions
}

function boundedReviews(calls: ReviewCalls, now: () => number): Reviews {
  return new BoundedReviews({
    review: async (token) => userOf(await calls.tokenStatus(token)),
    isAccepted: (user) => user !== undefined,
    keptMs: () => freshMs,
    ...{ mostAnswers: mostTokens, ofOne: ofOneClient, ofAll: ofAllClients, now }
  })
}

function userOf({ authenticated, user = {} }: TokenStatus): User | undefined {
  const { username = '', groups = [], uid, extra } = user
  if (authenticated !== true || username === '') return undefined
  return {
    ...{ username, groups },
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra })
  }
}

/** The answers of the API server for one user that are kept at most. */
const mostAnswers = 10_000

/**
 * UserPermissions answers what a user may do. It keeps answers, and the review of the user's token, for a short time. A
 * user without a token was named by the API server with this one request.
 */
class UserPermissions {
  readonly #bounded: Bounded
  readonly #token: string | undefined
  readonly #now: () => number
  readonly #answers = new Map<string, { at: number; answer: boolean }>()
  readonly #sender: string
  #user: User | undefined
  #reviewedAt: number

  constructor(bounded: Bounded, token: string | undefined, user: User, now: () => number) {
    this.#bounded = bounded
    this.#token = token
    this.#now = now
    this.#user = user
    this.#sender = limitedAs(user)
    this.#reviewedAt = now()
  }

  async can(access: Access): Promise<boolean> {
    const user = await this.#currentUser()
    if (user === undefined) return false
    const { verb, resource, namespace, name } = access
    const key = JSON.stringify([verb, resource, namespace, name])
    const known = this.#answers.get(key)
    if (known !== undefined && this.#now() - known.at < freshMs) return known.answer
    const answer = await this.#bounded.permissions.allows(user, access)
    this.#answers.delete(key)
    this.#answers.set(key, { at: this.#now(), answer })
    dropOldest(this.#answers, mostAnswers)
    return answer
  }

  async mustBeValid(): Promise<void> {
    if ((await this.#currentUser()) !== undefined) return
    throw new SeccoError('UNAUTHENTICATED', 'the token is not valid any more', {
      hint: 'log in with one that is valid for this cluster now'
    })
  }

  async #currentUser(): Promise<User | undefined> {
    if (this.#token !== undefined && this.#now() - this.#reviewedAt > reviewMs) {
      this.#user = await this.#bounded.reviews.answerOf(this.#token, this.#sender)
      this.#reviewedAt = this.#now()
      this.#answers.clear()
    }
    return this.#user
  }
}

/**
 * Returns the rights of people in a cluster: they sign in with their own tokens (TokenReview) and may do what the
 * cluster allows them (a SubjectAccessReview for each action, in the API group secco.dev).
 * Rejects with UNAVAILABLE or FORBIDDEN (our own permissions) when the API server does not answer.
 * @param now a monotonic clock, in ms: answers count no longer when the time is set back
 */
export function clusterRights(
  config: KubeConfig,
  now: () => number = () => performance.now()
): Rights {
  const calls = new ReviewCalls(config)
  const reviews = boundedReviews(calls, now)
  const permissions = new BoundedPermissions((user, access) => calls.allows(user, access), now)

  const own = kubernetesObjects(config)

  const writes = new DelegatedWrites()

  function identityOf(user: User, { token, writer }: WritingMeans): Identity {
    const ofUser = new UserPermissions({ reviews, permissions }, token, user, now)
    const can: Identity['can'] = (verb, resource, namespace, name) =>
      ofUser.can({ verb, resource, namespace, name })
    const objects =
      token === undefined
        ? delegatedObjects(own, { ...{ user: user.username, can, writes }, id: writer })
        : kubernetesObjects(configOf(config, token))
    return {
      ...{ user: user.username, objects, can, mustBeValid: () => ofUser.mustBeValid() },
      ...(token !== undefined && { proof: { token } })
    }
  }

  return {
    kind: 'cluster',
    async ofToken(token, _said, sender = '') {
      const user = await reviews.answerOf(token, sender)
      return user === undefined ? undefined : identityOf(user, { token })
    },
    writes,
    async ofUser(user, means) {
      const { token } = means
      if (token === undefined) return identityOf(user, means)
      const holder = await reviews.answerOf(token, limitedAs(user))
      if (holder?.username === user.username) return identityOf(holder, { token })
      throw new SeccoError('UNAUTHENTICATED', `the token is not one of ${user.username}`, {
        hint: 'use one kubeconfig, or the SECCO_TOKEN of the same user'
      })
    }
  }
}
