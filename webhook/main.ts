import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import type { CertificatePair } from '../certs/pair.js'
import { SeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import type { InstallMode } from '../src/rules/observe.js'
import type { Store } from '../src/store/store.js'
import { type CertificateSource, folderCertificates } from '../certs/certificate-source.js'
import { type ClusterOptions, joinCluster, type JoinedCluster } from './cluster/cluster.js'
import { onPodFacts } from './cluster/watch/pod-changes.js'
import { startConfinementEvents } from './cluster/events/confinement-events.js'
import { hubTrust, type HubTrustOptions } from './cluster/access/hub-trust.js'
import { type Hub, type HubOptions, startHub } from './hub/hub.js'
import { profileMetrics } from './hub/profile-metrics.js'
import { nodeMetrics, refusalMetrics } from './hub/metrics.js'
import { nodeView } from './hub/nodes/node-view.js'
import type { NodeState } from './hub/nodes/nodes.js'
import { clusterTiming } from './hub/hub-timing.js'
import { startObjectCache } from './snapshot/object-cache.js'
import { allRoles, type Role } from './roles.js'
import { createAdmissionServer } from './server.js'
import { startSnapshotFeed } from './snapshot/snapshot-feed.js'
import { type StateSource, startApiStates } from './snapshot/state-source.js'
import { confinementMetrics } from './confinement/metrics.js'
import { startConfinement } from './confinement/start.js'
import type { Rights } from './access/rights.js'
import { startUi } from './ui/start.js'

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
  /** Where the certificate comes from instead of `certsDir`; closed with the program. */
  certificates?: CertificateSource
  /** The webhook's own port: /mutate, /livez, /readyz, /metrics. */
  listen: Address
  /** gRPC for satellites, mutual TLS. */
  hubListen: Address
  /** Pages and API; loopback only. */
  uiListen: Address
  /** What the command line shows to the API; without one nobody but holders of links comes in. */
  uiToken?: string
  /** Who may do what on the pages; default: the machine's own token and links. */
  rights?: Rights
  /** Socket of the satellite on this machine, for the profiler; it may start later. */
  satelliteSocket?: string
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
  /** Whether `secco.dev/ignore` counts where a namespace says nothing. */
  allowIgnore?: boolean
  /** Served at /metrics; with what was counted before the start. */
  registry?: Registry
  /** When asked to close: how long reviews are still answered while /readyz fails; see ShutdownOptions. */
  leaveMs?: number
}

export interface RunningWebhook {
  /** Of the roles that this replica has; health and metrics are served in any case. */
  addresses: { webhook: Address; hub?: Address; ui?: Address }
  /** PEM of the authorities that clients should trust. */
  ca: string
  hub: Hub | undefined
  /** Path of a new one-time link that opens an administrator's session; undefined where people have tokens of their own. */
  link: (user: string) => string | undefined
  close(): Promise<void>
}

/** Text form of an address, IPv6 in brackets. */
export function hostPort(address: Address): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

async function listenUi(app: FastifyInstance, address: Address, log: Logger): Promise<Address> {
  try {
    await app.listen(address)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new SeccoError('PORT_IN_USE', `${hostPort(address)}: in use already`, {
      cause,
      hint: 'choose another with --ui-listen, or port 0'
    })
  }
  app.server.on('error', (error) => log.error({ err: error }, 'pages: a connection was not taken'))
  const bound = app.server.address()
  return {
    host: address.host,
    port: bound !== null && typeof bound === 'object' ? bound.port : address.port
  }
}

/** A replica without a hub learns from the API's objects what nodes hold. */
function inCluster(cluster: JoinedCluster | undefined): JoinedCluster {
  if (cluster !== undefined) return cluster
  throw new SeccoError('INVALID_ARGUMENT', 'roles: without hub a cluster is needed')
}

function namespaceOf(cluster: ClusterOptions | undefined): { ownNamespace?: string } {
  return cluster === undefined ? {} : { ownNamespace: cluster.namespace }
}

