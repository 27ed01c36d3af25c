import type { Recorder, SelfTest } from '../../native/types.js'
import type { Condition } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { createExactness } from './exactness.js'

interface SelfCheckOptions {
  /** False: only the hook's skipped runs are checked. */
  tests: boolean
  /** The result of a self-test that has just run. */
  tested: SelfTest | undefined
}

/** SelfCheck proves that the recorder counts exactly, again and again while it is attached. */
export class SelfCheck {
  readonly #recorder: Recorder
  readonly #logger: Logger
  readonly #tests: boolean
  readonly #exactness = createExactness((at) => new Date(performance.timeOrigin + at).toISOString())
  /** The last reason why a test could not be run. */
  #untested = ''

  constructor(recorder: Recorder, logger: Logger, { tests, tested }: SelfCheckOptions) {
    this.#recorder = recorder
    this.#logger = logger
    this.#tests = tests
    if (tested !== undefined) this.#exactness.noteTest(tested, this.#misses(), performance.now())
  }

  /** False: what is learned now may lack calls, and so may everything that is alive now. */
  isExact(): boolean {
    return this.#exactness.isExact()
  }

  conditions(): Condition[] {
    return this.#exactness.conditions()
  }

  /** Checks what the kernel skipped, and tests again if the last test is too old. Never rejects. */
  async update(recursionMisses: number): Promise<void> {
    const exactness = this.#exactness
    exactness.noteMisses(recursionMisses, performance.now())
    const isDue = this.#tests && this.#recorder.attached && exactness.isDue(performance.now())
    if (!isDue) return
    const wasExact = exactness.isExact()
    try {
      const result = await this.#recorder.selfTest()
      exactness.noteTest(result, this.#misses(), performance.now())
      if (!exactness.isExact()) this.#logger.error(result, 'recorder does not count exactly')
      else if (!wasExact) this.#logger.info(result, 'recorder counts exactly again')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      exactness.noteUntested(reason, performance.now())
      if (reason !== this.#untested) this.#logger.warn({ reason }, 'self-test could not be run')
      this.#untested = reason
    }
  }

  #misses(): number {
    return this.#recorder.counters().recursionMisses
  }
}
