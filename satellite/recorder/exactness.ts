import type { SelfTest } from '../../native/types.js'
import type { Condition } from '../../src/api/gen/hub.js'

const selfTestEveryMs = 10 * 60_000
/** After a failure: long enough for people to see the condition, short enough to continue learning. */
const retestAfterMs = 60_000

/** Exactness remembers whether the recorder counts exactly. Pure: times come in, in milliseconds. */
export interface Exactness {
  /** False: what is learned now may lack calls, and so may everything that is alive now. */
  isExact(): boolean
  /** True when a self-test is due. */
  isDue(at: number): boolean
  /** `misses`: the current recursion_misses. If it rises, some calls were not counted. */
  noteMisses(misses: number, at: number): void
  noteTest(result: SelfTest, misses: number, at: number): void
  /** The self-test itself could not be run: that says nothing about the counts. */
  noteUntested(reason: string, at: number): void
  /** The condition RecorderExact; none before the first test. */
  conditions(): Condition[]
}

/** @param timeOf turns a time into RFC 3339. */
export function createExactness(timeOf: (at: number) => string): Exactness {
  let current: Condition | undefined
  let dueAt = -Infinity
  let known = 0

  const set = (status: string, reason: string, message: string, at: number): void => {
    const lastTransitionTime = current?.status === status ? current.lastTransitionTime : timeOf(at)
    current = { type: 'RecorderExact', status, reason, message, lastTransitionTime }
  }
  const missed = (more: number): string =>
    `the kernel skipped the hook ${more} times: what was learned in that time may lack calls`

  return {
    isExact: () => current?.status !== 'False',
    isDue: (at) => at >= dueAt,
    noteMisses: (misses, at) => {
      if (misses <= known) return
      set('False', 'RecursionMisses', missed(misses - known), at)
      known = misses
      // Only a test without further misses makes the recorder exact again.
      dueAt = Math.min(dueAt, at + retestAfterMs)
    },
    noteTest: (result, misses, at) => {
      const more = misses - known
      known = Math.max(known, misses)
      const counted = `counted ${result.counted} of ${result.expected} marker calls`
      if (!result.ok) set('False', 'SelfTestFailed', counted, at)
      else if (more > 0) set('False', 'RecursionMisses', missed(more), at)
      else set('True', 'SelfTestPassed', counted, at)
      dueAt = at + (current?.status === 'True' ? selfTestEveryMs : retestAfterMs)
    },
    noteUntested: (reason, at) => {
      dueAt = at + selfTestEveryMs
      // The earlier failure is not refuted.
      if (current?.status === 'False') return
      set('Unknown', 'SelfTestNotRun', `the self-test could not be run: ${reason}`, at)
    },
    conditions: () => (current === undefined ? [] : [current])
  }
}
