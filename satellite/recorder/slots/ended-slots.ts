import type { Logger } from '../../../src/lib/log.js'
import type { Tracked } from './tracked.js'

/** Ended slots that may wait for the disk or the hub before the next one is looked at. */
const waitingAtMost = 256

/** Slots whose last word was given away: each is free when that word survives this process. */
export interface EndedSlots {
  /** Takes one in. Resolves at once, or when there is room again: what waits is memory. */
  add(one: Tracked): Promise<void>
  /** Frees those whose last word is durable, when it is; never rejects. */
  free(): Promise<void>
}

export function createEndedSlots(options: {
  durable: () => Promise<void>
  free: (one: Tracked) => void
  logger: Logger
}): EndedSlots {
  let waiting = new Set<Tracked>()
  let freeing: Promise<void> | undefined

  const free = (): Promise<void> => {
    if (waiting.size === 0) return freeing ?? Promise.resolve()
    if (freeing !== undefined) return freeing
    const ended = waiting
    waiting = new Set()
    freeing = (async () => {
      try {
        await options.durable()
        for (const one of ended) options.free(one)
      } catch (error) {
        options.logger.error({ err: error }, 'what ended is not durable yet: its slots are kept')
        waiting = new Set([...ended, ...waiting])
      } finally {
        freeing = undefined
      }
    })()
    return freeing
  }

  return {
    async add(one) {
      if (one.ignored) {
        options.free(one)
        return
      }
      waiting.add(one)
      if (waiting.size < waitingAtMost) return
      await freeing
      await free()
    },
    free
  }
}
