import Fastify, { type FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { ensureServerLeaf } from '../certs/files.js'
import { watchPair } from '../certs/reload.js'
import { SeccoError } from '../src/errors.js'
import type { Logger } from '../src/log.js'
import type { InstallMode } from '../src/rules/observe.js'
import type { Store } from '../src/store/store.js'
import { type ClusterOptions, joinCluster, type JoinedCluster } from './cluster/cluster.js'
import { hubTrust, type HubTrustOptions } from './cluster/hub-trust.js'
import { type Hub, type HubOptions, startHub } from './hub/hub.js'
import { nodeMetrics, refusalMetrics } from './hub/metrics.js'
import { nodeView } from './hub/node-view.js'
import { sparingRhythm } from './hub/rhythm.js'
import { startObjectCache } from './object-cache.js'
import { allRoles, type Role } from './roles.js'
import { createAdmissionServer } from './server.js'
import { startSnapshotFeed } from './snapshot-feed.js'
import { type StateSource, startApiStates } from './state-source.js'
import { truthMetrics } from './truth/metrics.js'
import { startTruth } from './truth/truth.js'
import { uiPlugin } from './ui/plugin.js'

export interface Address {
  host: string
  port: number
}

export interface WebhookOptions {
  store: Store
  /** Folder of the authority and the leaves; made when missing. */
  certsDir: string
  /** Folder of rendered revisions, so that whenNotReady: Previous survives a restart. */
  revisionsDir: string
  /** Names and addresses that the serving certificate must cover. */
  serverNames: readonly string[]
  /** The webhook's own port: /mutate, /livez, /readyz, /metrics. */
  listen: Address
  /** gRPC for satellites, mutual TLS. */
  hubListen: Address
  /** Pages and API; loopback only. */
  uiListen: Address
  legacyAnnotations: boolean
  /** `observe`: nothing is patched until a namespace is enabled; default enforce. */
  mode?: InstallMode
  logger: Logger
  /** What this replica does; default: everything. See `checkRoles`. */
  roles?: ReadonlySet<Role>
  /** In a cluster; else the store is all there is. */
  cluster?: ClusterOptions
  /** In a cluster: whose tokens satellites present, and what becomes of containers outside pods. */
  trust?: HubTrustOptions
  /** New nodes carry the start-up taint `secco.dev/not-ready` until they have every file. */
  joinTainted?: boolean
  /** Served at /metrics; with what was counted before the start. */
  registry?: Registry
}

export interface RunningWebhook {
  /** Of the roles that this replica has; health and metrics are served in any case. */
  addresses: { webhook: Address; hub?: Address; ui?: Address }
  /** PEM of the authorities that clients should trust. */
  ca: string
  hub: Hub | undefined
  close(): Promise<void>
}

/** Text form of an address, IPv6 in brackets. */
export function hostPort(address: Address): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

async function listenUi(app: FastifyInstance, address: Address): Promise<Address> {
  try {
    await app.listen(address)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new SeccoError('PORT_IN_USE', `${hostPort(address)}: in use already`, {
      cause,
      hint: 'choose another with --ui-listen, or port 0'
    })
  }
  const bound = app.server.address()
  return {
    host: address.host,
    port: bound !== null && typeof bound === 'object' ? bound.port : address.port
  }
}

const renewalCheckMs = 3_600_000

/** A replica without a hub learns from the API's objects what nodes hold. */
function inCluster(cluster: JoinedCluster | undefined): JoinedCluster {
  if (cluster !== undefined) return cluster
  throw new SeccoError('INVALID_ARGUMENT', 'roles: without hub a cluster is needed')
}

function namespaceOf(cluster: ClusterOptions | undefined): { ownNamespace?: string } {
  return cluster === undefined ? {} : { ownNamespace: cluster.namespace }
}

/** In a cluster the API server is shared: fewer writes, and those about counts of nodes fewer still. */
const clusterTiming = { ...sparingRhythm, coalesceMs: 200, countMs: 30_000 }

/** What a hub in a cluster goes by: other hubs, the pods' places, and satellites' tokens. */
async function clusterHub(
  { cluster: given, trust }: WebhookOptions,
  cluster: JoinedCluster | undefined
): Promise<Partial<HubOptions>> {
  if (given === undefined || cluster?.hub === undefined) return {}
  return {
    ...{ cluster: cluster.hub, timing: clusterTiming, pods: cluster.view },
    ...(await hubTrust(given.config, trust))
  }
}

/**
 * Starts the central service: admission, hub and pages of one store. Resolves when all listen that
 * this replica's roles ask for.
 * @throws SeccoError PORT_IN_USE, CERTIFICATE_INVALID, WRITE_FAILED.
 */
export async function startWebhook(options: WebhookOptions): Promise<RunningWebhook> {
  const { logger, store, certsDir, serverNames, roles = new Set(allRoles) } = options
  const log = logger.child({ component: 'webhook' })
  const leaf = await ensureServerLeaf(certsDir, serverNames)
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step()
  }
  try {
    const objects = await startObjectCache(store)
    closers.push(() => objects.close())
    const isHub = roles.has('hub')
    const hubLog = logger.child({ component: 'hub' })
    const cluster =
      options.cluster && (await joinCluster(options.cluster, { isHub, logger: hubLog }))
    closers.push(async () => cluster?.close())
    const hub = isHub
      ? await startHub({
          store,
          listen: options.hubListen,
          tls: leaf,
          revisionsDir: options.revisionsDir,
          logger: hubLog,
          ...(await clusterHub(options, cluster))
        })
      : undefined
    if (hub !== undefined) closers.push(() => hub.close())
    const states: StateSource & { stop?(): void } =
      hub ?? startApiStates(objects, inCluster(cluster))
    closers.push(() => states.stop?.())
    const { legacyAnnotations, joinTainted = false } = options
    const feed = startSnapshotFeed(
      objects,
      states,
      {
        legacyAnnotations,
        joinTainted,
        mode: options.mode ?? 'enforce',
        ...namespaceOf(options.cluster)
      },
      cluster?.view
    )
    closers.push(() => feed.stop())
    if (hub !== undefined && cluster !== undefined) {
      await cluster.serve({
        ...{ hub, store },
        snapshot: () => feed.current(),
        onSnapshot: (listener) => feed.onChange(listener),
        rules: () => objects.rules()
      })
    }
    const registry = options.registry ?? new Registry()
    nodeMetrics(registry, () => hub?.nodes().map(nodeView) ?? [])
    if (hub !== undefined) refusalMetrics(registry, () => hub.refused())
    const truth =
      hub &&
      startTruth({
        ...{ hub, store, profiles: () => objects.profiles(), snapshot: () => feed.current() },
        onProfiles: (listener) => objects.onChange(listener),
        pod: (uid) => cluster?.view.pod(uid),
        logger: logger.child({ component: 'truth' }),
        now: Date.now
      })
    if (hub !== undefined && truth !== undefined) {
      closers.push(() => truth.close())
      truthMetrics(registry, () => truth.views.list(), hub.denialRows)
    }
    const server = createAdmissionServer({
      tls: leaf,
      admission: roles.has('admission'),
      registry,
      getSnapshot: () => feed.current(),
      onDecision: (admission) => truth?.answers.note(admission, new Date().toISOString()),
      logger: log
    })
    const webhook = await server.listen(options.listen)
    closers.push(() => server.shutdown())

    const pairs = watchPair({
      paths: leaf.paths,
      current: leaf,
      onChange: (pair) => {
        server.setCertificate(pair)
        hub?.setCertificate(pair)
        log.info('certificate renewed')
      },
      onProblem: (error) => log.error({ code: error.code }, error.message)
    })
    const renewal = setInterval(() => {
      ensureServerLeaf(certsDir, serverNames).catch((error: unknown) => {
        logger.error(
          { err: error },
          'the certificate could not be renewed; it is tried again in an hour'
        )
      })
    }, renewalCheckMs)
    closers.push(() => {
      clearInterval(renewal)
      pairs.stop()
    })

    const addresses: RunningWebhook['addresses'] = { webhook }
    if (hub !== undefined) addresses.hub = hub.address
    if (roles.has('ui')) {
      const ui = Fastify({ logger: false, forceCloseConnections: true })
      await ui.register(
        uiPlugin({
          profiles: () => objects.profiles(),
          rules: () => objects.rules(),
          nodes: () => hub?.nodes().map(nodeView) ?? [],
          states: () => [...states.profiles().values()],
          denials: () => hub?.denials() ?? [],
          problems: () => objects.problems(),
          ...(truth === undefined ? {} : { truth })
        })
      )
      addresses.ui = await listenUi(ui, options.uiListen)
      closers.push(() => ui.close())
    }
    for (const problem of store.problems()) log.warn({ where: problem.where }, problem.message)
    return { addresses, ca: leaf.ca, hub, close }
  } catch (error) {
    await close()
    throw error
  }
}
