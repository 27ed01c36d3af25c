import type { ContainerViews } from './container-views.js'

/** Restarts of containers by profile and revision, counted as they come. */
export interface Restarts {
  /** From then on, in milliseconds: those of an earlier trial of the same revision are not of this one. */
  of(profile: string, revision: string, since: number): number
  close(): void
}

const mostSeen = 10_000
/** Moments that are kept for one revision, the newest: nobody tolerates more restarts. */
const mostMoments = 1000

/** A container that begins in the place of one that ended under the same revision is a restart of it. */
export function watchRestarts(
  views: Pick<ContainerViews, 'onChange'>,
  now: () => number
): Restarts {
  const moments = new Map<string, number[]>()
  const seen = new Set<string>()
  const leave = views.onChange((changed) => {
    for (const { key, profile, revision, restarts } of changed) {
      if (restarts === 0 || revision === '' || seen.has(key)) continue
      seen.add(key)
      const place = `${profile} ${revision}`
      const before = moments.get(place) ?? []
      moments.delete(place)
      moments.set(place, [...before.slice(1 - mostMoments), now()])
      const [oldestKey] = seen
      if (seen.size > mostSeen && oldestKey !== undefined) seen.delete(oldestKey)
      const [oldestPlace] = moments.keys()
      if (moments.size > mostSeen && oldestPlace !== undefined) moments.delete(oldestPlace)
    }
  })
  return {
    of: (profile, revision, since) =>
      (moments.get(`${profile} ${revision}`) ?? []).filter((at) => at >= since).length,
    close: leave
  }
}
