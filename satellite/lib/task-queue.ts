import type { Logger } from '../../src/lib/log.js'

/** TaskQueue runs tasks one after the other. A failure is logged and does not stop the next task. */
export class TaskQueue {
  readonly #logger: Logger
  readonly #failure: string
  #last = Promise.resolve()

  /** @param failure the log phrase for a task that failed. */
  constructor(logger: Logger, failure: string) {
    this.#logger = logger
    this.#failure = failure
  }

  /** Resolves when this task and all earlier ones have ended; never rejects. */
  run(task: () => Promise<unknown>): Promise<void> {
    this.#last = this.#last
      .then(task)
      .then(() => undefined)
      .catch((error: unknown) => this.#logger.error({ err: error }, this.#failure))
    return this.#last
  }

  /** Resolves when all tasks that were added until now have ended. */
  settled(): Promise<void> {
    return this.#last
  }
}
