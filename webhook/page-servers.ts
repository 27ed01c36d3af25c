import type { IncomingMessage, Server } from 'node:http'
import { join } from 'node:path'
import type { CertificateSource } from '../certs/certificate-source.js'
import { rootNamespace } from '../src/api/names.js'
import { SeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import { type SessionStorage, sessionFile } from './access/kept-sessions.js'
import type { Identity } from './access/rights.js'
import { FrontProxy } from './cluster/access/request-header.js'
import { secretSessions } from './cluster/access/session-secret.js'
import type { CloseSteps } from './cluster/close-steps.js'
import type { JoinedCluster } from './cluster/cluster.js'
import type { Hub } from './hub/hub.js'
import { ReplicaLink } from './hub/stream/replica-link.js'
import { openAggregatedApi } from './ui/aggregated-api.js'
import { routePages } from './ui/page-route.js'
import type { Address, WebhookOptions } from './webhook-options.js'

interface Shared {
  cluster: JoinedCluster | undefined
  /** The server of pages and API. */
  server: Server
  log: Logger
  closing: CloseSteps
}

/** Passes connections of the pages on to the active hub, and serves those of other replicas while it is here. */
export function routeToActive(
  hub: Hub | undefined,
  { cluster, server, log, closing }: Shared
): void {
  if (cluster?.pages === undefined || hub === undefined) return
  const { replicas } = hub
  const route = { ...cluster.pages, dial: (address: string) => replicas.dial(address) }
  const routed = routePages(server, route, log)
  closing.add(() => routed.close())
  replicas.serve((socket) => {
    if (!route.isHere()) {
      socket.destroy()
      return
    }
    ReplicaLink.welcome(socket)
    routed.serve(socket)
  })
}

/**
 * Serves the hub's API to the API server, where an installation has that.
 * @throws SeccoError INVALID_ARGUMENT outside a cluster, PORT_IN_USE, and what FrontProxy.open throws
 */
export async function startAggregatedApi(
  { apiListen: listen, rights }: Pick<WebhookOptions, 'apiListen' | 'rights'>,
  { cluster, server, log, closing }: Shared,
  certificates: CertificateSource,
  senders: WeakMap<IncomingMessage, Identity>
): Promise<Address | undefined> {
  if (listen === undefined) return undefined
  if (cluster === undefined || rights?.ofUser === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', '--api-listen: needs a cluster', {
      hint: 'give --kubeconfig FILE, or in-cluster inside a pod'
    })
  }
  const api = await openAggregatedApi({
    ...{ listen, senders, logger: log, pages: server, route: cluster.pages },
    tls: certificates.current(),
    frontProxy: await FrontProxy.open(cluster.call, log),
    ofUser: rights.ofUser
  })
  closing.add(() => api.close())
  certificates.onChange((pair) => api.setCertificate(pair))
  return api.address
}

/** Returns where sessions are stored: in a cluster another replica goes on with them. @param dir a folder of this replica */
export function sessionStorage(cluster: JoinedCluster | undefined, dir: string): SessionStorage {
  return cluster === undefined
    ? sessionFile(join(dir, 'sessions.json'))
    : secretSessions(cluster.call, rootNamespace)
}
