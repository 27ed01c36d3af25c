import type { RequestOptions } from 'node:http'
import type { KubeConfig } from '@kubernetes/client-node'
import { hubPath, hubRoot } from '../../src/api/hub-path.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { createApiCall } from '../../src/store/kubernetes-call.js'
import { httpStatus } from '../../src/store/kubernetes-errors.js'
import { writeForHub } from './delegated-writes.js'
import type { HubAccess } from './hub-api.js'

/** Errors of an API server that has no such API, or does not show it: a forwarded port may still work. */
const absent: readonly string[] = ['NOT_FOUND', 'FORBIDDEN']

const apiService = hubRoot.split('/').slice(2).reverse().join('.')
const fix = `see why: kubectl get apiservice ${apiService}`

/**
 * Returns whether the API server answers, but not the hub behind it: then a forwarded port may still reach one.
 * @throws SeccoError what failed, as it is: an API server that is away is no missing right
 */
function isHubAway(error: unknown): boolean {
  const failure = toSeccoError(error)
  if (absent.includes(failure.code)) return false
  if (failure.code !== 'UNAVAILABLE' || httpStatus(failure.cause) === undefined) throw failure
  return true
}

/** Returns the namespace that a request to the hub is about; undefined: all, or it says nothing about that. */
export function namespaceOfRequest(path: string, body: unknown): string | undefined {
  const query = new URLSearchParams(path.split('?')[1] ?? '')
  const given = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const text = (member: string): string => {
    const value = query.get(member) ?? given[member]
    return typeof value === 'string' ? value : ''
  }
  const [place = ''] = ['profile', 'name', 'container'].flatMap((member) => {
    const [namespace = '', name] = text(member).split('/')
    return name === undefined ? [] : [namespace]
  })
  const namespace = text('namespace') || place
  return namespace === '' ? undefined : namespace
}

/**
 * Opens the hub of a cluster as an aggregated API: with whatever the kubeconfig proves the user to the API server, and
 * without a right in the namespace of Secco. Returns undefined where the installation does not have it, or where its hub is
 * away and the token may open another way.
 * @param token for changes, which the hub writes with it; undefined: this program writes them
 * @throws SeccoError UNAUTHENTICATED; UNAVAILABLE when the API server does not answer, or the hub and there is no token
 */
export async function openAggregatedHub(
  config: KubeConfig,
  token: string | undefined
): Promise<HubAccess | undefined> {
  const cluster = config.getCurrentCluster()
  if (cluster === null) return undefined
  try {
    await createApiCall(config)('GET', hubRoot)
  } catch (error) {
    if (!isHubAway(error) || token !== undefined) return undefined
    throw new SeccoError('UNAVAILABLE', toSeccoError(error).message, { cause: error, hint: fix })
  }
  const server = cluster.server.replace(/\/$/, '')
  // A trace is asked for by its id alone after it was started in a namespace.
  let last: string | undefined
  const access: HubAccess = {
    name: 'active',
    ui: `${server}${hubPath(undefined)}`,
    ...(token === undefined ? {} : { token }),
    fix,
    async via(path, body) {
      last = namespaceOfRequest(path, body) ?? last
      const options: RequestOptions = {}
      // Each time: tokens and certificates are renewed behind it.
      await config.applyToHTTPSOptions(options)
      if (cluster.proxyUrl === undefined) options.agent = false
      return { url: `${server}${hubPath(last)}${path}`, options }
    }
  }
  if (token !== undefined) return access
  return { ...access, writes: (id, signal) => writeForHub(config, access, id, signal) }
}
