import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { ContainerViews } from './container-view.js'

/** Restarts counts the restarts of containers by profile and revision. */
export interface Restarts {
  /** Returns the restarts since then (in milliseconds), so that an earlier canary of the revision does not count. */
  of(profile: string, revision: string, since: number): number
  close(): void
}

const mostSeen = 10_000
/** The newest restarts that are kept for one revision. */
const mostRestarts = 1000

/** Counts a container that starts in the place of an ended one, under the same revision, as a restart. */
export function watchRestarts(
  views: Pick<ContainerViews, 'onChange'>,
  now: () => number
): Restarts {
  const times = new Map<string, number[]>()
  const seen = new Set<string>()
  const leave = views.onChange((changed) => {
    for (const { key, profile, revision, restarts } of changed) {
      if (restarts === 0 || revision === '' || seen.has(key)) continue
      seen.add(key)
      const place = `${profile} ${revision}`
      const before = times.get(place) ?? []
      times.delete(place)
      times.set(place, [...before.slice(1 - mostRestarts), now()])
      dropOldest(seen, mostSeen)
      dropOldest(times, mostSeen)
    }
  })
  return {
    of: (profile, revision, since) =>
      (times.get(`${profile} ${revision}`) ?? []).filter((at) => at >= since).length,
    close: leave
  }
}
