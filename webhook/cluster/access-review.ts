import { AuthenticationV1Api, AuthorizationV1Api, type KubeConfig } from '@kubernetes/client-node'
import { apiGroup } from '../../src/api/names.js'
import { fromApiServer } from '../../src/store/kubernetes-errors.js'
import type { ObjectRef } from '../../src/store/store.js'

/** Somebody as the API server knows them. */
export interface ClusterUser {
  username: string
  groups?: readonly string[]
}

/** Verbs of people on profiles; `approve` is Secco's own. */
export type ProfileVerb = 'get' | 'list' | 'update' | 'patch' | 'approve'

export interface AccessReviewer {
  /** Whether the user may do that to a profile (SubjectAccessReview, authorization.k8s.io/v1). */
  mayProfile(user: ClusterUser, verb: ProfileVerb, ref: ObjectRef): Promise<boolean>
  /** Our own name (SelfSubjectReview): whose approvals ours are. */
  self(): Promise<string>
}

/** Asks the API server each time: rights that are taken away are gone at once. Rejects with UNAVAILABLE, FORBIDDEN. */
export function createAccessReviewer(config: KubeConfig): AccessReviewer {
  return {
    async mayProfile({ username, groups }, verb, { namespace, name }) {
      const api = config.makeApiClient(AuthorizationV1Api)
      const resourceAttributes = {
        group: apiGroup,
        resource: 'seccompprofiles',
        verb,
        namespace,
        name
      }
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: username,
          ...(groups === undefined ? {} : { groups: [...groups] }),
          resourceAttributes
        }
      }
      try {
        const { status } = await api.createSubjectAccessReview({ body })
        return status?.allowed === true && status.denied !== true
      } catch (error) {
        throw fromApiServer(error, 'SubjectAccessReview')
      }
    },
    async self() {
      const api = config.makeApiClient(AuthenticationV1Api)
      try {
        const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
        const { status } = await api.createSelfSubjectReview({ body })
        return status?.userInfo?.username ?? ''
      } catch (error) {
        throw fromApiServer(error, 'SelfSubjectReview')
      }
    }
  }
}
