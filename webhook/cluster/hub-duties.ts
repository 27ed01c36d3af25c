import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { ApiCall } from '../../src/store/kubernetes-call.js'
import type { Store } from '../../src/store/store.js'
import type { Hub } from '../hub/hub.js'
import type { CloseSteps } from './close-steps.js'
import type { EventRecorder } from './events/events.js'
import { startNodeEvents } from './events/node-events.js'
import { startPolicyParameters } from './policy-parameters.js'
import { encodeSummary } from './replicas/hub-summary.js'
import type { Leader } from './replicas/leader.js'
import { startSummaryPublisher } from './replicas/summary-publisher.js'
import type { SummaryWatch } from './replicas/summary-watch.js'
import type { ClusterView } from './watch/cluster-view.js'
import { StartupTaints } from './watch/startup-taint.js'
import type { Claims } from './false-claims.js'
import { startWriter } from './writer.js'

/** HubDuties is the hub of this replica, and what it needs for its duties in a cluster. */
export interface HubDuties {
  hub: Hub
  store: Store
  snapshot: () => Snapshot
  claims: Claims
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
  summary: SummaryWatch
  leader: Leader
  events: EventRecorder
  /** Between two renewals of the hub's summary. */
  renewMs?: number | undefined
}

function startPublisher(
  { hub }: HubDuties,
  { call, namespace, id, logger, leader, renewMs }: HubDutyOptions
): ReturnType<typeof startSummaryPublisher> {
  return startSummaryPublisher({
    ...{ call, namespace, id, logger },
    summary: () => encodeSummary(hub.nodes(), hub.desired().keys(), hub.unblocked()),
    mayWrite: () => leader.isLeader(),
    ...(renewMs === undefined ? {} : { renewMs })
  })
}

/**
 * Publishes what nodes hold, for the other replicas and for the next active hub. Returns a function that publishes
 * what has changed at once.
 */
function publishSummary(
  duties: HubDuties,
  options: HubDutyOptions,
  closers: CloseSteps
): () => Promise<void> {
  const { id, leader, summary } = options
  const publisher = startPublisher(duties, options)
  closers.add(() => publisher.close())
  closers.add(duties.hub.onChange(() => publisher.changed()))
  closers.add(
    leader.onChange((leads) => {
      if (leads) publisher.changed(true)
    })
  )
  closers.add(
    summary.onChange(() => {
      // The last write of a hub that led before can come late.
      if (leader.isLeader() && summary.current()?.hub !== id) publisher.changed(true)
    })
  )
  return () => publisher.written()
}

/** Removes the start-up taint from nodes that are connected to this hub and have every file. */
function removeTaints({ hub }: HubDuties, options: HubDutyOptions, closers: CloseSteps): void {
  const { call, logger, view, leader } = options
  const taints = new StartupTaints({
    ...{ view, call, logger },
    isComplete: (node) => hub.isComplete(node),
    isActive: () => leader.isLeader()
  })
  closers.add(() => taints.close())
  closers.add(hub.onChange(() => taints.scan()))
  closers.add(leader.onChange(() => taints.scan()))
  closers.add(
    view.onChange(({ kind }) => {
      if (kind === 'node') taints.scan()
    })
  )
  taints.scan()
}

/** Starts to write events, conditions of rules and policies' parameters. */
async function startWriting(
  { store, snapshot, claims, rules, onSnapshot }: HubDuties,
  options: HubDutyOptions,
  closers: CloseSteps
): Promise<void> {
  const { call, namespace, view, leader, events, logger } = options
  const mayWrite = (): boolean => leader.isLeader()
  const shared = { store, view, claims, events, snapshot, rules }
  const writer = await startWriter({ ...shared, logger, mayWrite })
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
  if (leader.isLeader()) writer.begin()
}

/** StartedDuties are the duties of a hub that has begun with them. */
interface StartedDuties {
  /** See HubCluster. */
  announce: () => Promise<void>
  /** Resolves when profiles are listed and events can be written. */
  writing: Promise<void>
}

/** Starts the duties of the active hub in a cluster. */
export function startHubDuties(
  duties: HubDuties,
  options: HubDutyOptions,
  closers: CloseSteps
): StartedDuties {
  const announce = publishSummary(duties, options, closers)
  removeTaints(duties, options, closers)
  const { view, events, leader } = options
  const mayWrite = (): boolean => leader.isLeader()
  closers.add(startNodeEvents({ hub: duties.hub, view, events, mayWrite }))
  return { announce, writing: startWriting(duties, options, closers) }
}
