import { setImmediate } from 'node:timers/promises'
import { Observation } from '../../src/api/gen/hub.js'
import { type SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { errnoOf } from '../../src/lib/durable-file.js'
import type { BacklogItems, Item } from './backlog-items.js'
import { encodeObservation } from './encode-observation.js'
import type { Spool } from './spool.js'
import { mergeObservations } from './uplink-merge.js'

/** Files that are written or removed before their names are made durable together. */
const batchSize = 64

/** Brings the spool into line with what waits. */
export interface BacklogDisk {
  /** The spool held it at the start. */
  found(id: string): void
  /** Saves these, or removes their files where they wait no more; resolves when that is done, or has failed. */
  settle(ids: Iterable<string>): Promise<void>
  /** It waits no more: its file goes, where it has one. */
  forget(id: string): void
  /** What the disk holds of one whose bytes are not in memory; undefined: it cannot be read, now or ever. */
  read(id: string): Promise<Uint8Array | undefined>
  /** Why the spool cannot be written, when it cannot. */
  problem(): string | undefined
}

export interface BacklogDiskOptions {
  spool: Spool
  items: BacklogItems
  logger: Logger
  /** An instance is on disk up to that sequence. */
  onSaved: (id: string, sequence: number) => void
  /** The disk failed: nothing that waits for it is durable. */
  onFailed: (failure: SeccoError) => void
  /** What was on disk is not whole: it is lost. */
  onLost: (item: Item) => void
}

export function createBacklogDisk(options: BacklogDiskOptions): BacklogDisk {
  const { spool, items, logger } = options
  const onDisk = new Set<string>()
  /** Instances whose file has to be brought into line with the memory. */
  const dirty = new Set<string>()
  /** Files of what is gone, which the disk did not let go. */
  const left = new Set<string>()
  let running: Promise<void> | undefined
  let problem: string | undefined

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
    items.setBytes(item, encodeObservation({ ...both, sequence: item.sequence }))
    item.ended = both.ended
  }

  async function settleBatch(ids: readonly string[]): Promise<void> {
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
      options.onSaved(id, sequence)
    }
    for (const id of ids) if (items.get(id) !== undefined) left.delete(id)
    const gone = ids.filter((id) => items.get(id) === undefined && onDisk.has(id))
    await removeFiles(gone)
    items.evict()
    if (saved.length + gone.length === 0 || left.size > 0) return
    if (problem !== undefined) logger.info('the spool can be written again')
    problem = undefined
  }

  /** A file too many harms nobody who waits for others to be written: the hub takes it once more after a restart. */
  async function removeFiles(gone: readonly string[]): Promise<void> {
    try {
      await spool.remove(gone)
      for (const id of gone) {
        onDisk.delete(id)
        left.delete(id)
      }
    } catch (error) {
      for (const id of gone) left.add(id)
      complain(toSeccoError(error))
    }
  }

  function complain(failure: SeccoError): void {
    // A temporary name is in the text of some failures: what matters is that it fails.
    if (problem === undefined) logger.error({ code: failure.code }, failure.message)
    problem = failure.message
  }

  function failed(failure: SeccoError, batch: readonly string[]): void {
    complain(failure)
    // What is not saved comes again with the next call; what is gone is asked for by nobody.
    for (const id of [...batch, ...dirty])
      if (items.get(id) === undefined && onDisk.has(id)) left.add(id)
    dirty.clear()
    options.onFailed(failure)
  }

  async function run(): Promise<void> {
    // What becomes dirty in this turn of the loop goes into one batch.
    await setImmediate()
    while (dirty.size > 0) {
      const ids = [...dirty].slice(0, batchSize)
      for (const id of ids) dirty.delete(id)
      try {
        await settleBatch(ids)
      } catch (error) {
        failed(toSeccoError(error), ids)
      }
    }
  }

  function settle(ids: Iterable<string>): Promise<void> {
    for (const id of ids) dirty.add(id)
    for (const id of left) dirty.add(id)
    if (dirty.size === 0) return running ?? Promise.resolve()
    running ??= run().finally(() => {
      running = undefined
    })
    return running
  }

  return {
    found: (id) => void onDisk.add(id),
    settle,
    forget(id) {
      // One that is being written just now is looked at again when it is.
      if (onDisk.has(id)) void settle([id])
    },
    async read(id) {
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
      options.onLost(item)
      return undefined
    },
    problem: () => problem
  }
}
