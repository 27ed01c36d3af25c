import {
  AuthenticationV1Api,
  AuthorizationV1Api,
  KubeConfig,
  V1SubjectAccessReview,
  V1TokenReview
} from '@kubernetes/client-node'
import { apiGroup } from '../../../src/api/names.js'
import { kubernetesObjects } from '../../../src/store/kubernetes-objects.js'
import { fromApiServer } from '../../../src/store/kubernetes-errors.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { Identity, Resource, Rights, Verb } from '../../access/rights.js'

/** An answer of the API server is believed for so long: a page asks the same for each of its buttons. */
const freshMs = 10_000
/** A token is reviewed again after so long: who lost it is out soon, not when the session ends. */
const reviewMs = 60_000

interface User {
  username: string
  groups: string[]
  uid?: string
  extra?: Record<string, string[]>
}

/** Where our resources are in the API: what has no object of its own is a subresource, for roles to name. */
const resourceOf: Readonly<Record<Resource, { resource: string; subresource?: string }>> = {
  seccompprofiles: { resource: 'seccompprofiles' },
  seccomprules: { resource: 'seccomprules' },
  nodes: { resource: 'seccompprofiles', subresource: 'nodes' },
  denials: { resource: 'seccompprofiles', subresource: 'denials' },
  containers: { resource: 'seccompprofiles', subresource: 'containers' },
  links: { resource: 'seccompprofiles', subresource: 'links' }
}

/** The same API server, asked as the holder of a token. Nothing of our own account goes with it. */
function configOf(own: KubeConfig, token: string): KubeConfig {
  const cluster = own.getCurrentCluster()
  if (cluster === null) throw new SeccoError('UNAVAILABLE', 'the configuration names no cluster')
  const config = new KubeConfig()
  config.loadFromClusterAndUser(cluster, { name: 'person', token })
  return config
}

/**
 * People by their own tokens of the cluster (TokenReview), allowed what the cluster allows them
 * (SubjectAccessReview for each action, in the API group secco.dev; verbs are those of the pages).
 * Rejects with UNAVAILABLE, FORBIDDEN (our own rights) when the API server does not answer.
 */
export function clusterRights(config: KubeConfig, now: () => number = Date.now): Rights {
  const authentication = config.makeApiClient(AuthenticationV1Api)
  const authorization = config.makeApiClient(AuthorizationV1Api)

  async function review(token: string): Promise<User | undefined> {
    try {
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: {},
        spec: { token }
      }
      const { status } = await authentication.createTokenReview({
        body: Object.assign(new V1TokenReview(), body)
      })
      const user = status?.user
      if (status?.authenticated !== true || user?.username === undefined || user.username === '')
        return undefined
      const { groups = [], uid, extra } = user
      return {
        username: user.username,
        groups,
        ...(uid === undefined ? {} : { uid }),
        ...(extra === undefined ? {} : { extra })
      }
    } catch (error) {
      throw fromApiServer(error, 'TokenReview')
    }
  }

  async function allowed(
    user: User,
    verb: Verb,
    resource: Resource,
    namespace: string | undefined,
    name: string | undefined
  ): Promise<boolean> {
    const { username, ...others } = user
    try {
      const resourceAttributes = {
        group: apiGroup,
        ...resourceOf[resource],
        verb,
        ...(namespace === undefined ? {} : { namespace }),
        ...(name === undefined ? {} : { name })
      }
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: username, ...others, resourceAttributes }
      }
      const { status } = await authorization.createSubjectAccessReview({
        body: Object.assign(new V1SubjectAccessReview(), body)
      })
      return status?.allowed === true && status.denied !== true
    } catch (error) {
      throw fromApiServer(error, 'SubjectAccessReview')
    }
  }

  function identityOf(token: string, first: User): Identity {
    let user: User | undefined = first
    let reviewedAt = now()
    const known = new Map<string, { at: number; answer: boolean }>()
    return {
      user: first.username,
      objects: kubernetesObjects(configOf(config, token)),
      async can(verb, resource, namespace, name) {
        if (now() - reviewedAt > reviewMs) {
          user = await review(token)
          reviewedAt = now()
          known.clear()
        }
        if (user === undefined) return false
        const key = [verb, resource, namespace, name].join(' ')
        const before = known.get(key)
        if (before !== undefined && now() - before.at < freshMs) return before.answer
        const answer = await allowed(user, verb, resource, namespace, name)
        if (known.size > 1000) known.clear()
        known.set(key, { at: now(), answer })
        return answer
      }
    }
  }

  return {
    kind: 'cluster',
    async ofToken(token) {
      const user = await review(token)
      return user === undefined ? undefined : identityOf(token, user)
    }
  }
}
