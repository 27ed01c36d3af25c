import type { KubeConfig } from '@kubernetes/client-node'
import type { Logger } from '../../src/lib/log.js'
import { type ApiCall, createApiCall } from '../../src/store/kubernetes-call.js'
import type { HubTiming } from '../hub/hub-timing.js'
import type { HubCluster } from '../hub/nodes/hub-cluster.js'
import type { NodeState } from '../hub/nodes/node-state.js'
import type { FleetState } from '../hub/nodes/readiness.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { CloseSteps, within } from './close-steps.js'
import { EventRecorder } from './events/events.js'
import { type HubDuties, startHubDuties } from './hub-duties.js'
import { clusterFleet, ownSource, summarySource } from './replicas/cluster-fleet.js'
import { watchConfigMap } from './replicas/config-map-watch.js'
import { Leader } from './replicas/leader.js'
import {
  ReplicaReports,
  replicasName,
  servedKeys,
  startReplicaReport
} from './replicas/replica-reports.js'
import type { PublishedBlocks } from './replicas/summary-blocks.js'
import { startSummaryWatch, type SummaryWatch } from './replicas/summary-watch.js'
import type { ClusterView } from './watch/cluster-view.js'
import { startInformers } from './watch/informers.js'
import { createReferences, type References } from './watch/references.js'
import type { ReflectorEvent } from '../../src/store/kubernetes-reflector.js'
import type { WatchListener } from './watch/watch-metrics.js'

/** ClusterOptions is where the program runs, when it is in a cluster. */
export interface ClusterOptions {
  config: KubeConfig
  /** Namespace of Secco's own Lease and ConfigMaps. */
  namespace: string
  /** This replica: its pod's name, in the form of a Kubernetes name. */
  id: string
  onWatch?: WatchListener
  /** For tests; see the parts. */
  timing?: {
    renewMs?: number
    leaseMs?: number
    retryMs?: number
    hub?: Partial<HubTiming>
  }
}

/** Another hub takes over within ten seconds: this long after the last renewal, and the time of an attempt. */
const leaseTiming = { leaseMs: 6000, retryMs: 1000 }

/** The active hub renews its summary every 15 s. */
const servedMs = 45_000

/** JoinedCluster is the cluster as one replica follows it. */
export interface JoinedCluster {
  view: ClusterView
  call: ApiCall
  /** Returns the fleet as it is now. @param own the nodes of this process's hub, which count while it is active */
  fleet(own: readonly NodeState[]): FleetState
  /** Returns what the active hub published of blocks; undefined when it knew of none. */
  blocks(): PublishedBlocks | undefined
  /** Calls the listener when the fleet or the published blocks changed. */
  onFleetChange(listener: () => void): () => void
  /** Returns whether the hub of this process is the active one. */
  isActive: () => boolean
  /** Returns whether an active hub is known, here or elsewhere. */
  isServed: () => boolean
  /** For `startHub`; undefined without the hub role. */
  hub: HubCluster | undefined
  /** Writes events; undefined without the hub role. */
  events: EventRecorder | undefined
  /** Where the pages of the active hub are; undefined without the hub role. */
  pages: { isHere(): boolean; address(): string | undefined } | undefined
  /** Notes where satellites reach the hub of this process; other replicas read it from the Lease. */
  advertise(address: string): void
  /** Publishes the hub's summary, removes start-up taints, and writes events and the conditions of rules. */
  serve(duties: HubDuties): Promise<void>
  /** Publishes which revisions this replica gives to new pods; resolves when that was written, or after two seconds. */
  report(snapshots: ServedSnapshots): Promise<void>
  /** Gives the role of the active hub to another replica; this one does not get it back. */
  stepDown(): Promise<void>
  close(): Promise<void>
}

/** ServedSnapshots are the snapshots that the reviews of a replica read. */
interface ServedSnapshots {
  current(): Snapshot
  onChange(listener: () => void): () => void
}

interface Replica {
  isHub: boolean
  logger: Logger
}

function followObjects(
  { config, onWatch }: ClusterOptions,
  isHub: boolean
): ReturnType<typeof startInformers> {
  return startInformers({
    config,
    resources: isHub ? ['pods', 'nodes', 'namespaces'] : ['nodes', 'namespaces'],
    ...(onWatch === undefined ? {} : { onWatch })
  })
}

const configMaps = ({ config, namespace, onWatch }: ClusterOptions, call: ApiCall) => ({
  ...{ config, call, namespace },
  onEvent: (event: ReflectorEvent, error?: unknown) => onWatch?.('configmaps', event, error)
})

/** Follows what the replicas of the webhook report, and removes the reports of pods that are gone. */
async function followReports(
  options: ClusterOptions,
  { call, view, leader }: { call: ApiCall; view: ClusterView; leader: Leader },
  closers: CloseSteps
): Promise<ReplicaReports> {
  const { namespace, timing = {} } = options
  const path = `/api/v1/namespaces/${namespace}/configmaps/${replicasName}`
  const reports = new ReplicaReports({
    ...{ view, namespace, renewMs: timing.renewMs, isActive: () => leader.isLeader() },
    // A report that stays says nothing about replicas that exist; the next tick tries again.
    remove: (name) =>
      void call('PATCH', path, {
        contentType: 'application/merge-patch+json',
        body: { data: { [name]: null } }
      }).catch(() => undefined)
  })
  closers.add(() => reports.close())
  closers.add(leader.onChange(() => reports.restart()))
  closers.add(await watchConfigMap(configMaps(options, call), replicasName, reports.settle))
  return reports
}

