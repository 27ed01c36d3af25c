import { setImmediate } from 'node:timers/promises'
import type { Observation } from '../src/api/gen/hub.js'
import { type SeccoError, toSeccoError } from '../src/errors.js'
import type { Logger } from '../src/log.js'
import { mergeObservations } from './uplink-merge.js'
import type { Spool } from './spool.js'

interface Item {
  observation: Observation
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

/** What the hub has not acked yet, in memory and on disk. */
export interface Backlog {
  /** Takes a cumulative observation in; never blocks, never fails. */
  put(observation: Observation): void
  /** The hub has this instance durably up to that sequence. */
  acked(id: string, sequence: number): void
  /** The hub does not take this instance before that time. */
  holdBack(id: string, untilMs: number): void
  /** A new stream: nothing of it was sent. */
  restart(): void
  /** What has to be sent now, oldest first; what was sent longer than `resendMs` ago again. */
  due(nowMs: number, resendMs: number): Observation[]
  markSent(observation: Observation, nowMs: number): void
  size(): number
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

interface Waiter {
  /** Sequences that are not durable yet, by instance. */
  missing: Map<string, number>
  resolve: () => void
  reject: (error: SeccoError) => void
}

const unsent = { sent: 0, sentAt: 0, notBefore: 0 }

/** Instances that wait at most; a full observation has some 20 KiB. */
export const mostItems = 4096
/** Files that are written or removed before their names are made durable together. */
const batchSize = 64

/** Opens the backlog with what the spool holds. */
export async function openBacklog(
  spool: Spool,
  logger: Logger,
  limit: number = mostItems
): Promise<Backlog> {
  const items = new Map<string, Item>()
  /** Highest sequence used per instance, so that an ack always names one message of this process. */
  const sequences = new Map<string, number>()
  const onDisk = new Set<string>()
  /** Instances whose file has to be brought into line with the memory. */
  const dirty = new Set<string>()
  const waiters = new Set<Waiter>()
  let disk: Promise<void> | undefined
  let problem: string | undefined
  let dropped = 0

  const { observations, corrupt } = await spool.load()
  for (const message of corrupt) {
    logger.error({ code: 'STORE_CORRUPT' }, `spooled observation skipped: ${message}`)
  }
  for (const observation of observations) {
    const { id, sequence } = observation
    items.set(id, { ...unsent, observation, spooled: sequence, since: 0 })
    sequences.set(id, sequence)
    onDisk.add(id)
  }

  const isDurable = ({ observation, spooled }: Item): boolean => spooled >= observation.sequence

  function noteDurable(id: string, sequence: number): void {
    for (const waiter of waiters) {
      if ((waiter.missing.get(id) ?? Infinity) > sequence) continue
      waiter.missing.delete(id)
      if (waiter.missing.size > 0) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }

  async function settle(ids: readonly string[]): Promise<void> {
    const saving = ids.flatMap((id) => items.get(id) ?? []).filter((item) => !isDurable(item))
    const saved = saving.map(({ observation }) => observation)
    await spool.save(saved)
    for (const [at, item] of saving.entries()) {
      const { id, sequence } = saved[at] ?? item.observation
      onDisk.add(id)
      item.spooled = sequence
      item.since = performance.now()
      noteDurable(id, sequence)
    }
    const gone = ids.filter((id) => !items.has(id) && onDisk.has(id))
    await spool.remove(gone)
    for (const id of gone) onDisk.delete(id)
    if (saved.length + gone.length === 0) return
    if (problem !== undefined) logger.info('the spool can be written again')
    problem = undefined
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
        const failure = toSeccoError(error)
        // A temporary name is in the text of some failures: what matters is that it fails.
        if (problem === undefined) logger.error({ code: failure.code }, failure.message)
        problem = failure.message
        dirty.clear()
        for (const { reject } of waiters) reject(failure)
        waiters.clear()
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

  function makeRoom(): void {
    if (items.size < limit) return
    // A container that still runs will be offered again; one that ended never will.
    const victim =
      [...items.values()].find(({ observation }) => !observation.ended) ?? [...items.values()][0]
    if (victim === undefined) return
    const { id } = victim.observation
    items.delete(id)
    dropped += 1
    logger.error({ code: 'TOO_LARGE', id, limit }, 'too many unsent observations: one was given up')
    noteDurable(id, Infinity)
    void settleLater([id])
  }

  return {
    put(given) {
      const { id } = given
      const item = items.get(id)
      const last = sequences.get(id) ?? 0
      const merged = item === undefined ? given : mergeObservations(item.observation, given)
      const observation = { ...merged, sequence: Math.max(given.sequence, last + 1) }
      sequences.set(id, observation.sequence)
      if (item !== undefined) {
        if (isDurable(item)) item.since = performance.now()
        item.observation = observation
        return
      }
      makeRoom()
      items.set(id, { ...unsent, observation, spooled: 0, since: performance.now() })
    },
    acked(id, sequence) {
      const item = items.get(id)
      if (item === undefined || sequence < item.observation.sequence) return
      items.delete(id)
      if (item.observation.ended) sequences.delete(id)
      noteDurable(id, sequence)
      if (onDisk.has(id)) void settleLater([id])
    },
    holdBack(id, untilMs) {
      const item = items.get(id)
      if (item !== undefined) item.notBefore = untilMs
    },
    restart() {
      for (const item of items.values()) item.sent = 0
    },
    due(nowMs, resendMs) {
      return [...items.values()]
        .filter(
          ({ observation, sent, sentAt, notBefore }) =>
            nowMs >= notBefore && (sent < observation.sequence || nowMs - sentAt >= resendMs)
        )
        .map(({ observation }) => observation)
    },
    markSent(observation, nowMs) {
      const item = items.get(observation.id)
      if (item === undefined) return
      item.sent = observation.sequence
      item.sentAt = nowMs
    },
    size: () => items.size,
    spool(ageMs = 0) {
      const now = performance.now()
      const waiting = [...items].filter(([, item]) => !isDurable(item) && now - item.since >= ageMs)
      return settleLater(waiting.map(([id]) => id))
    },
    durable() {
      const waiting = [...items].filter(([, item]) => !isDurable(item))
      if (waiting.length === 0) return Promise.resolve()
      const missing = new Map(waiting.map(([id, { observation }]) => [id, observation.sequence]))
      return new Promise((resolve, reject) => {
        waiters.add({ missing, resolve, reject })
      })
    },
    problem: () => problem,
    dropped: () => dropped
  }
}