/** What a hub in a cluster goes by: other hubs, the pods' places, and satellites' tokens. */
async function clusterHub(
  { cluster: given, trust }: WebhookOptions,
  cluster: JoinedCluster | undefined
): Promise<Partial<HubOptions>> {
  if (given === undefined || cluster?.hub === undefined) return {}
  return {
    ...{
      cluster: cluster.hub,
      timing: { ...clusterTiming, ...given.timing?.hub },
      pods: cluster.view
    },
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
  const certificates =
    options.certificates ?? (await folderCertificates(certsDir, serverNames, log))
  const leaf = certificates.current()
  const closers: (() => Promise<void> | void)[] = [() => certificates.close()]
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
    const { legacyAnnotations, joinTainted = false, allowIgnore = false } = options
    const feed = startSnapshotFeed(
      objects,
      states,
      {
        legacyAnnotations,
        joinTainted,
        allowIgnore,
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
    // One that is away and speaks to another hub now is that hub's to tell of.
    const isElsewhere = (name: string): boolean => cluster?.isElsewhere(name) === true
    const nodes = (): NodeState[] =>
      hub?.nodes().filter(({ name, connected }) => connected || !isElsewhere(name)) ?? []
    const elsewhere = (): number => {
      const here = new Set(nodes().flatMap(({ name, connected }) => (connected ? [name] : [])))
      const all = [...(cluster?.view.nodes().keys() ?? [])]
      return all.filter((name) => !here.has(name) && isElsewhere(name)).length
    }
    nodeMetrics(registry, () => nodes().map(nodeView))
    if (hub !== undefined) refusalMetrics(registry, () => hub.refused())
    profileMetrics(registry, () => objects.profiles())
    const truth =
      hub &&
      startConfinement({
        ...{ hub, store, profiles: () => objects.profiles(), snapshot: () => feed.current() },
        onProfiles: (listener) => objects.onChange(listener),
        onSnapshot: (listener) => feed.onChange(listener),
        pod: (uid) => cluster?.view.pod(uid),
        onPod: (listener) =>
          cluster === undefined ? () => undefined : onPodFacts(cluster.view, listener),
        isElsewhere,
        logger: logger.child({ component: 'confinement' }),
        now: Date.now
      })
    if (hub !== undefined && truth !== undefined) {
      closers.push(() => truth.close())
      confinementMetrics(registry, () => truth.views.list(), hub.denialRows)
      if (cluster?.events !== undefined) {
        closers.push(
          startConfinementEvents({
            confinement: truth,
            events: cluster.events,
            pod: (uid) => cluster.view.pod(uid)
          })
        )
      }
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
    closers.push(() => server.shutdown({ delayMs: options.leaveMs ?? 0 }))

    const serve = (pair: CertificatePair): void => {
      server.setCertificate(pair)
      hub?.setCertificate(pair)
    }
    certificates.onChange(serve)
    // Nobody listened while all this started: what was renewed meanwhile is taken up now, or never.
    if (certificates.current() !== leaf) serve(certificates.current())

    const addresses: RunningWebhook['addresses'] = { webhook }
    if (hub !== undefined) addresses.hub = hub.address
    let link: RunningWebhook['link'] = () => undefined
    if (roles.has('ui')) {
      const pages = await startUi({
        ...{ store, objects, hub, states, truth, logger: logger.child({ component: 'ui' }) },
        ...{ nodes, elsewhere, snapshot: () => feed.current() },
        revisionsDir: options.revisionsDir,
        ...(options.uiToken === undefined ? {} : { token: options.uiToken }),
        ...(options.rights === undefined ? {} : { rights: options.rights }),
        ...(options.satelliteSocket === undefined
          ? {}
          : { satelliteSocket: options.satelliteSocket })
      })
      closers.push(() => pages.close())
      addresses.ui = await listenUi(pages.app, options.uiListen, log)
      link = pages.link
    }
    for (const problem of store.problems()) log.warn({ where: problem.where }, problem.message)
    return { addresses, ca: certificates.current().ca, hub, link, close }
  } catch (error) {
    await close()
    throw error
  }
}