/** Publishes what this replica serves until it closes. */
async function publishReport(
  { namespace, id, timing = {} }: ClusterOptions,
  { call, logger, snapshots }: { call: ApiCall; logger: Logger; snapshots: ServedSnapshots },
  closers: CloseSteps
): Promise<void> {
  const report = startReplicaReport({
    ...{ call, namespace, id, logger },
    served: () => servedKeys(snapshots.current().profiles.values()),
    ...(timing.renewMs === undefined ? {} : { renewMs: timing.renewMs })
  })
  closers.add(() => report.close())
  closers.add(snapshots.onChange(() => report.changed()))
  await within(2000, report.written())
}

function electLeader(
  { namespace, id, timing = {} }: ClusterOptions,
  call: ApiCall,
  { logger, address }: { logger: Logger; address: () => string | undefined }
): Leader {
  const { leaseMs, retryMs } = { ...leaseTiming, ...timing }
  return new Leader({
    ...{ call, namespace, name: 'secco-hub', identity: id, logger, leaseMs, retryMs, address }
  })
}

/** What a hub, active or on standby, knows of the cluster. */
interface HubSources {
  view: ClusterView
  summary: SummaryWatch
  leader: Leader
  references: References
  reports: ReplicaReports
  announce: () => Promise<void>
  fleet: (own: readonly NodeState[]) => FleetState
}

/** Returns the cluster as the hub sees it: the fleet, leadership, and the revisions that pods refer to. */
function hubCluster(sources: HubSources): HubCluster {
  const { view, summary, leader, references, reports, fleet, announce } = sources
  return {
    ...{ fleet, announce },
    isActive: () => leader.isLeader(),
    isCandidate: () => leader.isCandidate(),
    activeAddress: () => leader.leaderAddress(),
    standbyAddress: () => leader.standbyAddress(),
    lastSign: () => leader.lastSign(),
    vacantSince: () => leader.vacantSince(),
    reported: (paths) => summary.known(paths),
    referred: () => references.list(),
    podOf: (uid) => (uid === '' ? undefined : view.pod(uid)),
    onChange(listener) {
      const stops = [
        onFleetChange(view, summary, () => listener('fleet')),
        references.onChange(() => listener('fleet')),
        reports.onChange(() => listener('fleet')),
        leader.onChange((leads) => listener(leads ? 'active' : 'standby'))
      ]
      return () => {
        for (const stop of stops) stop()
      }
    }
  }
}

function onFleetChange(view: ClusterView, summary: SummaryWatch, listener: () => void): () => void {
  const stops = [
    summary.onChange(listener),
    view.onChange(({ kind }) => {
      if (kind === 'node') listener()
    })
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

async function join(
  options: ClusterOptions,
  { isHub, logger }: Replica,
  closers: CloseSteps
): Promise<JoinedCluster> {
  const { config, namespace, id, timing = {} } = options
  const call = createApiCall(config)
  const view = await followObjects(options, isHub)
  closers.add(() => view.close())
  const summary = await startSummaryWatch(configMaps(options, call))
  closers.add(() => summary.close())
  let own: string | undefined
  const address = (): string | undefined => own
  const leader = isHub ? electLeader(options, call, { logger, address }) : undefined
  if (leader !== undefined) closers.add(() => leader.close())
  const reports = leader && (await followReports(options, { call, view, leader }, closers))
  const isActive = (): boolean => leader?.isLeader() === true
  const fleet = (nodes: readonly NodeState[]): FleetState =>
    // A hub that has just become active may not know its nodes yet.
    clusterFleet(
      view.nodes(),
      isActive() && nodes.length > 0 ? ownSource(nodes) : summarySource(summary.current()),
      reports?.of
    )
  const common = {
    ...{ view, call, fleet, isActive },
    blocks: () => summary.current()?.blocks,
    isServed: () => isActive() || summary.ageMs() < servedMs,
    onFleetChange: (listener: () => void) => onFleetChange(view, summary, listener),
    advertise: (given: string) => void (own = given),
    report: (snapshots: ServedSnapshots) =>
      publishReport(options, { call, logger, snapshots }, closers),
    stepDown: async () => leader?.close(),
    close: closers.run
  }
  if (leader === undefined || reports === undefined) {
    const serve = () => Promise.reject(new Error('only a hub has duties'))
    return { ...common, hub: undefined, pages: undefined, events: undefined, serve }
  }
  const events = new EventRecorder({ call, instance: id, logger })
  const references = createReferences(view)
  closers.add(() => references.close())
  let announce = () => Promise.resolve()
  const duty = { call, namespace, id, logger, view, summary, leader, events }
  return {
    ...common,
    hub: hubCluster({
      ...{ view, summary, leader, references, reports, fleet },
      announce: () => announce()
    }),
    pages: { isHere: isActive, address: () => leader.leaderAddress() },
    events,
    serve: async (duties) => {
      const started = startHubDuties(duties, { ...duty, renewMs: timing.renewMs }, closers)
      announce = started.announce
      await started.writing
    }
  }
}

/**
 * Starts to follow the cluster: nodes, namespaces and the active hub's summary, and for the hub role also pods and
 * the lease. Resolves when everything was listed once.
 * Errors: FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE.
 */
export async function joinCluster(
  options: ClusterOptions,
  replica: Replica
): Promise<JoinedCluster> {
  const closers = new CloseSteps()
  try {
    return await join(options, replica, closers)
  } catch (error) {
    await closers.run()
    throw error
  }
}
