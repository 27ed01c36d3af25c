import type { Observation } from '../src/api/gen/hub.js'
import { toSeccoError } from '../src/errors.js'
import type { Logger } from '../src/log.js'
import { mergeObservations } from './uplink-merge.js'
import type { Spool } from './spool.js'

interface Item {
  observation: Observation
  /** Sequence that the spool holds durably; 0: none. */
  spooled: number
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
  /** Saves what is not on disk yet. Failures are said once and tried with the next call. */
  spool(): Promise<void>
  /** Why the spool cannot be written, when it cannot. */
  problem(): string | undefined
  /** Instances that were given up because the backlog was full. */
  dropped(): number
}

/** Instances that wait at most; a full observation has some 20 KiB. */
export const mostItems = 4096

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
  let disk: Promise<void> = Promise.resolve()
  let problem: string | undefined
  let dropped = 0

  const { observations, corrupt } = await spool.load()
  for (const message of corrupt) {
    logger.error({ code: 'STORE_CORRUPT' }, `spooled observation skipped: ${message}`)
  }
  for (const observation of observations) {
    const { id, sequence } = observation
    items.set(id, { observation, spooled: sequence, sent: 0, sentAt: 0, notBefore: 0 })
    sequences.set(id, sequence)
    onDisk.add(id)
  }

  /** Brings the file of one instance into line with the memory. Runs one at a time. */
  async function settle(id: string): Promise<void> {
    const item = items.get(id)
    if (item === undefined) {
      if (!onDisk.has(id)) return
      await spool.remove(id)
      onDisk.delete(id)
      return
    }
    const { observation } = item
    if (item.spooled >= observation.sequence) return
    await spool.save(observation)
    onDisk.add(id)
    item.spooled = observation.sequence
    if (problem !== undefined) logger.info('the spool can be written again')
    problem = undefined
  }

  function settleLater(id: string): void {
    disk = disk
      .then(() => settle(id))
      .catch((error: unknown) => {
        const { code, message } = toSeccoError(error)
        // A temporary name is in the text of some failures: what matters is that it fails.
        if (problem === undefined) logger.error({ code }, message)
        problem = message
      })
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
    settleLater(id)
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
        item.observation = observation
        return
      }
      makeRoom()
      items.set(id, { observation, spooled: 0, sent: 0, sentAt: 0, notBefore: 0 })
    },
    acked(id, sequence) {
      const item = items.get(id)
      if (item === undefined || sequence < item.observation.sequence) return
      items.delete(id)
      if (item.observation.ended) sequences.delete(id)
      settleLater(id)
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
    async spool() {
      for (const [id, { observation, spooled }] of items) {
        if (spooled < observation.sequence) settleLater(id)
      }
      await disk
    },
    problem: () => problem,
    dropped: () => dropped
  }
}
