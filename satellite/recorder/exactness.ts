import type { SelfTest } from '../../native/types.js'
import type { Condition } from '../../src/api/gen/hub.js'

const selfTestEveryMs = 10 * 60_000
/** After a failure: long enough for the condition to be seen, short enough to learn on. */
const retestAfterMs = 60_000

/** What is known of the recorder's exactness. Pure: times are the caller's, in milliseconds. */
export interface Exactness {
  /** False: what is learned now may lack calls, and so may everything that is alive now. */
  isExact(): boolean
  /** Is a self-test wanted? */
  isDue(at: number): boolean
  /** `misses`: recursion_misses as it stands. A rise means that calls of somebody were not counted. */
  noteMisses(misses: number, at: number): void
  noteTest(result: SelfTest, misses: number, at: number): void
  /** The self-test itself could not be run: that says nothing of the counts. */
  noteUntested(reason: string, at: number): void
  /** RecorderExact; none before the first test. */
  conditions(): Condition[]
}

/** @param timeOf RFC 3339 of a time */
export function createExactness(timeOf: (at: number) => string): Exactness {
  let current: Condition | undefined
  let dueAt = -Infinity
  let known = 0

  const set = (status: string, reason: string, message: string, at: number): void => {
    const lastTransitionTime = current?.status === status ? current.lastTransitionTime : timeOf(at)
    current = { type: 'RecorderExact', status, reason, message, lastTransitionTime }
  }
  const missed = (more: number): string =>
    `the kernel skipped the hook ${more} times: what was learned meanwhile may lack calls`

  return {
    isExact: () => current?.status !== 'False',
    isDue: (at) => at >= dueAt,
    noteMisses: (misses, at) => {
      if (misses <= known) return
      set('False', 'RecursionMisses', missed(misses - known), at)
      known = misses
      // Only a test without further misses makes it exact again.
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
      // What failed before has not been refuted.
      if (current?.status === 'False') return
      set('Unknown', 'SelfTestNotRun', `the self-test could not be run: ${reason}`, at)
    },
    conditions: () => (current === undefined ? [] : [current])
  }
}
