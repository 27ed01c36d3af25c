import { setImmediate } from 'node:timers/promises'
import { Observation } from '../src/api/gen/hub.js'
import { type SeccoError, toSeccoError } from '../src/errors.js'
import type { Logger } from '../src/log.js'
import { errnoOf } from '../src/store/durable-file.js'
import { createDurableWaiters } from './durable-waiters.js'
import { createHeldBack } from './held-back.js'
import type { Spool } from './spool.js'
import { mergeObservations } from './uplink-merge.js'

interface Item {
  id: string
  sequence: number
  ended: boolean
  /** The encoded observation; undefined: the disk has it, and the memory does not. */
  bytes: Uint8Array | undefined
  /** Of the encoded observation. */
  size: number
  /** The disk holds something that `bytes` may lack: it is merged before anything else is done. */
  stale: boolean
  /** Sequence that the spool holds durably; 0: none. */
  spooled: number
  /** performance.now() since which something of it is neither acked nor spooled. */
  since: number
  /** Sequence that this stream was sent, and when. */
  sent: number
  sentAt: number
  /** Not sent before this time (ms): the hub asked to wait. */
  notBefore: number
}

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
}

export interface BacklogLimits {
  /** Instances that wait at most, and bytes of all of them. */
  instances: number
  bytes: number
  /** Instances whose observation is kept in memory although the disk has it. */
  inMemory: number
}

/** An observation has some 2 KB, a full one 20; on disk, 4 KB at least. */
export const defaultLimits: BacklogLimits = { instances: 16_384, bytes: 128 << 20, inMemory: 128 }

/** Files that are written or removed before their names are made durable together. */
const batchSize = 64
/** What became due by time alone is looked for this often: there may be thousands. */
const lookEveryMs = 2000
/** Given at once: the transport takes about that much. */
export const dueAtOnce = 256

const encode = (observation: Observation): Uint8Array => Observation.encode(observation).finish()

