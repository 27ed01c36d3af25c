import { Observation } from '../../src/api/gen/hub.js'
import { errnoOf } from '../../src/lib/durable-file.js'
import { type SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import type { BacklogItem, BacklogItems } from './backlog-items.js'
import { encodeObservation } from './encode-observation.js'
import { mergeObservations } from './merge-observations.js'
import type { Spool } from './spool.js'

/** Files that are written or removed before their folder is synced once for all. */
const batchSize = 64

interface BacklogDiskOptions {
  spool: Spool
  items: BacklogItems
  logger: Logger
  /** An instance is on disk up to this sequence. */
  onSaved: (id: string, sequence: number) => void
  /** The disk failed: nothing that waits for it is durable. */
  onFailed: (failure: SeccoError) => void
  /** The file of an instance is damaged: its observation is lost. */
  onLost: (item: BacklogItem) => void
}

/** BacklogDisk makes the spool's files match the instances that wait. */
export class BacklogDisk {
  readonly #options: BacklogDiskOptions
  readonly #onDisk = new Set<string>()
  /** Instances whose file has to be compared with the memory. */
  readonly #dirty = new Set<string>()
  /** Files of removed instances that could not be removed. */
  readonly #left = new Set<string>()
  readonly #worker: Worker
  #problem: string | undefined

  constructor(options: BacklogDiskOptions) {
    this.#options = options
    const onError = (error: unknown): void => this.#failed(toSeccoError(error), [])
    this.#worker = new Worker(() => this.#settleAll(), { onError })
  }

  /** Why the spool cannot be written; undefined if it can. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** The spool had a file of this instance at the start. */
  found(id: string): void {
    this.#onDisk.add(id)
  }

  /** Saves these instances, or removes their files if they do not wait any more. Resolves when that is done or failed. */
  settle(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#dirty.add(id)
    for (const id of this.#left) this.#dirty.add(id)
    return this.#dirty.size === 0 ? this.#worker.settled() : this.#worker.runNow()
  }

  /** Removes the file of an instance that does not wait any more, if it has one. */
  forget(id: string): void {
    // An instance that is being written now is settled again afterwards.
    if (this.#onDisk.has(id)) void this.settle([id])
  }

  /** Reads the observation of an instance that is not in memory; undefined if it cannot be read, now or ever. */
  async read(id: string): Promise<Uint8Array | undefined> {
    const { spool, items, logger, onLost } = this.#options
    let read: Uint8Array | undefined
    try {
      read = await spool.read(id)
    } catch (error) {
      // An I/O error: the disk may answer later.
      if (errnoOf(error) !== undefined) return undefined
    }
    const item = items.get(id)
    if (read !== undefined || item === undefined || item.bytes !== undefined) return read
    logger.error({ code: 'STORE_CORRUPT', id }, 'spooled observation is damaged and lost')
    onLost(item)
    return undefined
  }

  async #settleAll(): Promise<void> {
    // Everything that becomes dirty in this turn of the event loop is one batch.
    await new Promise(setImmediate)
    while (this.#dirty.size > 0) {
      const ids = [...this.#dirty].slice(0, batchSize)
      for (const id of ids) this.#dirty.delete(id)
      try {
        await this.#settleBatch(ids)
      } catch (error) {
        this.#failed(toSeccoError(error), ids)
      }
    }
  }

  async #settleBatch(ids: readonly string[]): Promise<void> {
    const { items, logger } = this.#options
    const saved = await this.#save(ids)
    for (const id of ids) if (items.get(id) !== undefined) this.#left.delete(id)
    const gone = ids.filter((id) => items.get(id) === undefined && this.#onDisk.has(id))
    await this.#removeFiles(gone)
    items.evict()
    if (saved + gone.length === 0 || this.#left.size > 0) return
    if (this.#problem !== undefined) logger.info('spool can be written again')
    this.#problem = undefined
  }

  /** Returns how many observations were saved. */
  async #save(ids: readonly string[]): Promise<number> {
    const { spool, items, onSaved } = this.#options
    const unsaved = ids.flatMap((id) => {
      const item = items.get(id)
      return item === undefined || item.spooled >= item.sequence ? [] : item
    })
    for (const item of unsaved) if (item.stale) await this.#mergeStored(item)
    const saved = unsaved.flatMap(({ id, sequence, bytes }) =>
      bytes === undefined ? [] : { id, sequence, bytes }
    )
    await spool.save(saved)
    for (const { id, sequence } of saved) {
      this.#onDisk.add(id)
      onSaved(id, sequence)
    }
    return saved.length
  }

  /** Merges what the disk has of an instance with what came since. */
  async #mergeStored(item: BacklogItem): Promise<void> {
    const { spool, items, logger } = this.#options
    const older = await spool.read(item.id).catch((error: unknown) => {
      if (errnoOf(error) !== undefined) throw error
      logger.error({ code: 'STORE_CORRUPT', id: item.id }, 'spooled observation is damaged')
      return undefined
    })
    item.stale = false
    if (older === undefined || item.bytes === undefined) return
    const both = mergeObservations(Observation.decode(older), Observation.decode(item.bytes))
    items.setBytes(item, encodeObservation({ ...both, sequence: item.sequence }))
    item.ended = both.ended
  }

  /** A leftover file does not disturb others: after a restart the hub gets its observation once more. */
  async #removeFiles(gone: readonly string[]): Promise<void> {
    try {
      await this.#options.spool.remove(gone)
      for (const id of gone) {
        this.#onDisk.delete(id)
        this.#left.delete(id)
      }
    } catch (error) {
      for (const id of gone) this.#left.add(id)
      this.#noteProblem(toSeccoError(error))
    }
  }

  #failed(failure: SeccoError, batch: readonly string[]): void {
    this.#noteProblem(failure)
    // Unsaved instances come again with the next call; removed ones do not.
    for (const id of [...batch, ...this.#dirty]) {
      if (this.#options.items.get(id) === undefined && this.#onDisk.has(id)) this.#left.add(id)
    }
    this.#dirty.clear()
    this.#options.onFailed(failure)
  }

  /** Logs the first failure only: some messages contain the name of a temporary file, so texts cannot be compared. */
  #noteProblem({ code, message: reason }: SeccoError): void {
    if (this.#problem === undefined)
      this.#options.logger.error({ code, reason }, 'spool cannot be written')
    this.#problem = reason
  }
}
