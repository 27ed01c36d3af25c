import type { KubeConfig } from '@kubernetes/client-node'
import { apiGroup } from '../../../src/api/names.js'
import { type ApiCall, createApiCall } from '../../../src/store/kubernetes-call.js'
import { type Access, type ClusterUser, resourceNames } from '../../access/rights.js'

/** TokenStatus is `status` of a TokenReview (authentication.k8s.io/v1): every member may be absent. */
export interface TokenStatus {
  authenticated?: boolean
  audiences?: string[]
  error?: string
  user?: Partial<ClusterUser>
}

const authentication = '/apis/authentication.k8s.io/v1'
const authorization = '/apis/authorization.k8s.io/v1'

/**
 * ReviewCalls asks the API server about tokens and permissions, with our own account: each time, so that whoever uses it
 * has to bound what others can make it ask. Its promises reject with UNAVAILABLE, or with FORBIDDEN (our own permissions).
 */
export class ReviewCalls {
  readonly #call: ApiCall

  constructor(config: KubeConfig) {
    this.#call = createApiCall(config)
  }

  /** Returns what the API server says of a token (TokenReview). @param audiences default: those of the API server */
  async tokenStatus(token: string, audiences?: string[]): Promise<TokenStatus> {
    const spec = { token, ...(audiences === undefined ? {} : { audiences }) }
    return this.#ask(authentication, 'TokenReview', { spec })
  }

  /** Returns whether the user may do this (SubjectAccessReview). */
  async allows(user: ClusterUser, access: Access): Promise<boolean> {
    const { username, ...others } = user
    const { verb, namespace, name } = access
    const [resource, subresource] = resourceNames[access.resource].split('/')
    // JSON leaves out what is undefined.
    const resourceAttributes = { group: apiGroup, resource, subresource, verb, namespace, name }
    const { allowed, denied } = await this.#ask<{ allowed?: boolean; denied?: boolean }>(
      authorization,
      'SubjectAccessReview',
      { spec: { user: username, ...others, resourceAttributes } }
    )
    return allowed === true && denied !== true
  }

  /** Returns our own user name (SelfSubjectReview), which our approvals carry. */
  async self(): Promise<string> {
    type Self = { userInfo?: { username?: string } }
    const { userInfo } = await this.#ask<Self>(authentication, 'SelfSubjectReview', {})
    return userInfo?.username ?? ''
  }

  async #ask<Status extends object>(
    api: string,
    kind: string,
    review: { spec?: object }
  ): Promise<Partial<Status>> {
    const body = { apiVersion: api.slice('/apis/'.length), kind, ...review }
    const path = `${api}/${kind.toLowerCase()}s`
    const answer = (await this.#call('POST', path, { body, isRepeatable: true, what: kind })) as {
      status?: Partial<Status>
    }
    return answer.status ?? {}
  }
}
