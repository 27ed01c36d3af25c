import { status } from '@grpc/grpc-js'
import type { CertificatePair } from '../../certs/pair.js'
import type { RevisionRef } from '../../src/api/gen/hub.js'
import { profileKey, type ProfileState } from '../../src/rules/profile-state.js'
import type { Denial } from './denials/denial.js'
import type { DenialRows } from './denials/denial-rows.js'
import { goneFrom } from './gone-from.js'
import { hurryRecords, openRecords } from './hub-records.js'
import { defaultTiming } from './hub-timing.js'
import type { Hub, HubOptions, Recorded } from './hub-types.js'
import type { HistoryRecorder } from './history/history-recorder.js'
import { noteMissed } from './note-deleted.js'
import type { FleetInventory } from './nodes/inventory.js'
import type { NodeState } from './nodes/node-state.js'
import type { Readiness } from './nodes/readiness.js'
import type { FleetSets } from './nodes/used-sets.js'
import type { Discovery } from './observations/discovery.js'
import type { IntakeLoad } from './observations/observation-intake.js'
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
    let desired: Set<string> | undefined
    return this.#parts.records.nodes.list().map((listed) => {
      const holdsUp = this.#parts.late.of(listed.name)
      const node = holdsUp.length === 0 ? listed : { ...listed, holdsUp }
      if (node.problems.size === 0) return node
      // A problem with a revision that nobody desires any more is over.
      const digests = (desired ??= this.#parts.desiredDigests())
      const problems = [...node.problems].filter(([, { digest }]) => digests.has(digest))
      return { ...node, problems: new Map(problems) }
    })
  }

  node(name: string): NodeState | undefined {
    return this.#parts.records.nodes.get(name)
  }

  readiness(path: string): Readiness {
    return this.#parts.fleetState().readiness(path)
  }

  rendering(): ReturnType<Hub['rendering']> {
    return this.#parts.fleetState().rendering
  }

  covered(): ReadonlySet<string> | undefined {
    return this.#parts.revisions.covered()
  }

  desired(): ReadonlyMap<string, RevisionRef> {
    return this.#parts.revisions.desired()
  }

  unblocked(): ReturnType<Hub['unblocked']> {
    return this.#parts.revisions.unblocked()
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

  load(): IntakeLoad {
    const { waiting, slowed } = this.#parts.messages.load()
    return { waiting: waiting + this.#parts.writer.waiting(), slowed }
  }

  async recorded(namespace: string, profile: string): Promise<Recorded> {
    const nodes = await this.#parts.messages.collections.collect()
    const key = profileKey(namespace, profile)
    const unwritten = await this.#parts.writer.writeNow(key)
    const { history } = this.#parts.records
    const found = await Promise.all(history.workloadsOf(key).map((one) => history.get(one)))
    const runs = found.flatMap((one) =>
      (one?.starts ?? []).map(({ run, node, container = '' }) => ({ run, node, container }))
    )
    return { nodes, runs, ...unwritten }
  }

  async flush(): Promise<void> {
    const { messages, writer, records, promotions, revisions } = this.#parts
    await messages.settled()
    await writer.flush()
    await records.denialSaver.flush()
    await records.history.flush()
    await promotions.check()
    await revisions.settle()
  }

  hurry(): Promise<void> {
    return hurryRecords(this.#parts.records)
  }

  stopping(): Promise<void> {
    this.#parts.records.history.hubStopped()
    return this.flush()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const parts = this.#parts
    parts.traces.close()
    parts.relearning.close()
    parts.disconnected.close()
    parts.podCheck?.close()
    parts.stopCluster?.()
    await parts.writer.close()
    await parts.records.denialSaver.close()
    parts.records.history.hubStopped()
    await parts.records.history.close()
    this.#stopWatching()
    await parts.promotions.close()
    await parts.revisions.close()
    parts.fleet.end(status.UNAVAILABLE, 'the hub is stopping')
    await new Promise((resolve) => setImmediate(resolve))
    // Before the port is free: the next hub on this folder reads what this one has written.
    await parts.records.nodeSaver.close()
    await parts.records.files.renderings?.close()
    await this.#server.close()
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
  const lastSign = () => options.cluster?.lastSign()
  const isFolder = options.cluster === undefined
  const history = { store: options.store.history, timing, mayWrite, lastSign, isFolder }
  const records = await openRecords(revisionsDir, logger, history)
  const parts = new HubParts({ ...options, timing }, records)
  const server = await parts.openServer()
  const stopWatching = await options.store.watch((event) => parts.storeEvent(event))
  records.history.hubStarted()
  await parts.settle()
  if (mayWrite()) await noteMissed(records, goneFrom(options))
  return new RunningHub(parts, server, stopWatching)
}
