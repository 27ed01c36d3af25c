import { Observation } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { BacklogDisk } from './backlog-disk.js'
import {
  type BacklogItem,
  BacklogItems,
  type BacklogLimits,
  defaultLimits
} from './backlog-items.js'
import { DeferredQueue } from './deferred-queue.js'
import { DurableWaiters } from './durable-waiters.js'
import { encodeObservation } from './encode-observation.js'
import { mergeObservations } from './merge-observations.js'
import type { Spool } from './spool.js'

/** An observation to be sent. Without `bytes`, only the disk has it: see `fetch`. */
export interface DueObservation {
  id: string
  sequence: number
  bytes: Uint8Array | undefined
}

/** All items are checked this often for those that became due by time alone: there may be thousands. */
const scanEveryMs = 2000
/** If so many observations have to become durable, they are saved without waiting for the hub. */
const urgentAt = 128
/** At most so many are due at once: about what the transport accepts. */
export const dueAtOnce = 256

/** Opens the backlog with what the spool holds. */
export async function openBacklog(
  spool: Spool,
  logger: Logger,
  limits: Partial<BacklogLimits> = {}
): Promise<Backlog> {
  const backlog = new Backlog(spool, logger, { ...defaultLimits, ...limits })
  await backlog.load(spool)
  return backlog
}

/** Backlog holds what the hub has not acked yet, in memory and on disk. */
export class Backlog {
  readonly #limits: BacklogLimits
  readonly #logger: Logger
  readonly #items: BacklogItems
  readonly #disk: BacklogDisk
  readonly #waiters = new DurableWaiters()
  readonly #deferred = new DeferredQueue()
  /** Highest sequence used per instance, so that an ack always means one message of this process. */
  readonly #sequences = new Map<string, number>()
  /** Instances that neither the disk nor the hub has as they are. */
  readonly #undurable = new Set<string>()
  /** Instances to be sent, in that order. */
  readonly #fresh = new Set<string>()
  /** Instances that were given up although they had not ended. */
  readonly #givenUp = new Set<string>()
  #dropped = 0
  #scannedAt = -Infinity

