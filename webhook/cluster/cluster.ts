import type { KubeConfig } from '@kubernetes/client-node'
import type { Logger } from '../../src/lib/log.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { type ApiCall, createApiCall } from '../../src/store/kubernetes-call.js'
import type { Store } from '../../src/store/store.js'
import type { Hub } from '../hub/hub.js'
import type { HubCluster } from '../hub/nodes/hub-cluster.js'
import type { HubTiming } from '../hub/hub-timing.js'
import type { NodeState } from '../hub/nodes/nodes.js'
import type { FleetState } from '../hub/nodes/readiness.js'
import { clusterFleet } from './replicas/cluster-fleet.js'
import type { ClusterView } from './watch/cluster-view.js'
import { createEventRecorder, type EventRecorder } from './events/events.js'
import { encodeSummary } from './replicas/hub-summary.js'
import { startInformers } from './watch/informers.js'
import { type Leader, startLeader } from './replicas/leader.js'
import { startPolicyParameters } from './policy-parameters.js'
import { createReferences } from './watch/references.js'
import { createStartupTaints } from './watch/startup-taint.js'
import { startSummaryFeed, type SummaryFeedOptions } from './replicas/summary-feed.js'
import { namePrefix, startSummaryPublisher } from './replicas/summary-publisher.js'
import type { WatchListener } from './watch/watch-metrics.js'
import { startWriter } from './writer.js'

/** Where the program runs, when it is in a cluster. */
export interface ClusterOptions {
  config: KubeConfig
  /** Namespace of Secco's own Lease and ConfigMaps. */
  namespace: string
  /** This replica: its pod's name. A name of Kubernetes' own form. */
  id: string
  onWatch?: WatchListener
  /** For tests; see the parts. */
  timing?: {
    renewMs?: number
    leaseMs?: number
    retryMs?: number
    hub?: Partial<HubTiming>
  } & Pick<SummaryFeedOptions, 'deadMs' | 'forgetMs'>
}

/** What a replica with the hub role does beside serving satellites. */
export interface HubDuties {
  hub: Hub
  store: Store
  snapshot: () => Snapshot
  onSnapshot: (listener: () => void) => () => void
  rules: () => readonly SeccompRule[]
}

export interface JoinedCluster {
  view: ClusterView
  call: ApiCall
  /** The fleet as it is now; `own`: satellites of this process. */
  fleet(own: readonly NodeState[]): FleetState
  onFleetChange(listener: () => void): () => void
  /** Whether another hub says that the node is connected to it. */
  isElsewhere(node: string): boolean
  /** For `startHub`; absent without the hub role. */
  hub: HubCluster | undefined
  /** What is said of objects, where `kubectl describe` shows it; absent without the hub role. */
  events: EventRecorder | undefined
  /** Publishes the hub's summary, opens nodes that are complete, writes events and rules' conditions. */
  serve(duties: HubDuties): Promise<void>
  close(): Promise<void>
}

/** The hub's side of the cluster: leadership and what pods refer to. */
function hubSide(
  view: ClusterView,
  leader: Leader,
  {
    fleet,
    isElsewhere,
    onFleetChange
  }: Pick<JoinedCluster, 'fleet' | 'isElsewhere' | 'onFleetChange'>
): { cluster: HubCluster; close: () => void } {
  const references = createReferences(view)
  return {
    cluster: {
      fleet,
      mayWrite: () => leader.isLeader(),
      referred: () => references.list(),
      isElsewhere,
      podOf: (uid) => (uid === '' ? undefined : view.pod(uid)),
      onChange(listener) {
        const stops = [
          onFleetChange(() => listener('fleet')),
          references.onChange(() => listener('fleet')),
          leader.onChange((leads) => {
            if (leads) listener('writer')
          })
        ]
        return () => {
          for (const stop of stops) stop()
        }
      }
    },
    close: () => references.close()
  }
}

/**
 * Begins to follow the cluster: nodes, namespaces, other hubs' summaries, and for the hub role pods
 * and the lease. Resolves when everything was read once.
 * Errors: FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE.
 */
