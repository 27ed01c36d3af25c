import type { Logger } from '../../../src/lib/log.js'
import type { TrackedSlot } from './tracked-slot.js'

/** At most so many ended slots wait for the disk or the hub before the next slot is visited. */
const mostWaiting = 256

interface EndedSlotsOptions {
  /** Resolves when the last observations survive this process. */
  durable: () => Promise<void>
  free: (tracked: TrackedSlot) => void
  logger: Logger
}

/** EndedSlots holds slots whose last observation was sent, and frees each once that observation is durable. */
export class EndedSlots {
  readonly #options: EndedSlotsOptions
  #waiting = new Set<TrackedSlot>()
  #freeing: Promise<void> | undefined

  constructor(options: EndedSlotsOptions) {
    this.#options = options
  }

  /** Adds a slot. Resolves at once, or when there is room again: waiting slots take memory. */
  async add(tracked: TrackedSlot): Promise<void> {
    if (tracked.ignored) {
      this.#options.free(tracked)
      return
    }
    this.#waiting.add(tracked)
    if (this.#waiting.size < mostWaiting) return
    await this.#freeing
    await this.free()
  }

  /** Frees the waiting slots when their observations are durable; never rejects. */
  free(): Promise<void> {
    if (this.#freeing !== undefined) return this.#freeing
    if (this.#waiting.size === 0) return Promise.resolve()
    const ended = this.#waiting
    this.#waiting = new Set()
    this.#freeing = this.#freeWhenDurable(ended).finally(() => {
      this.#freeing = undefined
    })
    return this.#freeing
  }

  async #freeWhenDurable(ended: ReadonlySet<TrackedSlot>): Promise<void> {
    const { durable, free, logger } = this.#options
    try {
      await durable()
      for (const one of ended) free(one)
    } catch (error) {
      logger.error(
        { err: error, slots: ended.size },
        'observations not durable yet; keeping their slots'
      )
      this.#waiting = new Set([...ended, ...this.#waiting])
    }
  }
}
