import type { KubeConfig } from '@kubernetes/client-node'
import { apiGroup } from '../../../src/api/names.js'
import { createApiCall } from '../../../src/store/kubernetes-call.js'
import type { ObjectRef } from '../../../src/store/store.js'

/** ClusterUser is a user as the API server knows them. */
interface ClusterUser {
  username: string
  groups?: readonly string[]
}

/** Verbs on profiles; `approve` is Secco's own. */
type ProfileVerb = 'get' | 'list' | 'update' | 'patch' | 'approve'

interface AccessReviewer {
  /** Returns whether the user may do that to a profile (SubjectAccessReview, authorization.k8s.io/v1). */
  mayProfile(user: ClusterUser, verb: ProfileVerb, ref: ObjectRef): Promise<boolean>
  /** Returns our own user name (SelfSubjectReview), which our approvals carry. */
  self(): Promise<string>
}

/** Asks the API server each time, so that a removed permission has effect at once. Rejects with UNAVAILABLE, FORBIDDEN. */
export function createAccessReviewer(config: KubeConfig): AccessReviewer {
  const call = createApiCall(config)
  return {
    async mayProfile({ username, groups }, verb, { namespace, name }) {
      const resource = { group: apiGroup, resource: 'seccompprofiles' }
      const { status } = (await call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: username,
            ...(groups === undefined ? {} : { groups: [...groups] }),
            resourceAttributes: { ...resource, verb, namespace, name }
          }
        }
      })) as { status?: { allowed?: boolean; denied?: boolean } }
      return status?.allowed === true && status.denied !== true
    },
    async self() {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
      const { status } = (await call('POST', path, { body })) as {
        status?: { userInfo?: { username?: string } }
      }
      return status?.userInfo?.username ?? ''
    }
  }
}
