import {
  AuthenticationV1Api,
  AuthorizationV1Api,
  KubeConfig,
  V1SubjectAccessReview,
  V1TokenReview,
  type V1UserInfo
} from '@kubernetes/client-node'
import { apiGroup } from '../../../src/api/names.js'
import { kubernetesObjects } from '../../../src/store/kubernetes-objects.js'
import { fromApiServer } from '../../../src/store/kubernetes-errors.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { DelegatedWrites } from '../../access/delegated-writes.js'
import {
  type ClusterUser as User,
  type Identity,
  type Resource,
  resourceNames,
  type Rights,
  type Verb,
  type WritingMeans
} from '../../access/rights.js'
import { delegatedObjects } from './delegated-objects.js'

/** An answer of the API server is reused for this long: a page asks the same question for each of its buttons. */
const freshMs = 10_000
/** A token is reviewed again after this long, so that a revoked token does not last as long as the session. */
const reviewMs = 60_000

function resourceOf(of: Resource): { resource: string; subresource?: string } {
  const [resource = '', subresource] = resourceNames[of].split('/')
  return { resource, ...(subresource === undefined ? {} : { subresource }) }
}

/** Returns the configuration for the same API server with another token, and without our own credentials. */
function configOf(own: KubeConfig, token: string): KubeConfig {
  const cluster = own.getCurrentCluster()
  if (cluster === null) throw new SeccoError('UNAVAILABLE', 'the configuration names no cluster')
  const config = new KubeConfig()
  config.loadFromClusterAndUser(cluster, { name: 'person', token })
  return config
}

/** ReviewClient asks the API server about tokens and permissions, with our own account. */
class ReviewClient {
  readonly #authentication: AuthenticationV1Api
  readonly #authorization: AuthorizationV1Api

  constructor(config: KubeConfig) {
    this.#authentication = config.makeApiClient(AuthenticationV1Api)
    this.#authorization = config.makeApiClient(AuthorizationV1Api)
  }

  /** Returns the user of a token (TokenReview), or undefined if the token is not valid. */
  async review(token: string): Promise<User | undefined> {
    const body = {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {} },
      spec: { token }
    }
    try {
      const { status } = await this.#authentication.createTokenReview({
        body: Object.assign(new V1TokenReview(), body)
      })
      return status?.authenticated === true ? userOf(status.user) : undefined
    } catch (error) {
      throw fromApiServer(error, 'TokenReview')
    }
  }

  /** Returns whether the user may do this (SubjectAccessReview). */
  async allows(user: User, { verb, resource, namespace, name }: Access): Promise<boolean> {
    const { username, ...others } = user
    const resourceAttributes = {
      group: apiGroup,
      ...resourceOf(resource),
      verb,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name })
    }
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: username, ...others, resourceAttributes }
    }
    try {
      const { status } = await this.#authorization.createSubjectAccessReview({
        body: Object.assign(new V1SubjectAccessReview(), body)
      })
      return status?.allowed === true && status.denied !== true
    } catch (error) {
      throw fromApiServer(error, 'SubjectAccessReview')
    }
  }
}

interface Access {
  verb: Verb
  resource: Resource
  namespace: string | undefined
  name: string | undefined
}

function userOf(user: V1UserInfo | undefined): User | undefined {
  if (user?.username === undefined || user.username === '') return undefined
  const { username, groups = [], uid, extra } = user
  return {
    ...{ username, groups },
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra })
  }
}

/** The answers of the API server for one user that are kept at most. */
const mostAnswers = 1000

/**
 * UserPermissions answers what a user may do. It keeps answers, and the review of the user's token, for a short time. A
 * user without a token was named by the API server with this one request.
 */
class UserPermissions {
  readonly #client: ReviewClient
  readonly #token: string | undefined
  readonly #now: () => number
  readonly #answers = new Map<string, { at: number; answer: boolean }>()
  #user: User | undefined
  #reviewedAt: number

  constructor(client: ReviewClient, token: string | undefined, user: User, now: () => number) {
    this.#client = client
    this.#token = token
    this.#now = now
    this.#user = user
    this.#reviewedAt = now()
  }

  async can(access: Access): Promise<boolean> {
    const user = await this.#currentUser()
    if (user === undefined) return false
    const { verb, resource, namespace, name } = access
    const key = [verb, resource, namespace, name].join(' ')
    const known = this.#answers.get(key)
    if (known !== undefined && this.#now() - known.at < freshMs) return known.answer
    const answer = await this.#client.allows(user, access)
    if (this.#answers.size > mostAnswers) this.#answers.clear()
    this.#answers.set(key, { at: this.#now(), answer })
    return answer
  }

  async #currentUser(): Promise<User | undefined> {
    if (this.#token !== undefined && this.#now() - this.#reviewedAt > reviewMs) {
      this.#user = await this.#client.review(this.#token)
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
 */
export function clusterRights(config: KubeConfig, now: () => number = Date.now): Rights {
  const client = new ReviewClient(config)

  const own = kubernetesObjects(config)

  const writes = new DelegatedWrites()

  function identityOf(user: User, { token, writer }: WritingMeans): Identity {
    const permissions = new UserPermissions(client, token, user, now)
    const can: Identity['can'] = (verb, resource, namespace, name) =>
      permissions.can({ verb, resource, namespace, name })
    const objects =
      token === undefined
        ? delegatedObjects(own, { ...{ user: user.username, can, writes }, id: writer })
        : kubernetesObjects(configOf(config, token))
    return { user: user.username, objects, can }
  }

  return {
    kind: 'cluster',
    async ofToken(token) {
      const user = await client.review(token)
      return user === undefined ? undefined : identityOf(user, { token })
    },
    writes,
    async ofUser(user, means) {
      const { token } = means
      if (token === undefined) return identityOf(user, means)
      const holder = await client.review(token)
      if (holder?.username === user.username) return identityOf(holder, { token })
      throw new SeccoError('UNAUTHENTICATED', `the token is not one of ${user.username}`, {
        hint: 'use one kubeconfig, or the SECCO_TOKEN of the same user'
      })
    }
  }
}
