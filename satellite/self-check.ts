import type { Recorder } from '../native/types.js'
import type { Condition } from '../src/api/gen/hub.js'
import type { Logger } from '../src/log.js'

const everyMs = 10 * 60_000

/** The recorder's proof that it counts exactly, repeated while it is attached. */
export interface SelfCheck {
  /** Tests when the last test is too long ago. Never rejects. */
  due(): Promise<void>
  /** What the last test said; none before the first. */
  conditions(): Condition[]
}

export function createSelfCheck(recorder: Recorder, logger: Logger): SelfCheck {
  let testedAt = -Infinity
  let exact: Condition | undefined
  return {
    due: async () => {
      if (!recorder.attached || performance.now() - testedAt < everyMs) return
      testedAt = performance.now()
      try {
        const result = await recorder.selfTest()
        const message = `counted ${result.counted} of ${result.expected} marker calls`
        const status = result.ok ? 'True' : 'False'
        const reason = result.ok ? 'SelfTestPassed' : 'SelfTestFailed'
        if (!result.ok) logger.error(result, 'the recorder does not count exactly')
        if (exact?.status === status) return
        const lastTransitionTime = new Date().toISOString()
        exact = { type: 'RecorderExact', status, reason, message, lastTransitionTime }
      } catch (error) {
        logger.error({ err: error }, 'the self-test could not be run')
      }
    },
    conditions: () => (exact === undefined ? [] : [exact])
  }
}
