import { learnHistory } from './learn-history.js'
import { status } from '@grpc/grpc-js'
import type { Hello } from '../../src/api/gen/hub.js'
import { learnedFrom, profileKey } from '../../src/rules/profile-state.js'
import type { StoreEvent } from '../../src/store/store.js'
import { Listeners } from '../../src/lib/listeners.js'
import { type DisconnectedNodes, watchDisconnectedNodes } from './disconnected-nodes.js'
import { goneFrom } from './gone-from.js'
import { Fleet } from './fleet.js'
import type { HubRecords } from './hub-records.js'
import { defaultTiming, type HubTiming } from './hub-timing.js'
import type { HubOptions } from './hub-types.js'
import { noteDeleted } from './note-deleted.js'
import { noteObserved } from './note-observed.js'
import { LateRevisions } from './nodes/late-revisions.js'
import { ownFleet } from './nodes/local-fleet.js'
import type { FleetState } from './nodes/readiness.js'
import {
  type Cardinality,
  createCardinality,
  defaultLimits,
  type HubLimits
} from './observations/cardinality.js'
import { createNodeReports } from './observations/node-reports.js'
import { createObservationReceiver } from './observations/observation-receiver.js'
import { ObservationWriter } from './observations/observation-writer.js'
import { PodCheck } from './observations/pod-check.js'
import { HeldRevisions } from './revisions/held-revisions.js'
import { createPromotions, type Promotions } from './revisions/promotions.js'
import { type Relearning, relearningOf } from './observations/relearning.js'
import { Revisions } from './revisions/revisions.js'
import { SatelliteMessages } from './satellite-messages.js'
import { type HubServer, openHubServer } from './stream/hub-server.js'
import { createRejections, type Rejections } from './stream/rejections.js'
import { StreamGate } from './stream/stream-gate.js'
import type { Session, StreamEvents } from './stream/session.js'
import { FleetTraces } from './traces/fleet-traces.js'

/** HubParts owns the parts of a hub and passes events between them, so that none of them knows another's owner. */
export class HubParts {
  readonly records: HubRecords
  readonly rejections: Rejections
  readonly podCheck: PodCheck | undefined
  readonly revisions: Revisions
  readonly held: HeldRevisions
  readonly fleet: Fleet
  readonly promotions: Promotions
  readonly writer: ObservationWriter
  readonly relearning: Relearning
  readonly traces: FleetTraces
  readonly disconnected: DisconnectedNodes
  readonly late: LateRevisions
  readonly listeners = new Listeners()
  readonly stopCluster: (() => void) | undefined
  readonly #options: HubOptions
  readonly #timing: HubTiming
  readonly #limits: HubLimits
  readonly #cardinality: Cardinality
  readonly messages: SatelliteMessages
  readonly #gate: StreamGate
  /** Everything that the store has was rendered once, so that it is known which files nodes should hold. */
  #isSettled = false

