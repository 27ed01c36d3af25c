import type { Logger } from '../../src/lib/log.js'

/** Works taken one after the other; a failure is logged and does not stop the next. */
export interface Turns {
  /** Resolves when this work was done, and all that were asked for before. */
  take(work: () => Promise<unknown>): Promise<void>
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

export function createTurns(logger: Logger, what: string): Turns {
  let running = Promise.resolve()
  return {
    take(work) {
      running = running
        .then(work)
        .then(() => undefined)
        .catch((error: unknown) => logger.error({ err: error }, what))
      return running
    },
    settled: () => running
  }
}
