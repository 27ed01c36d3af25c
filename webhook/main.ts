import { Registry } from 'prom-client'
import type { CertificatePair } from '../certs/pair.js'
import { idleMs } from '../src/lib/idle-connections.js'
import type { Logger } from '../src/lib/log.js'
import { type CertificateSource, folderCertificates } from '../certs/certificate-source.js'
import { joinCluster, type JoinedCluster } from './cluster/cluster.js'
import { podSources } from './cluster/bypassed-containers.js'
import { type Claims, watchClaims } from './cluster/false-claims.js'
import { startConfinementEvents } from './cluster/events/confinement-events.js'
import { clusterHub, inCluster } from './cluster-hub.js'
import { type Hub, startHub } from './hub/hub.js'
import { profileMetrics } from './hub/profile-metrics.js'
import { loadMetrics, nodeMetrics, rejectionMetrics } from './hub/metrics.js'
import { nodeView } from './hub/nodes/node-view.js'
import { type ObjectCache, startObjectCache } from './snapshot/object-cache.js'
import { allRoles, type Role } from './roles.js'
import { createAdmissionServer } from './server.js'
import { type SnapshotStore, startSnapshotStore } from './snapshot/snapshot-store.js'
import { type StateSource, startApiStates } from './snapshot/state-source.js'
import { confinementMetrics } from './confinement/metrics.js'
import type { Confinement } from './confinement/containers/confinement.js'
import { startConfinement } from './confinement/start.js'
import type { IncomingMessage } from 'node:http'
import type { Identity } from './access/rights.js'
import { startUi } from './ui/start.js'
import { listenUi, reachable } from './listen.js'
import { routeToActive, sessionStorage, startAggregatedApi } from './page-servers.js'
import { ReplicaNodes } from './replica-nodes.js'
import { fencedStore } from './fenced-store.js'
import type { Store } from '../src/store/store.js'
import { CloseSteps, within } from './cluster/close-steps.js'
import {
  type Address,
  hostPort,
  type RunningWebhook,
  type WebhookOptions
} from './webhook-options.js'

/** Replica is what the steps of a start share. */
interface Replica {
  options: WebhookOptions
  roles: ReadonlySet<Role>
  certificates: CertificateSource
  /** The certificate that the servers start with. */
  leaf: CertificatePair
  registry: Registry
  log: Logger
  closing: CloseSteps
  /** False while it starts: what fails then is reported at once, and no caller is waited for. */
  isStarted: boolean
}

/** ReplicaState is what decisions and pages read. */
interface ReplicaState {
  /** With a hub in a cluster only the active one writes. */
  store: Store
  objects: ObjectCache
  cluster: JoinedCluster | undefined
  hub: Hub | undefined
  states: StateSource
  snapshots: SnapshotStore
  /** Undefined outside of a cluster, and where no hub runs. */
  claims: Claims | undefined
}

async function join({ options, roles, closing }: Replica): Promise<JoinedCluster | undefined> {
  if (options.cluster === undefined) return undefined
  const logger = options.logger.child({ component: 'hub' })
  const cluster = await joinCluster(options.cluster, { isHub: roles.has('hub'), logger })
  closing.add(() => cluster.close())
  return cluster
}

async function startOwnHub(
  { options, roles, leaf, closing }: Replica,
  store: Store,
  cluster: JoinedCluster | undefined
): Promise<Hub | undefined> {
  if (!roles.has('hub')) return undefined
  const hub = await startHub({
    store,
    listen: options.hubListen,
    tls: leaf,
    revisionsDir: options.revisionsDir,
    logger: options.logger.child({ component: 'hub' }),
    ...(await clusterHub(options, cluster))
  })
  closing.add(() => hub.close())
  const where = options.advertise ?? reachable(hub.address)
  if (where !== undefined) cluster?.advertise(hostPort({ host: where, port: hub.address.port }))
  return hub
}

function startStates(
  { closing }: Replica,
  objects: ObjectCache,
  cluster: JoinedCluster | undefined
): StateSource {
  const states = startApiStates(objects, inCluster(cluster))
  closing.add(() => states.stop())
  return states
}

