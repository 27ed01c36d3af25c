import type { KubeConfig, V1Pod } from '@kubernetes/client-node'
import { createServer, type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { SeccoError } from '../../src/lib/errors.js'
import { fromApiServer } from '../../src/store/kubernetes-errors.js'
import { namespace, ports, roleLabels } from '../install/names.js'
import { type KubeconfigOptions, loadKubeconfig } from '../lib/open-store.js'
import { openAggregatedHub } from './aggregated-hub.js'
import type { HubAccess } from './hub-api.js'
import { Hub, type Replicas } from './hub.js'

const isReady = ({ metadata, status }: V1Pod): boolean =>
  metadata?.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

/** Lists the ready pods of the hub by name; at least one of them is ready. */
async function readyPods(config: KubeConfig): Promise<[string, ...string[]]> {
  const { CoreV1Api } = await import('@kubernetes/client-node')
  const labelSelector = `${roleLabels.hub}=true`
  const { items } = await config
    .makeApiClient(CoreV1Api)
    .listNamespacedPod({ namespace, labelSelector })
    .catch((error: unknown) => {
      throw fromApiServer(error, `pods of ${namespace}`)
    })
  const namesOf = (pods: readonly V1Pod[]) => pods.flatMap(({ metadata }) => metadata?.name ?? [])
  const [first, ...more] = namesOf(items.filter(isReady)).sort()
  if (first !== undefined) return [first, ...more]
  const what = items.length === 0 ? 'no hub runs' : 'no hub is ready'
  throw new SeccoError('UNAVAILABLE', `${what} in namespace ${namespace} of this cluster`, {
    hint:
      items.length === 0
        ? `install it with secco install | kubectl apply -f -, or scale it up: kubectl -n ${namespace} get deployments`
        : `see why: kubectl -n ${namespace} get pods`
  })
}

/** Returns the token of the kubeconfig, if it has one. */
async function tokenOf(config: KubeConfig): Promise<string | undefined> {
  const options: { headers?: Record<string, unknown> } = {}
  await config.applyToHTTPSOptions(options)
  const shown = options.headers?.['Authorization']
  return /^Bearer (\S+)$/.exec(typeof shown === 'string' ? shown : '')?.[1]
}

const needsApi = (user: string) =>
  new SeccoError(
    'UNAUTHENTICATED',
    `the hub cannot be asked as ${user}: a forwarded port knows users by their tokens only`,
    {
      hint: 'install Secco with --hub-api, or set SECCO_TOKEN to a token of that user, without --as'
    }
  )

const needsToken = () =>
  new SeccoError(
    'UNAUTHENTICATED',
    'a forwarded port of the hub accepts tokens, and this kubeconfig has a certificate',
    {
      hint: 'install Secco with --hub-api, or set SECCO_TOKEN="$(kubectl create token ACCOUNT)" for the command'
    }
  )

/** Opens a loopback port that the API server forwards to the pod of a hub; it is closed with this process. */
async function forwarded(config: KubeConfig, pod: string): Promise<string> {
  const { PortForward } = await import('@kubernetes/client-node')
  const forward = new PortForward(config)
  const server = createServer((socket) => {
    const errors = new PassThrough()
    errors.on('data', (chunk: Buffer) => socket.destroy(new Error(chunk.toString())))
    socket.on('error', () => undefined)
    forward
      .portForward(namespace, pod, [ports.pages], socket, errors, socket)
      .then((opened) => {
        const stream = opened as { close?: () => void }
        if (socket.destroyed) stream.close?.()
        else socket.once('close', () => stream.close?.())
      })
      .catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/**
 * Opens the hub of a cluster: through the API server where the installation has that, otherwise as if it ran here, as
 * `kubectl port-forward` does. Any replica will do then: those on standby pass requests on to the active hub. The user
 * needs the permission `create` on pods/portforward in their namespace.
 * @param token token of the user; default: that of the kubeconfig.
 * @param report prints a line for the user while a replica does not answer
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT (kubeconfig), UNAVAILABLE, FORBIDDEN, UNAUTHENTICATED.
 */
export async function openClusterHub(
  kubeconfig: KubeconfigOptions,
  token?: string,
  report: (text: string) => void = () => undefined
): Promise<Hub> {
  const config = await loadKubeconfig(kubeconfig)
  const impersonated = config.getCurrentUser()?.impersonateUser ?? undefined
  // The token of the kubeconfig would be that of another user than the one who is meant.
  const own = impersonated === undefined ? await tokenOf(config) : undefined
  const shown = kubeconfig.as ? undefined : (token ?? own)
  const aggregated = await openAggregatedHub(config, shown)
  if (aggregated !== undefined) {
    // The API server finds the replica, each time that a stream is opened again too.
    const replicas: Replicas = [aggregated]
    return new Hub(replicas, { list: () => Promise.resolve(replicas), report })
  }
  if (shown === undefined && impersonated !== undefined) throw needsApi(impersonated)
  if (shown === undefined) throw needsToken()
  const proof = { token: shown }
  const opened = new Map<string, Promise<HubAccess>>()

  async function open(name: string): Promise<HubAccess> {
    return {
      ...{ name, ui: await forwarded(config, name), ...proof },
      fix:
        `see why: kubectl -n ${namespace} describe pod ${name}; ` +
        `check your permission: kubectl auth can-i create pods/portforward -n ${namespace}`
    }
  }
  function once(name: string): Promise<HubAccess> {
    const access = opened.get(name) ?? open(name)
    opened.set(name, access)
    return access
  }
  async function list(): Promise<Replicas> {
    const [first, ...more] = await readyPods(config)
    return [await once(first), ...(await Promise.all(more.map(once)))]
  }
  return new Hub(await list(), { list, report })
}
