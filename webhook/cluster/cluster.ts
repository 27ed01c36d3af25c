import type { KubeConfig } from '@kubernetes/client-node'
import type { Logger } from '../../src/lib/log.js'
import { type ApiCall, createApiCall } from '../../src/store/kubernetes-call.js'
import type { HubTiming } from '../hub/hub-timing.js'
import type { HubCluster } from '../hub/nodes/hub-cluster.js'
import type { NodeState } from '../hub/nodes/nodes.js'
import type { FleetState } from '../hub/nodes/readiness.js'
import { CloseSteps } from './close-steps.js'
import { EventRecorder } from './events/events.js'
import { type HubDuties, startHubDuties } from './hub-duties.js'
import { FleetOfCluster } from './replicas/cluster-fleet.js'
import { Leader } from './replicas/leader.js'
import {
  startSummaryWatch,
  type SummaryWatch,
  type SummaryWatchOptions
} from './replicas/summary-watch.js'
import type { ClusterView } from './watch/cluster-view.js'
import { startInformers } from './watch/informers.js'
import { createReferences, type References } from './watch/references.js'
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
  } & Pick<SummaryWatchOptions, 'deadMs' | 'forgetMs'>
}

/** JoinedCluster is the cluster as one replica follows it. */
export interface JoinedCluster {
  view: ClusterView
  call: ApiCall
  /** Returns the fleet as it is now. `own`: the satellites of this process. */
  fleet(own: readonly NodeState[]): FleetState
  onFleetChange(listener: () => void): () => void
  /** Returns whether the node is connected to another hub. */
  isElsewhere(node: string): boolean
  /** For `startHub`; undefined without the hub role. */
  hub: HubCluster | undefined
  /** Writes events; undefined without the hub role. */
  events: EventRecorder | undefined
  /** Publishes the hub's summary, removes start-up taints, and writes events and the conditions of rules. */
  serve(duties: HubDuties): Promise<void>
  close(): Promise<void>
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

function followSummaries(
  { config, namespace, id, onWatch, timing = {} }: ClusterOptions,
  call: ApiCall,
  isHub: boolean
): Promise<SummaryWatch> {
  const { deadMs, forgetMs } = timing
  return startSummaryWatch({
    ...{ config, call, namespace },
    ...(isHub ? { own: id } : {}),
    ...(deadMs === undefined ? {} : { deadMs }),
    ...(forgetMs === undefined ? {} : { forgetMs }),
    onEvent: (event, error) => onWatch?.('configmaps', event, error)
  })
}

function electLeader(
  { namespace, id, timing = {} }: ClusterOptions,
  call: ApiCall,
  logger: Logger
): Leader {
  const { leaseMs, retryMs } = timing
  return new Leader({
    ...{ call, namespace, name: 'secco-hub', identity: id, logger },
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(retryMs === undefined ? {} : { retryMs })
  })
}

/** Returns the cluster as the hub sees it: the fleet, leadership, and the revisions that pods refer to. */
function hubCluster(
  view: ClusterView,
  fleet: FleetOfCluster,
  leader: Leader,
  references: References
): HubCluster {
  return {
    fleet: (own) => fleet.state(own),
    mayWrite: () => leader.isLeader(),
    referred: () => references.list(),
    isElsewhere: (node) => fleet.isElsewhere(node),
    hubOf: (node) => fleet.hubOf(node),
    podOf: (uid) => (uid === '' ? undefined : view.pod(uid)),
    onChange(listener) {
      const stops = [
        fleet.onChange(() => listener('fleet')),
        references.onChange(() => listener('fleet')),
        leader.onChange((leads) => {
          if (leads) listener('writer')
        })
      ]
      return () => {
        for (const stop of stops) stop()
      }
    }
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
  const summaries = await followSummaries(options, call, isHub)
  closers.add(() => summaries.close())
  const fleet = new FleetOfCluster(view, summaries)
  const common = {
    ...{ view, call, fleet: (own: readonly NodeState[]) => fleet.state(own) },
    onFleetChange: (listener: () => void) => fleet.onChange(listener),
    isElsewhere: (node: string) => fleet.isElsewhere(node),
    close: closers.run
  }
  if (!isHub) {
    const serve = () => Promise.reject(new Error('only a hub has duties'))
    return { ...common, hub: undefined, events: undefined, serve }
  }
  const leader = electLeader(options, call, logger)
  closers.add(() => leader.close())
  const events = new EventRecorder({ call, instance: id, logger })
  const references = createReferences(view)
  closers.add(() => references.close())
  const duty = { call, namespace, id, logger, view, summaries, fleet, leader, events }
  return {
    ...common,
    hub: hubCluster(view, fleet, leader, references),
    events,
    serve: (duties) => startHubDuties(duties, { ...duty, renewMs: timing.renewMs }, closers)
  }
}

/**
 * Starts to follow the cluster: nodes, namespaces and the other hubs' summaries, and for the hub role also pods and
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
