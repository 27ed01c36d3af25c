import { status } from '@grpc/grpc-js'
import type { CertificatePair } from '../../certs/pair.js'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { Denial } from './denials/denial.js'
import type { DenialRows } from './denials/denial-rows.js'
import { openRecords } from './hub-records.js'
import { defaultTiming } from './hub-timing.js'
import type { Hub, HubOptions } from './hub-types.js'
import type { HistoryRecorder } from './history/history-recorder.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { NodeState } from './nodes/nodes.js'
import type { Readiness } from './nodes/readiness.js'
import type { FleetSets } from './nodes/used-sets.js'
import type { Discovery } from './observations/discovery.js'
import { HubParts } from './hub-parts.js'
import type { FleetTraces } from './traces/fleet-traces.js'
import type { HubServer } from './stream/hub-server.js'
import type { RejectionReason } from './stream/rejections.js'
import type { Address } from './stream/tls-listener.js'

export type { Hub, HubOptions } from './hub-types.js'

class RunningHub implements Hub {
  readonly address: Address
  readonly discovery: Discovery
  readonly denialRows: DenialRows
  readonly inventory: FleetInventory
  readonly sets: FleetSets
  readonly traces: FleetTraces
  readonly replicas: Hub['replicas']
  readonly history: HistoryRecorder
  readonly #parts: HubParts
  readonly #server: HubServer
  readonly #stopWatching: () => void
  #closing: Promise<void> | undefined

  constructor(parts: HubParts, server: HubServer, stopWatching: () => void) {
    this.#parts = parts
    this.#server = server
    this.#stopWatching = stopWatching
    this.address = server.address
    this.discovery = parts.records.discovery
    this.denialRows = parts.records.denialRows
    this.inventory = parts.records.inventory
    this.sets = parts.records.sets
    this.traces = parts.traces
    this.replicas = server.replicas
    this.history = parts.records.history
  }

  profiles(): ReadonlyMap<string, ProfileState> {
    return this.#parts.revisions.states()
  }

  within(inner: string, outer: string): boolean {
    return this.#parts.revisions.within(inner, outer)
  }

  nodes(): NodeState[] {
    // A problem with a revision that nobody desires any more is over.
    const desired = this.#parts.desiredDigests()
    return this.#parts.records.nodes.list().map((node) => ({
      ...node,
      problems: node.problems.filter(({ digest }) => desired.has(digest))
    }))
  }

  node(name: string): NodeState | undefined {
    return this.#parts.records.nodes.get(name)
  }

  readiness(path: string): Readiness {
    return this.#parts.fleetState().readiness(path)
  }

  covered(): ReadonlySet<string> | undefined {
    return this.#parts.revisions.covered()
  }

  desired(): ReadonlyMap<string, RevisionRef> {
    return this.#parts.revisions.desired()
  }

  isComplete(name: string): boolean {
    const node = this.node(name)
    if (node?.connected !== true) return false
    const unavailable = this.#parts.revisions.unavailable()
    return [...this.desired().keys()].every(
      (path) => node.holding.has(path) || unavailable.has(path)
    )
  }

  denials(): Denial[] {
    return this.#parts.records.denials.list()
  }

  rejected(): Readonly<Record<RejectionReason, number>> {
    return this.#parts.rejections.counts()
  }

  bytes(digest: string): Promise<Buffer | undefined> {
    return this.#parts.held.read(digest)
  }

  onChange(listener: () => void): () => void {
    return this.#parts.listeners.add(listener)
  }

  setCertificate(pair: CertificatePair): void {
    this.#server.setCertificate(pair)
  }

  async flush(): Promise<void> {
    const { writer, records, promotions, revisions } = this.#parts
    await writer.flush()
    await records.denialSaver.flush()
    await records.history.flush()
    await promotions.check()
    await revisions.settle()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const parts = this.#parts
    parts.traces.close()
    parts.disconnected.close()
    parts.podCheck?.close()
    parts.stopCluster?.()
    await parts.writer.close()
    await parts.records.denialSaver.close()
    await parts.records.history.close()
    this.#stopWatching()
    await parts.promotions.close()
    await parts.revisions.close()
    parts.fleet.end(status.UNAVAILABLE, 'the hub is stopping')
    await new Promise((resolve) => setImmediate(resolve))
    await this.#server.close()
    await parts.records.nodeSaver.flush()
    await parts.records.discovery.flush()
    parts.listeners.clear()
  }
}

/**
 * Starts the hub. Observations are acked only after the store has them durably.
 * @throws SeccoError PORT_IN_USE, CERTIFICATE_INVALID, WRITE_FAILED (revisionsDir).
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { revisionsDir, logger } = options
  const timing = { ...defaultTiming, ...options.timing }
  const mayWrite = () => options.cluster?.isActive() !== false
  const history = { store: options.store.history, timing, mayWrite }
  const records = await openRecords(revisionsDir, logger, history)
  const parts = new HubParts({ ...options, timing }, records)
  const server = await parts.openServer()
  const stopWatching = await options.store.watch((event) => parts.storeEvent(event))
  records.history.hubStarted()
  await parts.settle()
  return new RunningHub(parts, server, stopWatching)
}
