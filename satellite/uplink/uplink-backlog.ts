import { Observation } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { createBacklogDisk } from './backlog-disk.js'
import {
  type BacklogLimits,
  createBacklogItems,
  defaultLimits,
  type Item
} from './backlog-items.js'
import { createDurableWaiters } from './durable-waiters.js'
import { encodeObservation } from './encode-observation.js'
import { createHeldBack } from './held-back.js'
import type { Spool } from './spool.js'
import { mergeObservations } from './uplink-merge.js'

/** What is to be sent; of what only the disk holds, `bytes` are to be asked for. */
export interface Due {
  id: string
  sequence: number
  bytes: Uint8Array | undefined
}

/** What the hub has not acked yet, in memory and on disk. */
export interface Backlog {
  /** Takes a cumulative observation in; never blocks, never fails. */
  put(observation: Observation): void
  /** The hub has this instance durably up to that sequence. */
  acked(id: string, sequence: number): void
  /**
   * The hub does not take this instance before that time. `byNode`: because of all that this node brings, so that
   * others would be refused like it.
   */
  holdBack(id: string, untilMs: number, byNode?: boolean): void
  /** A new stream: nothing of it was sent. */
  restart(): void
  /** What has to be sent now, oldest first, some of it; what was sent longer than `resendMs` ago again. */
  due(nowMs: number, resendMs: number): Due[]
  /** Reads what only the disk holds, as it is now; what is gone meanwhile is left out. */
  fetch(ids: readonly string[]): Promise<Due[]>
  markSent(id: string, sequence: number, nowMs: number): void
  size(): number
  /** Of those, the ones whose observation is in memory. */
  inMemory(): number
  /**
   * Saves what is not on disk yet and has waited for its ack for `ageMs`. Failures are said once and
   * tried with the next call.
   */
  spool(ageMs?: number): Promise<void>
  /** Resolves when all that is in it now was acked or spooled; rejects when the disk fails before. */
  durable(): Promise<void>
  /** Why the spool cannot be written, when it cannot. */
  problem(): string | undefined
  /** Instances that were given up because the backlog was full. */
  dropped(): number
  /**
   * Those of them that had not ended, once there is room again; each is named once. Who knows them offers them again.
   */
  toOfferAgain(): string[]
}

/** What became due by time alone is looked for this often: there may be thousands. */
const lookEveryMs = 2000
/** When so many are to be durable, nobody waits for the hub first. */
const urgentAt = 128
/** Given at once: the transport takes about that much. */
export const dueAtOnce = 256

