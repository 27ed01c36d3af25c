import type { KubeConfig, V1Pod } from '@kubernetes/client-node'
import { createServer, type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { SeccoError } from '../../src/lib/errors.js'
import { fromApiServer } from '../../src/store/kubernetes-errors.js'
import { namespace, ports, roleLabels } from '../install/names.js'
import { loadKubeconfig } from '../lib/open-store.js'
import type { HubAccess } from './hub-api.js'
import type { Hubs } from './hubs.js'
import type { MissingHub } from '../lib/missing-hubs.js'

const isReady = ({ metadata, status }: V1Pod): boolean =>
  metadata?.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

interface HubPods {
  ready: [string, ...string[]]
  /** Run and are not ready: satellites may be connected to them all the same. */
  unready: string[]
}

/** The hubs' pods by name, at least one of them ready. */
async function hubPods(config: KubeConfig): Promise<HubPods> {
  const { CoreV1Api } = await import('@kubernetes/client-node')
  const labelSelector = `${roleLabels.hub}=true`
  const { items } = await config
    .makeApiClient(CoreV1Api)
    .listNamespacedPod({ namespace, labelSelector })
    .catch((error: unknown) => {
      throw fromApiServer(error, `pods of ${namespace}`)
    })
  const namesOf = (pods: readonly V1Pod[]) => pods.flatMap(({ metadata }) => metadata?.name ?? [])
  const unready = items.filter(
    (pod) =>
      pod.metadata?.deletionTimestamp === undefined &&
      pod.status?.phase === 'Running' &&
      !isReady(pod)
  )
  const [first, ...more] = namesOf(items.filter(isReady)).sort()
  if (first !== undefined) return { ready: [first, ...more], unready: namesOf(unready).sort() }
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

const isUnready = (hub: string): MissingHub => ({
  ...{ hub, code: 'UNAVAILABLE', message: 'its pod is not ready' },
  next: `see why: kubectl -n ${namespace} describe pod ${hub}`
})

/**
 * The hubs of a cluster as if they ran here: the same as `kubectl port-forward` to each; needs the right
 * `create` on pods/portforward in their namespace.
 * @param token who asks; default: the kubeconfig's own.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT (kubeconfig), UNAVAILABLE, FORBIDDEN, UNAUTHENTICATED.
 */
export async function openClusterHubs(kubeconfig: string, token?: string): Promise<Hubs> {
  const config = await loadKubeconfig(kubeconfig)
  const shown = token ?? (await tokenOf(config))
  const opened = new Map<string, Promise<HubAccess>>()

  async function open(name: string): Promise<HubAccess> {
    return {
      ...{ name, ui: await forwarded(config, name), token: shown },
      mend: `see how its pod fares: kubectl -n ${namespace} describe pod ${name}; and whether you may forward a port to it: kubectl auth can-i create pods/portforward -n ${namespace}`
    }
  }
  function once(name: string): Promise<HubAccess> {
    const access = opened.get(name) ?? open(name)
    opened.set(name, access)
    return access
  }
  async function look(): Promise<Hubs> {
    const {
      ready: [first, ...more],
      unready
    } = await hubPods(config)
    return {
      all: [await once(first), ...(await Promise.all(more.map(once)))],
      missing: unready.map(isUnready),
      again: look
    }
  }
  return look()
}