/** Opens the backlog with what the spool holds. */
export async function openBacklog(
  spool: Spool,
  logger: Logger,
  given: Partial<BacklogLimits> = {}
): Promise<Backlog> {
  const limits = { ...defaultLimits, ...given }
  const items = new Map<string, Item>()
  /** Highest sequence used per instance, so that an ack always names one message of this process. */
  const sequences = new Map<string, number>()
  const onDisk = new Set<string>()
  /** Instances whose file has to be brought into line with the memory. */
  const dirty = new Set<string>()
  /** Those that neither the disk nor the hub has as they are. */
  const undurable = new Set<string>()
  /** Those to be sent, in that order. */
  const fresh = new Set<string>()
  /** Those whose observation is in memory, oldest first. */
  const cached = new Set<Item>()
  const held = createHeldBack()
  const waiters = createDurableWaiters()
  let disk: Promise<void> | undefined
  let problem: string | undefined
  let dropped = 0
  let bytes = 0
  let lookedAt = Number.NEGATIVE_INFINITY

  /** Keeps what is in memory within its limit: what the disk has goes, the oldest first. */
  function evict(): void {
    for (const item of cached) {
      if (cached.size <= limits.inMemory) return
      if (item.stale || item.spooled < item.sequence) continue
      item.bytes = undefined
      cached.delete(item)
    }
  }

  function setBytes(item: Item, next: Uint8Array): void {
    bytes += next.length - item.size
    item.bytes = next
    item.size = next.length
    cached.add(item)
  }

  function add(observation: Observation, encoded: Uint8Array, spooled: number): Item {
    const { id, sequence, ended } = observation
    const since = performance.now()
    const item: Item = {
      ...{ id, sequence, ended, bytes: undefined, size: 0, stale: false, spooled, since },
      ...{ sent: 0, sentAt: 0, notBefore: 0 }
    }
    items.set(id, item)
    sequences.set(id, sequence)
    fresh.add(id)
    setBytes(item, encoded)
    return item
  }

  function remove(item: Item): void {
    const { id } = item
    items.delete(id)
    cached.delete(item)
    bytes -= item.size
    undurable.delete(id)
    fresh.delete(id)
    held.remove(id)
    if (item.ended) sequences.delete(id)
  }

  const corrupt = await spool.load((observation, encoded) => {
    add(observation, encoded, observation.sequence)
    onDisk.add(observation.id)
    evict()
  })
  for (const message of corrupt) {
    logger.error({ code: 'STORE_CORRUPT' }, `spooled observation skipped: ${message}`)
  }

  /** What the disk holds of an instance, joined with what came since. */
  async function freshen(item: Item): Promise<void> {
    const older = await spool.read(item.id).catch((error: unknown) => {
      if (errnoOf(error) !== undefined) throw error
      logger.error({ code: 'STORE_CORRUPT', id: item.id }, 'what was spooled is not whole')
      return undefined
    })
    item.stale = false
    if (older === undefined || item.bytes === undefined) return
    const both = mergeObservations(Observation.decode(older), Observation.decode(item.bytes))
    setBytes(item, encode({ ...both, sequence: item.sequence }))
    item.ended = both.ended
  }

  async function settle(ids: readonly string[]): Promise<void> {
    const saving = ids.flatMap((id) => {
      const item = items.get(id)
      return item === undefined || item.spooled >= item.sequence ? [] : item
    })
    for (const item of saving) if (item.stale) await freshen(item)
    const saved = saving.flatMap(({ id, sequence, bytes }) =>
      bytes === undefined ? [] : { id, sequence, bytes }
    )
    await spool.save(saved)
    for (const { id, sequence } of saved) {
      onDisk.add(id)
      const item = items.get(id)
      if (item === undefined) continue
      item.spooled = sequence
      item.since = performance.now()
      if (item.sequence <= sequence) undurable.delete(id)
      waiters.durable(id, sequence)
    }
    const gone = ids.filter((id) => !items.has(id) && onDisk.has(id))
    await spool.remove(gone)
    for (const id of gone) onDisk.delete(id)
    evict()
    if (saved.length + gone.length === 0) return
    if (problem !== undefined) logger.info('the spool can be written again')
    problem = undefined
  }

  function failed(failure: SeccoError): void {
    // A temporary name is in the text of some failures: what matters is that it fails.
    if (problem === undefined) logger.error({ code: failure.code }, failure.message)
    problem = failure.message
    dirty.clear()
    waiters.fail(failure)
  }

  async function settleDirty(): Promise<void> {
    // What becomes dirty in this turn of the loop goes into one batch.
    await setImmediate()
    while (dirty.size > 0) {
      const ids = [...dirty].slice(0, batchSize)
      for (const id of ids) dirty.delete(id)
      try {
        await settle(ids)
      } catch (error) {
        failed(toSeccoError(error))
      }
    }
  }

  function settleLater(ids: Iterable<string>): Promise<void> {
    for (const id of ids) dirty.add(id)
    if (dirty.size === 0) return disk ?? Promise.resolve()
    disk ??= settleDirty().finally(() => {
      disk = undefined
    })
    return disk
  }

  /** What only the disk holds; what is not whole there is given up, and counted. */
  async function readBack(id: string): Promise<Uint8Array | undefined> {
    let read: Uint8Array | undefined
    try {
      read = await spool.read(id)
    } catch (error) {
      // The disk does not answer now; it may later.
      if (errnoOf(error) !== undefined) return undefined
    }
    const item = items.get(id)
    if (read !== undefined || item === undefined || item.bytes !== undefined) return read
    logger.error({ code: 'STORE_CORRUPT', id }, 'a spooled observation is not whole: it is lost')
    remove(item)
    dropped += 1
    return undefined
  }

  const isFull = (): boolean => items.size >= limits.instances || bytes >= limits.bytes

  /** A container that still runs will be offered again; one that ended never will. */
  function victim(): Item | undefined {
    for (const item of items.values()) if (!item.ended) return item
    const [first] = items.values()
    return first
  }

  function makeRoom(): void {
    while (isFull()) {
      const item = victim()
      if (item === undefined) return
      remove(item)
      dropped += 1
      const { id } = item
      if (dropped % 100 === 1) {
        logger.error(
          { code: 'TOO_LARGE', id, limit: limits.instances, dropped },
          'too many observations wait for the hub: some were given up'
        )
      }
      waiters.durable(id, Infinity)
      void settleLater([id])
    }
  }

  function isDue(item: Item, nowMs: number, resendMs: number): boolean {
    if (item.stale || nowMs < item.notBefore || held.has(item.id)) return false
    return item.sent < item.sequence || nowMs - item.sentAt >= resendMs
  }

  function lookForDue(nowMs: number, resendMs: number): void {
    if (nowMs - lookedAt < lookEveryMs && nowMs >= lookedAt) return
    lookedAt = nowMs
    for (const item of items.values()) if (isDue(item, nowMs, resendMs)) fresh.add(item.id)
  }

  return {
    put(observation) {
      const { id } = observation
      const item = items.get(id)
      const sequence = Math.max(observation.sequence, (sequences.get(id) ?? 0) + 1)
      if (item === undefined) {
        makeRoom()
        add({ ...observation, sequence }, encode({ ...observation, sequence }), 0)
      } else {
        const before = item.bytes === undefined ? undefined : Observation.decode(item.bytes)
        const merged = before === undefined ? observation : mergeObservations(before, observation)
        item.stale ||= before === undefined
        setBytes(item, encode({ ...merged, sequence }))
        if (item.spooled >= item.sequence) item.since = performance.now()
        item.sequence = sequence
        item.ended ||= observation.ended
        sequences.set(id, sequence)
      }
      undurable.add(id)
      if (!held.has(id)) fresh.add(id)
      if (item?.stale === true || cached.size > 2 * limits.inMemory) void settleLater([id])
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
      if (onDisk.has(id)) void settleLater([id])
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
      for (const item of items.values()) {
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
        if (item !== undefined) due.push(item)
      }
      return due.map(({ id, sequence, bytes }) => ({ id, sequence, bytes }))
    },
    async fetch(ids) {
      const found: Due[] = []
      for (const id of ids) {
        const sequence = items.get(id)?.sequence
        const read = items.get(id)?.bytes ?? (await readBack(id))
        // What came meanwhile is in memory, and due by itself.
        if (read === undefined || sequence === undefined) continue
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
    size: () => items.size,
    inMemory: () => cached.size,
    spool(ageMs = 0) {
      const now = performance.now()
      const waiting = [...undurable].filter((id) => now - (items.get(id)?.since ?? now) >= ageMs)
      return settleLater(waiting)
    },
    durable() {
      const waiting = [...undurable].flatMap((id) => items.get(id) ?? [])
      return waiters.wait(new Map(waiting.map(({ id, sequence }) => [id, sequence])))
    },
    problem: () => problem,
    dropped: () => dropped
  }
}
