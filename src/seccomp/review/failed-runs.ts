import { plural } from '../../lib/plural.js'
import { runOf } from '../../api/instance-id.js'
import { killingSignal } from '../../history/endings.js'
import type { Instance } from './evidence-item.js'

const isEntry = ({ part }: Instance) => part === undefined || part === 'entry'

/**
 * Returns whether an instance failed under the Secco profile that it ran with: the profile denied it calls, and it was killed
 * by a signal as SIGSYS, or ended before it served. Such a run shows what the profile lacks, not that it is complete. Pure.
 */
export function isFailed({ denied = 0, ended, events = [] }: Instance): boolean {
  if (denied === 0 || !ended) return false
  const signals = events.map(killingSignal).filter((signal) => signal !== undefined)
  // SIGKILL is how a runtime ends a container that takes too long to stop.
  return signals.some((signal) => signal !== 'SIGKILL') || !events.includes('serve')
}

/** Returns the runs that failed under the profile that they ran with, by run. Pure. */
export function failedRuns(instances: readonly Instance[]): Set<string> {
  return new Set(
    instances.filter((one) => isEntry(one) && isFailed(one)).map(({ id }) => runOf(id))
  )
}

/** Returns the instances whose run did not fail under the profile that it ran with. Pure. */
export function withoutFailedRuns(instances: readonly Instance[]): Instance[] {
  const failed = failedRuns(instances)
  return instances.filter(({ id }) => !failed.has(runOf(id)))
}

/** Returns in words how many runs are not counted; '' for none. */
export const failedText = (count: number): string =>
  count === 0
    ? ''
    : `; ${plural(count, 'run')} that failed under the profile ${count === 1 ? 'is' : 'are'} not counted`