  constructor(options: HubOptions, records: HubRecords) {
    const { logger, cluster } = options
    this.records = records
    this.#options = options
    this.#timing = { ...defaultTiming, ...options.timing }
    this.#limits = { ...defaultLimits, ...options.limits }
    this.rejections = createRejections(logger)
    this.#cardinality = createCardinality(this.#limits)
    this.podCheck = this.#createPodCheck()
    this.revisions = this.#createRevisions()
    const { nodes, inventory, files } = records
    this.held = new HeldRevisions({ nodes, inventory, files, logger })
    this.fleet = new Fleet({ nodes: records.nodes, revisions: this.revisions, logger })
    this.promotions = this.#createPromotions()
    this.writer = this.#createWriter()
    this.relearning = relearningOf(this, this.#learnedFrom, (uid) => cluster?.podOf(uid))
    this.traces = new FleetTraces({ timing: this.#timing, logger })
    this.#gate = this.#createGate()
    this.messages = this.#createMessages()
    this.late = new LateRevisions({
      ...{ nodes, revisions: this.revisions, lateMs: this.#timing.lateMs },
      ...{ fleet: () => this.fleetState(), changed: () => this.listeners.notify() }
    })
    const aged = () => {
      this.#nodesChanged()
      void this.late.scan()
    }
    this.disconnected = watchDisconnectedNodes({ nodes, inventory, timing: this.#timing, aged })
    this.stopCluster = cluster?.onChange((what) => this.#clusterChanged(what))
  }

  /** What becomes of the streams of satellites. */
  readonly events: StreamEvents = {
    opened: (session, hello) => this.#sessionOpened(session, hello),
    message: (session, body) => this.messages.receive(session, body),
    closed: (session) => this.#sessionClosed(session)
  }

  /** The fleet as it is now: in a cluster with the nodes that never had a satellite. */
  fleetState(): FleetState {
    const { nodes } = this.records
    const { cluster } = this.#options
    return cluster?.fleet(nodes.list()) ?? ownFleet(nodes, this.#timing.graceMs)
  }

  openServer(): Promise<HubServer> {
    const { listen, tls, logger, reviewToken } = this.#options
    return openHubServer({
      ...{ listen, tls, logger, timing: this.#timing, rejections: this.rejections },
      ...{ gate: this.#gate, events: this.events },
      ...(reviewToken === undefined ? {} : { reviewToken })
    })
  }

  storeEvent(event: StoreEvent): void {
    if (event.type === 'problem') {
      const { where, message: reason } = event.problem
      this.#options.logger.warn({ code: 'STORE_CORRUPT', where, reason }, 'object cannot be read')
    }
    if (event.type === 'applied' && event.object.kind === 'SeccompProfile') {
      const { namespace = '', name } = event.object.metadata
      this.#cardinality.known(profileKey(namespace, name))
      this.relearning.applied(event.object)
    } else if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
      this.#cardinality.gone(profileKey(event.ref.namespace, event.ref.name))
      noteDeleted({ ...this.records, relearning: this.relearning }, event)
    }
    this.records.history.stored(event)
    this.revisions.event(event)
    this.promotions.event(event)
  }

  /** Renders what the store has, and removes the bytes of old revisions that nothing refers to. */
  async settle(): Promise<void> {
    await this.revisions.settle()
    this.#isSettled = true
    if (this.#isActive()) this.#begin()
    await this.records.files.sweep(this.desiredDigests(), this.#timing.forgetMs)
  }

  desiredDigests(): Set<string> {
    return new Set([...this.revisions.desired().values()].map(({ digest }) => digest))
  }

  readonly #learnedFrom = (key: string): { container?: string } | undefined => {
    const profile = this.revisions.profile(key)
    return profile && learnedFrom(profile)
  }

  #createPodCheck(): PodCheck | undefined {
    const { pods, plainContainers: plain = 'reject' } = this.#options
    if (pods === undefined) return undefined
    const waitMs = this.#timing.podWaitMs
    return new PodCheck({ pods, plain, waitMs, profileOf: this.#learnedFrom })
  }

  #createWriter(): ObservationWriter {
    const { store, logger } = this.#options
    const known = (key: string) => this.revisions.profile(key)
    return new ObservationWriter(store, logger, this.#timing, known, () => this.#isActive())
  }

  #createGate(): StreamGate {
    const { cluster } = this.#options
    const activity = {
      isActive: () => this.#isSettled && this.#isActive(),
      isCandidate: () => cluster?.isCandidate() !== false,
      activeAddress: () => cluster?.activeAddress(),
      standbyAddress: () => cluster?.standbyAddress()
    }
    return new StreamGate(activity, this.#timing.standbyWaitMs)
  }

  #createRevisions(): Revisions {
    const { store, logger, cluster, approver, render } = this.#options
    const { debounceMs, retryMs, countMs } = this.#timing
    return new Revisions({
      ...{ store, logger, debounceMs, retryMs, countMs, files: this.records.files },
      fleet: () => this.fleetState(),
      referred: () => cluster?.referred() ?? [],
      mayWrite: () => this.#isActive(),
      changed: (isDesiredNew) => this.#revisionsChanged(isDesiredNew),
      recordEdits: approver !== undefined,
      ...(cluster && { announce: () => cluster.announce() }),
      ...(render === undefined ? {} : { render })
    })
  }

  #createPromotions(): Promotions {
    const { store, logger, approver } = this.#options
    return createPromotions({
      ...{ store, logger, records: this.records, everyMs: this.#timing.promoteMs, now: Date.now },
      ...{ mayWrite: () => this.#isActive(), ...(approver && { approver }) }
    })
  }

  #createMessages(): SatelliteMessages {
    const { logger, cluster } = this.#options
    const { nodes, denials, denialRows, denialSaver, inventory, sets, runs, history } = this.records
    const { podCheck, rejections, fleet } = this
    const podOf = (uid: string) => cluster?.podOf(uid)
    const profileOf = this.#learnedFrom
    const shared = { denials, rejections, podOf, profileOf, ...(podCheck && { podCheck }) }
    const observe = createObservationReceiver({
      ...{ ...shared, runs, writer: this.writer, cardinality: this.#cardinality, logger },
      status: (node) => nodes.get(node)?.status,
      noted: (observation, finding) => noteObserved(this.records, observation, finding),
      recorded: (node, observation, finding) =>
        history.observed(node, observation, finding, denialRows.ofInstance(node, observation)),
      denialsSaved: denialSaver.settled
    })
    return new SatelliteMessages({
      ...{ nodes, fleet, observe, rejections, limits: this.#limits, logger },
      report: createNodeReports({ ...shared, inventory, sets }),
      traced: (session, counts) => this.traces.reported(session, counts),
      placing: (node) => this.podCheck?.waitingOf(node) ?? 0,
      sent: (session, revision) => this.held.answered(session, revision),
      nodesChanged: () => this.#nodesChanged()
    })
  }

  #isActive(): boolean {
    return this.#options.cluster?.isActive() !== false
  }

  #clusterChanged(what: 'fleet' | 'active' | 'standby'): void {
    if (what === 'standby') this.#standBy()
    else if (what === 'active' && this.#isSettled) {
      this.#begin()
      // What the last active hub recorded, also of containers that have ended.
      const { logger } = this.#options
      void learnHistory(this.records, {
        ...{ logger, retryMs: this.#timing.retryMs, isGone: goneFrom(this.#options) },
        ...{ isWanted: () => this.#isActive(), learned: () => this.listeners.notify() }
      })
    } else this.revisions.nodesChanged()
  }

  /** This hub is the active one: it goes on from what the last active hub reported of the nodes. */
  #begin(): void {
    const paths = this.revisions.desired().keys()
    this.records.nodes.inherit(this.#options.cluster?.reported(paths) ?? [])
    this.revisions.writesBegin()
    void this.promotions.check()
    this.#gate.check()
    this.#nodesChanged()
  }

  /** Another hub may be the active one: satellites connect to it, and it learns from them what runs. */
  #standBy(): void {
    const { nodes, inventory } = this.records
    this.fleet.end(status.UNAVAILABLE, 'this hub is on standby')
    for (const { name } of nodes.list()) {
      inventory.forget(name)
      nodes.forget(name)
    }
    this.#nodesChanged()
  }

  #revisionsChanged(isDesiredNew: boolean): void {
    if (isDesiredNew) this.fleet.distribute()
    this.listeners.notify()
  }

  #nodesChanged(): void {
    this.records.nodeSaver.changed()
    this.revisions.nodesChanged()
    this.listeners.notify()
  }

  #sessionOpened(session: Session, hello: Hello): void {
    // This hub may have become a standby since the stream began.
    if (!this.#isActive()) {
      session.end(status.UNAVAILABLE, 'this hub is on standby')
      return
    }
    this.records.nodes.connected(hello, new Date().toISOString())
    this.records.history.satelliteStarted(hello)
    const { node } = session
    this.#options.logger.info({ node, version: hello.version }, 'satellite connected')
    this.fleet.join(session)
    this.held.joined(session, hello)
    this.traces.joined(session, hello)
    this.messages.collections.joined(session, hello)
    this.#nodesChanged()
  }

  #sessionClosed(session: Session): void {
    this.traces.left(session)
    this.messages.collections.left(session)
    this.held.left(session)
    if (!this.fleet.leave(session)) return
    this.records.nodes.disconnected(session.node, new Date().toISOString())
    this.#options.logger.info({ node: session.node }, 'satellite disconnected')
    this.#nodesChanged()
  }
}