function startSnapshots(
  { options, closing }: Replica,
  objects: ObjectCache,
  states: StateSource,
  cluster: JoinedCluster | undefined
): SnapshotStore {
  const { legacyAnnotations, joinTainted = false, allowIgnore = false, mode = 'enforce' } = options
  const settings = {
    ...{ legacyAnnotations, joinTainted, allowIgnore, mode },
    ...(options.cluster && { ownNamespace: options.cluster.namespace })
  }
  const snapshots = startSnapshotStore(objects, states, settings, cluster?.view)
  closing.add(() => snapshots.stop())
  return snapshots
}

async function startState(replica: Replica): Promise<ReplicaState> {
  const { options, closing } = replica
  const objects = await startObjectCache(options.store)
  closing.add(() => objects.close())
  const cluster = await join(replica)
  const store =
    cluster?.hub === undefined ? options.store : fencedStore(options.store, cluster.isActive)
  const hub = await startOwnHub(replica, store, cluster)
  const states = hub ?? startStates(replica, objects, cluster)
  const snapshots = startSnapshots(replica, objects, states, cluster)
  // Before it is ready: from then on it counts as a replica whose report is awaited.
  if (replica.roles.has('admission')) await cluster?.report(snapshots)
  let claims: Claims | undefined
  if (hub !== undefined && cluster !== undefined) {
    const watched = watchClaims(cluster.view, snapshots)
    closing.add(() => watched.stop())
    claims = watched.claims
    await cluster.serve({
      ...{ hub, store, claims, snapshot: () => snapshots.current(), rules: () => objects.rules() },
      onSnapshot: (listener) => snapshots.onChange(listener)
    })
  }
  return { store, objects, cluster, hub, states, snapshots, claims }
}

function startOwnConfinement(
  { options, registry, closing }: Replica,
  { store, objects, cluster, hub, snapshots, claims }: ReplicaState,
  nodes: ReplicaNodes
): Confinement | undefined {
  if (hub === undefined) return undefined
  const confinement = startConfinement({
    ...{ hub, store, profiles: () => objects.profiles() },
    snapshot: () => snapshots.current(),
    onProfiles: (listener) => objects.onChange(listener),
    onSnapshot: (listener) => snapshots.onChange(listener),
    ...podSources(cluster?.view, () => snapshots.current(), claims),
    ...{ isElsewhere: nodes.isElsewhere, expected: nodes.expected },
    inCluster: cluster !== undefined,
    logger: options.logger.child({ component: 'confinement' }),
    now: Date.now
  })
  closing.add(() => confinement.close())
  confinementMetrics(registry, confinement, () => cluster?.isActive() !== false)
  if (cluster?.events !== undefined) {
    const { events, view } = cluster
    closing.add(startConfinementEvents({ confinement, events, pod: (uid) => view.pod(uid) }))
  }
  return confinement
}

function registerMetrics(
  { registry }: Replica,
  { objects, hub }: ReplicaState,
  nodes: ReplicaNodes
): void {
  nodeMetrics(registry, () => nodes.all().map(nodeView))
  if (hub !== undefined) {
    rejectionMetrics(registry, () => hub.rejected())
    loadMetrics(registry, () => hub.load())
  }
  profileMetrics(registry, () => objects.profiles())
}

async function startAdmission(
  replica: Replica,
  { hub, snapshots, cluster }: ReplicaState,
  confinement: Confinement | undefined
): Promise<Address> {
  const { options, roles, certificates, leaf, registry, log, closing } = replica
  const server = createAdmissionServer({
    tls: leaf,
    admission: roles.has('admission'),
    ...(options.callers && {
      clientCa: options.callers.ca,
      clientNames: options.callers.names
    }),
    registry,
    getSnapshot: () => snapshots.current(),
    ...(cluster && {
      news: {
        onSnapshot: (listener: () => void) => snapshots.onChange(listener),
        isFollower: () => !cluster.isActive()
      },
      isServed: cluster.isServed
    }),
    onDecision: (admission, isProven) =>
      confinement?.answers.note(admission, new Date().toISOString(), isProven),
    logger: log
  })
  const address = await server.listen(options.listen)
  const { leaveMs = 0 } = options
  closing.add(() => {
    const isLeaving = leaveMs > 0 && replica.isStarted
    return server.shutdown(isLeaving ? { delayMs: leaveMs, callersMs: idleMs } : {})
  })
  const renew = (pair: CertificatePair): void => {
    server.setCertificate(pair)
    hub?.setCertificate(pair)
  }
  certificates.onChange(renew)
  // The certificate may have been renewed during the start, before anyone listened.
  if (certificates.current() !== leaf) renew(certificates.current())
  return address
}

