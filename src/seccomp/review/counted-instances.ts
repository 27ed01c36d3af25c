import { runOf } from '../../api/instance-id.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { killingSignal } from '../../history/endings.js'
import { plural } from '../../lib/plural.js'
import type { Instance } from './evidence-item.js'
import { beganAt, withoutUnbegun } from './lost-calls.js'

/** Returns whether an instance is that of an entry point, and not of a probe or a session. */
export const isEntry = ({ part }: Instance): boolean => part === undefined || part === 'entry'

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

/**
 * Returns entry points' instances (probes and sessions are not the application). A restart of Secco is no instance: a
 * container that ran already when it was seen again counts once. A run that failed under its own profile does not count.
 */
export function entryInstances(profile: SeccompProfile): Instance[] {
  const all = withoutFailedRuns(profile.status?.instances ?? [])
  const entries = withoutUnbegun(all.filter(isEntry))
  const first = new Map<string, Instance>()
  for (const one of entries) {
    const known = first.get(runOf(one.id))
    const isEarlier = known === undefined || beganAt(one) < beganAt(known)
    if (isEarlier || (one.complete && beganAt(one) === beganAt(known)))
      first.set(runOf(one.id), one)
  }
  return entries.filter((one) => one.complete || first.get(runOf(one.id)) === one)
}

/** Returns entry points' instances whose run has no end: a satellite that starts again reports only the end of a newer id. */
export function openEntries(instances: readonly Instance[]): Instance[] {
  const entries = instances.filter(isEntry)
  const ended = new Set(entries.filter((one) => one.ended).map(({ id }) => runOf(id)))
  const open = new Map(entries.map((one) => [runOf(one.id), one]))
  return [...open].flatMap(([run, one]) => (ended.has(run) ? [] : [one]))
}

/** Returns when something new was last seen, in ms; undefined if unknown. */
export function lastNewMs(profile: SeccompProfile): number | undefined {
  const { lastNew, instances = [] } = profile.status ?? {}
  // Documents of before lastNew: new was at most the newest moment at which anything was seen. A run that failed is no evidence.
  const text =
    lastNew ??
    withoutFailedRuns(instances).reduce(
      (last, one) => (one.lastSeen > last ? one.lastSeen : last),
      ''
    )
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
