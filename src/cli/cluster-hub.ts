import type { KubeConfig, V1Pod } from '@kubernetes/client-node'
import { createServer, type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { SeccoError } from '../errors.js'
import { fromApiServer } from '../store/kubernetes-errors.js'
import { namespace, ports, roleLabels } from './install/names.js'
import { loadKubeconfig } from './open-store.js'
import type { HubAccess } from './hub-api.js'

const isReady = ({ metadata, status }: V1Pod): boolean =>
  metadata?.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

/** Names of the hubs' pods that are ready, at least one. */
async function hubPods(config: KubeConfig): Promise<[string, ...string[]]> {
  const { CoreV1Api } = await import('@kubernetes/client-node')
  const labelSelector = `${roleLabels.hub}=true`
  const { items } = await config
    .makeApiClient(CoreV1Api)
    .listNamespacedPod({ namespace, labelSelector })
    .catch((error: unknown) => {
      throw fromApiServer(error, `pods of ${namespace}`)
    })
  const [first, ...more] = items.filter(isReady).flatMap(({ metadata }) => metadata?.name ?? [])
  if (first !== undefined) return [first, ...more]
  const what = items.length === 0 ? 'no hub runs' : 'no hub is ready'
  throw new SeccoError('UNAVAILABLE', `${what} in namespace ${namespace} of this cluster`, {
    hint:
      items.length === 0
        ? `see whether it is installed or scaled to 0: kubectl -n ${namespace} get deployments; install it: secco install | kubectl apply -f -`
        : `see why: kubectl -n ${namespace} get pods`
  })
}

/** What the kubeconfig shows to the API server, as the pages take it: a token. */
async function tokenOf(config: KubeConfig): Promise<string> {
  const options: { headers?: Record<string, unknown> } = {}
  await config.applyToHTTPSOptions(options)
  const shown = options.headers?.['Authorization']
  const token = /^Bearer (\S+)$/.exec(typeof shown === 'string' ? shown : '')?.[1]
  if (token !== undefined) return token
  throw new SeccoError(
    'UNAUTHENTICATED',
    'the hub takes tokens, and this kubeconfig proves you by a certificate',
    { hint: 'SECCO_TOKEN="$(kubectl create token ACCOUNT)" before the command' }
  )
}

/** A port of this machine's loopback that the API server forwards to a hub's pod; it goes with this process. */
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
        socket.once('close', () => stream.close?.())
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

/** The hubs' pods, and how to reach one. */
async function hubsOf(kubeconfig: string, token: string | undefined) {
  const config = await loadKubeconfig(kubeconfig)
  const shown = token ?? (await tokenOf(config))
  const open = async (pod: string): Promise<HubAccess> => ({
    ui: await forwarded(config, pod),
    token: shown,
    mend: `see whether you may forward a port to its pod: kubectl auth can-i create pods/portforward -n ${namespace}`
  })
  return { pods: await hubPods(config), open }
}

/**
 * A hub of a cluster as if it ran here: the same as `kubectl port-forward`; needs the right `create` on
 * pods/portforward in its namespace.
 * @param token who asks; default: the kubeconfig's own.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT (kubeconfig), UNAVAILABLE, FORBIDDEN, UNAUTHENTICATED.
 */
export async function openClusterHub(kubeconfig: string, token?: string): Promise<HubAccess> {
  const { pods, open } = await hubsOf(kubeconfig, token)
  return open(pods[0])
}

/** Every one of them: each knows what its own satellites see. @throws as openClusterHub */
export async function openClusterHubs(kubeconfig: string, token?: string): Promise<HubAccess[]> {
  const { pods, open } = await hubsOf(kubeconfig, token)
  return Promise.all(pods.map(open))
}