async function startPages(
  replica: Replica,
  { store, objects, cluster, hub, states, snapshots }: ReplicaState,
  confinement: Confinement | undefined,
  nodes: ReplicaNodes
): Promise<{ address: Address; api: Address | undefined; link: RunningWebhook['link'] }> {
  const { options, certificates, log, closing } = replica
  const { revisionsDir, uiToken, rights, commandOptions = '' } = options
  const senders = new WeakMap<IncomingMessage, Identity>()
  const pages = await startUi({
    ...{ store, objects, hub, states, revisionsDir, truth: confinement },
    sessionStorage: sessionStorage(cluster, revisionsDir),
    logger: options.logger.child({ component: 'ui' }),
    ...{ nodes: nodes.all, snapshot: () => snapshots.current() },
    ...(uiToken === undefined ? {} : { token: uiToken }),
    ...(rights === undefined ? {} : { rights }),
    ...(cluster?.hub && { role: cluster.hub }),
    ...{ senders, commandOptions, podNamed: nodes.podNamed }
  })
  closing.add(() => pages.close())
  const shared = { cluster, server: pages.app.server, log, closing }
  routeToActive(hub, shared)
  const address = await listenUi(pages.app, options.uiListen, log)
  const api = await startAggregatedApi(options, shared, certificates, senders)
  return { address, api, link: pages.link }
}

async function startParts(replica: Replica): Promise<RunningWebhook> {
  const { options, roles, certificates, log, closing } = replica
  const state = await startState(replica)
  const nodes = new ReplicaNodes({ ...state, ownNode: options.ownNode })
  registerMetrics(replica, state, nodes)
  const confinement = startOwnConfinement(replica, state, nodes)
  const { hub } = state
  replica.options.onServing?.()
  const addresses: RunningWebhook['addresses'] = {
    webhook: await startAdmission(replica, state, confinement)
  }
  if (hub !== undefined) addresses.hub = hub.address
  let link: RunningWebhook['link'] = () => undefined
  if (roles.has('ui')) {
    const pages = await startPages(replica, state, confinement, nodes)
    addresses.ui = pages.address
    if (pages.api !== undefined) addresses.api = pages.api
    link = pages.link
  }
  for (const { where, message } of options.store.problems()) log.warn({ where }, message)
  // The first step of a shutdown: what waits is written, and another hub takes over while this one answers reviews.
  closing.add(() => within(2000, hub?.stopping()).then(() => state.cluster?.stepDown()))
  replica.isStarted = true
  return { addresses, ca: certificates.current().ca, hub, link, close: closing.run }
}

/**
 * Starts the central service: admission, hub and pages of one store. Resolves when every server listens that
 * the roles of this replica need.
 * @throws SeccoError PORT_IN_USE, CERTIFICATE_INVALID, WRITE_FAILED.
 */
export async function startWebhook(options: WebhookOptions): Promise<RunningWebhook> {
  const { logger, certsDir, serverNames, roles = new Set(allRoles) } = options
  const log = logger.child({ component: 'webhook' })
  const certificates =
    options.certificates ?? (await folderCertificates(certsDir, serverNames, log))
  const registry = options.registry ?? new Registry()
  const closing = new CloseSteps()
  closing.add(() => certificates.close())
  const leaf = certificates.current()
  const parts = { options, roles, certificates, leaf, registry, log, closing, isStarted: false }
  try {
    return await startParts(parts)
  } catch (error) {
    await closing.run()
    throw error
  }
}
