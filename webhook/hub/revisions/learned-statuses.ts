import { Worker } from '../../../src/lib/worker.js'
import type { ProfileOutcome } from '../status/profile-status.js'

/**
 * LearnedStatuses writes the condition Ready of profiles that only learn. They need no pass over all profiles, and
 * without it nothing could wait for them (`kubectl wait`) until something else causes one.
 */
export class LearnedStatuses<One> {
  readonly #due = new Set<string>()
  readonly #worker: Worker

  constructor(options: {
    /** Returns the profile if it still only learns. */
    find: (key: string) => One | undefined
    write: (one: One, outcome: ProfileOutcome) => Promise<void>
    mayWrite: () => boolean
    delayMs: number
    onError: (error: unknown) => void
  }) {
    const { find, write, mayWrite, delayMs, onError } = options
    const run = async () => {
      const due = [...this.#due]
      this.#due.clear()
      // The hub that writes the statuses follows the profiles as well.
      if (!mayWrite()) return
      for (const key of due) {
        const one = find(key)
        if (one !== undefined) await write(one, { state: 'unapproved' })
      }
    }
    this.#worker = new Worker(run, { delayMs, onError })
  }

  add(key: string): void {
    this.#due.add(key)
    this.#worker.request()
  }

  flush(): Promise<void> {
    return this.#worker.flush()
  }

  close(): Promise<void> {
    return this.#worker.close()
  }
}
