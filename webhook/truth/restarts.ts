import type { ContainerViews } from './container-views.js'

/** Restarts of containers by profile and revision, counted as they come. */
export interface Restarts {
  of(profile: string, revision: string): number
  close(): void
}

const most = 10_000

/** A container that begins in the place of one that ended under the same revision is a restart of it. */
export function watchRestarts(views: ContainerViews): Restarts {
  const counts = new Map<string, number>()
  const seen = new Set<string>()
  const leave = views.onChange((changed) => {
    for (const { key, profile, revision, restarts } of changed) {
      if (restarts === 0 || revision === '' || seen.has(key)) continue
      seen.add(key)
      const place = `${profile} ${revision}`
      counts.set(place, (counts.get(place) ?? 0) + 1)
      for (const set of [seen]) {
        const [oldest] = set
        if (set.size > most && oldest !== undefined) set.delete(oldest)
      }
    }
  })
  return { of: (profile, revision) => counts.get(`${profile} ${revision}`) ?? 0, close: leave }
}