/** Opens the backlog with what the spool holds. */
export async function openBacklog(
  spool: Spool,
  logger: Logger,
  given: Partial<BacklogLimits> = {}
): Promise<Backlog> {
  const limits = { ...defaultLimits, ...given }
  const items = createBacklogItems(limits)
  /** Highest sequence used per instance, so that an ack always names one message of this process. */
  const sequences = new Map<string, number>()
  /** Those that neither the disk nor the hub has as they are. */
  const undurable = new Set<string>()
  /** Those to be sent, in that order. */
  const fresh = new Set<string>()
  const held = createHeldBack()
  const waiters = createDurableWaiters()
  /** Given up, and its container was not over. */
  const givenUp = new Set<string>()
  let dropped = 0
  let lookedAt = Number.NEGATIVE_INFINITY
  const disk = createBacklogDisk({
    ...{ spool, items, logger },
    onSaved(id, sequence) {
      const item = items.get(id)
      if (item === undefined) return
      item.spooled = sequence
      item.since = performance.now()
      if (item.sequence <= sequence) undurable.delete(id)
      waiters.durable(id, sequence)
    },
    onFailed: (failure) => waiters.fail(failure),
    onLost(item) {
      dropped += 1
      remove(item)
    }
  })

  function add(observation: Observation, encoded: Uint8Array, spooled: number): void {
    const { id, sequence } = observation
    items.add(observation, encoded, spooled)
    sequences.set(id, sequence)
    fresh.add(id)
  }

  function remove(item: Item): void {
    const { id } = item
    items.remove(item)
    undurable.delete(id)
    fresh.delete(id)
    held.remove(id)
    if (item.ended) sequences.delete(id)
  }

  const corrupt = await spool.load((observation, encoded) => {
    add(observation, encoded, observation.sequence)
    disk.found(observation.id)
    items.evict()
  })
  for (const message of corrupt) {
    logger.error({ code: 'STORE_CORRUPT' }, `spooled observation skipped: ${message}`)
  }

  function makeRoom(): void {
    while (items.isFull()) {
      const item = items.victim()
      if (item === undefined) return
      const { id, ended } = item
      remove(item)
      if (!ended) givenUp.add(id)
      dropped += 1
      if (dropped % 100 === 1) {
        logger.error(
          { code: 'TOO_LARGE', id, limit: limits.instances, dropped },
          'too many observations wait for the hub: some were given up'
        )
      }
      waiters.durable(id, Infinity)
      disk.forget(id)
    }
  }

  /** Joins what came with what waits of the same instance already. */
  function join(item: Item, observation: Observation, sequence: number): void {
    const before = item.bytes === undefined ? undefined : Observation.decode(item.bytes)
    const merged = before === undefined ? observation : mergeObservations(before, observation)
    item.stale ||= before === undefined
    items.setBytes(item, encodeObservation({ ...merged, sequence }))
    if (item.spooled >= item.sequence) item.since = performance.now()
    item.sequence = sequence
    item.ended ||= observation.ended
    sequences.set(item.id, sequence)
  }

  function isDue(item: Item, nowMs: number, resendMs: number): boolean {
    if (item.stale || nowMs < item.notBefore || held.has(item.id)) return false
    return item.sent < item.sequence || nowMs - item.sentAt >= resendMs
  }

  function lookForDue(nowMs: number, resendMs: number): void {
    if (nowMs - lookedAt < lookEveryMs && nowMs >= lookedAt) return
    lookedAt = nowMs
    for (const item of items.all()) if (isDue(item, nowMs, resendMs)) fresh.add(item.id)
  }

  return {
    put(observation) {
      const { id } = observation
      const item = items.get(id)
      const sequence = Math.max(observation.sequence, (sequences.get(id) ?? 0) + 1)
      if (item !== undefined) join(item, observation, sequence)
      else {
        makeRoom()
        const own = { ...observation, sequence }
        add(own, encodeObservation(own), 0)
      }
      givenUp.delete(id)
      undurable.add(id)
      if (!held.has(id)) fresh.add(id)
      if (item?.stale === true || items.inMemory() > 2 * limits.inMemory) void disk.settle([id])
    },
    acked(id, sequence) {
      const item = items.get(id)
      if (item === undefined) return
      if (sequence < item.sequence) {
        if (!held.has(id)) return
        held.remove(id)
        fresh.add(id)
        return
      }
      remove(item)
      waiters.durable(id, sequence)
      disk.forget(id)
    },
    holdBack(id, untilMs, byNode = false) {
      const item = items.get(id)
      if (item === undefined) return
      // Neither the hub nor this stream has it.
      item.sent = 0
      fresh.delete(id)
      if (byNode) held.add(id, untilMs)
      else item.notBefore = untilMs
    },
    restart() {
      held.restart()
      for (const item of items.all()) {
        item.sent = 0
        if (!held.has(item.id)) fresh.add(item.id)
      }
    },
    due(nowMs, resendMs) {
      lookForDue(nowMs, resendMs)
      const due: Item[] = []
      for (const id of fresh) {
        const item = items.get(id)
        if (item === undefined || !isDue(item, nowMs, resendMs)) continue
        due.push(item)
        if (due.length >= dueAtOnce) break
      }
      for (const id of held.take(nowMs)) {
        const item = items.get(id)
        // Taken up again when it is one with what the disk has.
        if (item !== undefined && !item.stale) due.push(item)
      }
      return due.map(({ id, sequence, bytes }) => ({ id, sequence, bytes }))
    },
    async fetch(ids) {
      const found: Due[] = []
      for (const id of ids) {
        const item = items.get(id)
        // What came meanwhile is due by itself, when it is one with what the disk has.
        if (item === undefined || item.stale) continue
        const { sequence } = item
        const read = item.bytes ?? (await disk.read(id))
        if (read === undefined) continue
        if (items.get(id)?.sequence === sequence) found.push({ id, sequence, bytes: read })
      }
      return found
    },
    markSent(id, sequence, nowMs) {
      const item = items.get(id)
      if (item === undefined) return
      item.sent = sequence
      item.sentAt = nowMs
      if (sequence >= item.sequence) fresh.delete(id)
    },
    size: () => items.size(),
    inMemory: () => items.inMemory(),
    spool(ageMs = 0) {
      const now = performance.now()
      const waiting = [...undurable].filter((id) => now - (items.get(id)?.since ?? now) >= ageMs)
      return disk.settle(waiting)
    },
    durable() {
      const waiting = [...undurable].flatMap((id) => items.get(id) ?? [])
      if (waiting.length >= urgentAt) void disk.settle(undurable)
      return waiters.wait(new Map(waiting.map(({ id, sequence }) => [id, sequence])))
    },
    problem: () => disk.problem(),
    dropped: () => dropped,
    toOfferAgain() {
      if (givenUp.size === 0 || !items.hasRoom()) return []
      const all = [...givenUp]
      givenUp.clear()
      return all
    }
  }
}
