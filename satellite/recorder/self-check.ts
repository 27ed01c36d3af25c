import type { Recorder, SelfTest } from '../../native/types.js'
import type { Condition } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { createExactness } from './exactness.js'

/** The recorder's proof that it counts exactly, repeated while it is attached. */
export interface SelfCheck {
  /** Looks at what the kernel skipped, and tests when the last test is too long ago. Never rejects. */
  due(recursionMisses: number): Promise<void>
  /** False: what is learned now may lack calls, and so may everything that is alive now. */
  isExact(): boolean
  conditions(): Condition[]
}

export interface SelfCheckOptions {
  /** False: skipped runs of the hook alone are looked at. */
  tests: boolean
  /** What was tested just now. */
  tested: SelfTest | undefined
}

export function createSelfCheck(
  recorder: Recorder,
  logger: Logger,
  { tests, tested }: SelfCheckOptions
): SelfCheck {
  const exactness = createExactness((at) => new Date(performance.timeOrigin + at).toISOString())
  let untested = ''
  const misses = (): number => recorder.counters().recursionMisses
  if (tested !== undefined) exactness.noteTest(tested, misses(), performance.now())
  return {
    due: async (recursionMisses) => {
      exactness.noteMisses(recursionMisses, performance.now())
      if (!tests || !recorder.attached || !exactness.isDue(performance.now())) return
      const wasExact = exactness.isExact()
      try {
        const result = await recorder.selfTest()
        exactness.noteTest(result, misses(), performance.now())
        if (!exactness.isExact()) logger.error(result, 'the recorder does not count exactly')
        else if (!wasExact) logger.info(result, 'the recorder counts exactly again')
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        exactness.noteUntested(reason, performance.now())
        if (reason !== untested) logger.warn({ reason }, 'the self-test could not be run')
        untested = reason
      }
    },
    isExact: () => exactness.isExact(),
    conditions: () => exactness.conditions()
  }
}