  constructor(spool: Spool, logger: Logger, limits: BacklogLimits) {
    this.#limits = limits
    this.#logger = logger
    this.#items = new BacklogItems(limits)
    this.#disk = new BacklogDisk({
      spool,
      items: this.#items,
      logger,
      onSaved: (id, sequence) => this.#saved(id, sequence),
      onFailed: (failure) => this.#waiters.fail(failure),
      onLost: (item) => {
        this.#dropped += 1
        this.#remove(item)
      }
    })
  }

  /** Loads what an earlier process spooled. Called once, by openBacklog. */
  async load(spool: Spool): Promise<void> {
    const corrupt = await spool.load((observation, encoded) => {
      this.#add(observation, encoded, observation.sequence)
      this.#disk.found(observation.id)
      this.#items.evict()
    })
    for (const message of corrupt) {
      this.#logger.error({ code: 'STORE_CORRUPT', reason: message }, 'spooled observation skipped')
    }
  }

  get size(): number {
    return this.#items.size
  }

  /** Instances that were not sent on this stream as they are now. */
  get unsent(): number {
    return this.#items.unsent
  }

  /** Instances whose observation is in memory. */
  get inMemory(): number {
    return this.#items.inMemory
  }

  /** Why the spool cannot be written; undefined if it can. */
  get problem(): string | undefined {
    return this.#disk.problem
  }

  /** Instances that were given up because the backlog was full. */
  get dropped(): number {
    return this.#dropped
  }

  /** Adds a cumulative observation; never blocks, never fails. */
  put(observation: Observation): void {
    const { id } = observation
    const item = this.#items.get(id)
    const sequence = Math.max(observation.sequence, (this.#sequences.get(id) ?? 0) + 1)
    if (item !== undefined) this.#merge(item, observation, sequence)
    else {
      this.#makeRoom()
      const own = { ...observation, sequence }
      this.#add(own, encodeObservation(own), 0)
    }
    this.#givenUp.delete(id)
    this.#undurable.add(id)
    if (!this.#deferred.has(id)) this.#fresh.add(id)
    const hasTooMany = this.#items.inMemory > 2 * this.#limits.inMemory
    if (item?.stale === true || hasTooMany) void this.#disk.settle([id])
  }

  /** The hub has this instance durably up to this sequence. */
  acked(id: string, sequence: number): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    if (sequence >= item.sequence) {
      this.#remove(item)
      this.#waiters.durable(id, sequence)
      this.#disk.forget(id)
    } else if (this.#deferred.has(id)) {
      this.#deferred.remove(id)
      this.#fresh.add(id)
    }
  }

  /**
   * The hub does not accept this instance before this time. `byNode`: because of everything that this node brings,
   * so that other instances would be rejected too.
   */
  defer(id: string, untilMs: number, byNode = false): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    // Neither the hub nor this stream has it.
    item.sent = 0
    this.#fresh.delete(id)
    if (byNode) this.#deferred.add(id, untilMs)
    else item.notBefore = untilMs
  }

  /** A new stream: nothing was sent on it. */
  restart(): void {
    this.#deferred.restart()
    for (const item of this.#items.all()) {
      item.sent = 0
      if (!this.#deferred.has(item.id)) this.#fresh.add(item.id)
    }
  }

  /** Returns observations to be sent now, oldest first, at most `dueAtOnce`; again if sent more than `resendMs` ago. */
  due(nowMs: number, resendMs: number): DueObservation[] {
    this.#scan(nowMs, resendMs)
    const due: BacklogItem[] = []
    for (const id of this.#fresh) {
      const item = this.#items.get(id)
      if (item === undefined || !this.#isDue(item, nowMs, resendMs)) continue
      due.push(item)
      if (due.length >= dueAtOnce) break
    }
    for (const id of this.#deferred.take(nowMs)) {
      const item = this.#items.get(id)
      // A stale one is due again once it is merged with what the disk has.
      if (item !== undefined && !item.stale) due.push(item)
    }
    return due.map(({ id, sequence, bytes }) => ({ id, sequence, bytes }))
  }

  /** Reads observations that only the disk holds, as they are now; leaves out those that are gone by then. */
  async fetch(ids: readonly string[]): Promise<DueObservation[]> {
    const found: DueObservation[] = []
    for (const id of ids) {
      const item = this.#items.get(id)
      // A stale one becomes due by itself once it is merged with what the disk has.
      if (item === undefined || item.stale) continue
      const { sequence } = item
      const bytes = item.bytes ?? (await this.#disk.read(id))
      if (bytes === undefined) continue
      if (this.#items.get(id)?.sequence === sequence) found.push({ id, sequence, bytes })
    }
    return found
  }

  markSent(id: string, sequence: number, nowMs: number): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    item.sent = sequence
    item.sentAt = nowMs
    if (sequence >= item.sequence) this.#fresh.delete(id)
  }

  /**
   * Saves what is not on disk yet and has waited for its ack for `ageMs`. The first failure is logged, and the next call retries.
   */
  spool(ageMs = 0): Promise<void> {
    const now = performance.now()
    const old = [...this.#undurable].filter(
      (id) => now - (this.#items.get(id)?.since ?? now) >= ageMs
    )
    return this.#disk.settle(old)
  }

  /** Resolves when everything in it now was acked or spooled; rejects if the disk fails before. */
  durable(): Promise<void> {
    const waiting = [...this.#undurable].flatMap((id) => this.#items.get(id) ?? [])
    if (waiting.length >= urgentAt) void this.#disk.settle(this.#undurable)
    return this.#waiters.wait(new Map(waiting.map(({ id, sequence }) => [id, sequence])))
  }

  /** Returns the given-up instances that had not ended, once there is room to offer them again; each once. */
  toOfferAgain(): string[] {
    if (this.#givenUp.size === 0 || !this.#items.hasRoom) return []
    return [...this.#givenUp].filter((id) => this.#givenUp.delete(id))
  }

  #add(observation: Observation, encoded: Uint8Array, spooled: number): void {
    const { id, sequence } = observation
    this.#items.add(observation, encoded, spooled)
    this.#sequences.set(id, sequence)
    this.#fresh.add(id)
  }

  #remove(item: BacklogItem): void {
    const { id } = item
    this.#items.remove(item)
    this.#undurable.delete(id)
    this.#fresh.delete(id)
    this.#deferred.remove(id)
    if (item.ended) this.#sequences.delete(id)
  }

  #saved(id: string, sequence: number): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    item.spooled = sequence
    item.since = performance.now()
    if (item.sequence <= sequence) this.#undurable.delete(id)
    this.#waiters.durable(id, sequence)
  }

  #makeRoom(): void {
    while (this.#items.isFull) {
      const item = this.#items.victim()
      if (item === undefined) return
      const { id, ended } = item
      this.#remove(item)
      if (!ended) this.#givenUp.add(id)
      this.#dropped += 1
      if (this.#dropped % 100 === 1) {
        const [limit, dropped] = [this.#limits.instances, this.#dropped]
        const facts = { code: 'TOO_LARGE', id, limit, dropped }
        this.#logger.error(facts, 'too many observations wait for the hub: some were given up')
      }
      this.#waiters.durable(id, Infinity)
      this.#disk.forget(id)
    }
  }

  /** Merges a new observation with the waiting one of the same instance. */
  #merge(item: BacklogItem, observation: Observation, sequence: number): void {
    const before = item.bytes === undefined ? undefined : Observation.decode(item.bytes)
    const merged = before === undefined ? observation : mergeObservations(before, observation)
    item.stale ||= before === undefined
    this.#items.setBytes(item, encodeObservation({ ...merged, sequence }))
    if (item.spooled >= item.sequence) item.since = performance.now()
    item.sequence = sequence
    item.ended ||= observation.ended
    this.#sequences.set(item.id, sequence)
  }

  #isDue(item: BacklogItem, nowMs: number, resendMs: number): boolean {
    if (item.stale || nowMs < item.notBefore || this.#deferred.has(item.id)) return false
    return item.sent < item.sequence || nowMs - item.sentAt >= resendMs
  }

  #scan(nowMs: number, resendMs: number): void {
    if (nowMs - this.#scannedAt < scanEveryMs && nowMs >= this.#scannedAt) return
    this.#scannedAt = nowMs
    for (const item of this.#items.all()) {
      if (this.#isDue(item, nowMs, resendMs)) this.#fresh.add(item.id)
    }
  }
}
