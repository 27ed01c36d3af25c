import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { Store } from '../../src/store/store.js'
import type { Hub } from '../hub/hub.js'
import type { CloseSteps } from './close-steps.js'
import type { EventRecorder } from './events/events.js'
import { startPolicyParameters } from './policy-parameters.js'
import type { FleetOfCluster } from './replicas/cluster-fleet.js'
import { encodeSummary } from './replicas/hub-summary.js'
import type { Leader } from './replicas/leader.js'
import { namePrefix, startSummaryPublisher } from './replicas/summary-publisher.js'
import type { SummaryWatch } from './replicas/summary-watch.js'
import type { ClusterView } from './watch/cluster-view.js'
import { createStartupTaints } from './watch/startup-taint.js'
import { startWriter } from './writer.js'

/** HubDuties is the hub of this replica, and what it needs for its duties in a cluster. */
export interface HubDuties {
  hub: Hub
  store: Store
  snapshot: () => Snapshot
  onSnapshot: (listener: () => void) => () => void
  rules: () => readonly SeccompRule[]
}

interface HubDutyOptions {
  call: ApiCall
  namespace: string
  /** This replica: its pod's name. */
  id: string
  logger: Logger
  view: ClusterView
  summaries: SummaryWatch
  fleet: FleetOfCluster
  leader: Leader
  events: EventRecorder
  /** Between two renewals of the hub's summary. */
  renewMs?: number | undefined
}

/** Summaries of hubs that will not return are looked for this often. */
const expiryMs = 60_000

/** Deletes the summaries of hubs that will not return. */
async function removeExpired({ call, namespace, summaries }: HubDutyOptions): Promise<void> {
  for (const name of summaries.expired()) {
    if (!name.startsWith(namePrefix)) continue
    const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`
    await call('DELETE', path).catch(() => undefined)
  }
}

function startPublisher({ hub }: HubDuties, options: HubDutyOptions) {
  const { call, namespace, id, logger, renewMs } = options
  return startSummaryPublisher({
    ...{ call, namespace, id, logger },
    content: () => encodeSummary(hub.nodes(), hub.desired().keys()),
    ...(renewMs === undefined ? {} : { renewMs })
  })
}

/** Starts what every hub does in a cluster: it publishes its summary and removes start-up taints. */
function startEveryHubsPart(duties: HubDuties, options: HubDutyOptions, closers: CloseSteps): void {
  const { call, logger, view, fleet } = options
  const { hub } = duties
  const publisher = startPublisher(duties, options)
  closers.add(() => publisher.close())
  const isComplete = (node: string): boolean => hub.isComplete(node)
  const taints = createStartupTaints({ view, call, isComplete, logger })
  closers.add(() => taints.close())
  closers.add(
    hub.onChange(() => {
      publisher.changed()
      taints.scan()
    })
  )
  closers.add(fleet.onChange(() => taints.scan()))
  taints.scan()
}

/** Starts what only the leading hub does: events, conditions of rules, policies' parameters, expired summaries. */
async function startLeadersPart(
  { store, snapshot, rules, onSnapshot }: HubDuties,
  options: HubDutyOptions,
  closers: CloseSteps
): Promise<void> {
  const { call, namespace, view, leader, events, logger } = options
  const mayWrite = (): boolean => leader.isLeader()
  const writer = await startWriter({ store, view, events, snapshot, rules, logger, mayWrite })
  closers.add(() => writer.close())
  const parameters = startPolicyParameters({ call, namespace, snapshot, logger, mayWrite })
  closers.add(() => parameters.close())
  closers.add(
    onSnapshot(() => {
      writer.update()
      parameters.update()
    })
  )
  closers.add(
    leader.onChange((leads) => {
      if (!leads) return
      writer.begin()
      parameters.update()
    })
  )
  const timer = setInterval(() => {
    if (leader.isLeader()) void removeExpired(options)
  }, expiryMs)
  closers.add(() => clearInterval(timer))
  if (leader.isLeader()) writer.begin()
}

/** Starts the duties of a hub in a cluster. Resolves when profiles are listed and events can be written. */
export async function startHubDuties(
  duties: HubDuties,
  options: HubDutyOptions,
  closers: CloseSteps
): Promise<void> {
  startEveryHubsPart(duties, options, closers)
  await startLeadersPart(duties, options, closers)
}