export async function joinCluster(
  options: ClusterOptions,
  { isHub, logger }: { isHub: boolean; logger: Logger }
): Promise<JoinedCluster> {
  const { config, namespace, id, onWatch, timing = {} } = options
  const call = createApiCall(config)
  const closers: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (const step of closers.splice(0).reverse()) await step()
  }
  try {
    const view = await startInformers({
      config,
      resources: isHub ? ['pods', 'nodes', 'namespaces'] : ['nodes', 'namespaces'],
      ...(onWatch === undefined ? {} : { onWatch })
    })
    closers.push(() => view.close())
    const { deadMs, forgetMs, renewMs, leaseMs, retryMs } = timing
    const feed = await startSummaryFeed({
      ...{ config, call, namespace },
      ...(isHub ? { own: id } : {}),
      ...(deadMs === undefined ? {} : { deadMs }),
      ...(forgetMs === undefined ? {} : { forgetMs }),
      onEvent: (event, error) => onWatch?.('configmaps', event, error)
    })
    closers.push(() => feed.close())

    const fleet = (own: readonly NodeState[]): FleetState =>
      clusterFleet(view.nodes(), own, feed.summaries())
    const isElsewhere = (node: string): boolean =>
      feed.summaries().some(({ connected }) => connected.has(node))
    const onFleetChange = (listener: () => void): (() => void) => {
      const stops = [
        feed.onChange(listener),
        view.onChange(({ kind }) => {
          if (kind === 'node') listener()
        })
      ]
      return () => {
        for (const stop of stops) stop()
      }
    }
    if (!isHub) {
      const serve = () => Promise.reject(new Error('only a hub has duties'))
      const none = { hub: undefined, events: undefined }
      return { view, call, fleet, isElsewhere, onFleetChange, ...none, serve, close }
    }

    const leader = startLeader({
      ...{ call, namespace, name: 'secco-hub', identity: id, logger },
      ...(leaseMs === undefined ? {} : { leaseMs }),
      ...(retryMs === undefined ? {} : { retryMs })
    })
    closers.push(() => leader.close())
    const events = createEventRecorder({ call, instance: id, logger })
    const side = hubSide(view, leader, { fleet, isElsewhere, onFleetChange })
    closers.push(() => side.close())

    async function serve({ hub, store, snapshot, onSnapshot, rules }: HubDuties): Promise<void> {
      const publisher = startSummaryPublisher({
        ...{ call, namespace, id, logger },
        content: () => encodeSummary(hub.nodes(), hub.desired().keys()),
        ...(renewMs === undefined ? {} : { renewMs })
      })
      closers.push(() => publisher.close())
      const isComplete = (node: string): boolean => hub.isComplete(node)
      const taints = createStartupTaints({ view, call, isComplete, logger })
      closers.push(() => taints.close())
      const writer = await startWriter({
        ...{ store, view, events, snapshot, rules, logger },
        mayWrite: () => leader.isLeader()
      })
      closers.push(() => writer.close())
      const parameters = startPolicyParameters({
        ...{ call, namespace, snapshot, logger },
        mayWrite: () => leader.isLeader()
      })
      closers.push(() => parameters.close())
      const stops = [
        hub.onChange(() => {
          publisher.changed()
          taints.look()
        }),
        onFleetChange(() => taints.look()),
        onSnapshot(() => {
          writer.look()
          parameters.look()
        }),
        leader.onChange((leads) => {
          if (leads) {
            writer.begin()
            parameters.look()
          }
        })
      ]
      const tidy = setInterval(() => {
        if (leader.isLeader()) void removeExpired()
      }, 60_000)
      closers.push(() => {
        clearInterval(tidy)
        for (const stop of stops) stop()
      })
      taints.look()
      if (leader.isLeader()) writer.begin()
    }

    /** Summaries of hubs that will not come back. */
    async function removeExpired(): Promise<void> {
      for (const name of feed.expired()) {
        if (!name.startsWith(namePrefix)) continue
        const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`
        await call('DELETE', path).catch(() => undefined)
      }
    }

    return {
      view,
      call,
      fleet,
      isElsewhere,
      onFleetChange,
      hub: side.cluster,
      events,
      serve,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}
