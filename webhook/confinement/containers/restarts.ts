import { rootNamespace } from '../../../src/api/names.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { placeOfContainer, type RecordedRestarts } from '../../hub/history/recorded-starts.js'
import type { ContainerView, ContainerViews } from './container-view.js'

/** Restarts counts the restarts of containers by profile and revision. */
export interface Restarts {
  /** Returns the restarts since then (in milliseconds), so that an earlier canary of the revision does not count. */
  of(profile: string, revision: string, since: number): number
  close(): void
}

/** RestartSources is what is known of restarts apart from the views. */
interface RestartSources {
  now: () => number
  /** Returns the restarts that histories have: also those from before this hub, and of containers that are gone. */
  recorded: (revision: string) => readonly RecordedRestarts[]
  /** Returns when a pod was created (RFC 3339), if the API server knows it. */
  podCreatedAt: (uid: string) => string | undefined
  /** Returns the profiles that have a revision, as `namespace/name`. */
  profilesOf: (revision: string) => readonly string[]
}

/** SeenRestarts are the restarts in one place that this hub saw. */
interface SeenRestarts {
  profiles: readonly string[]
  /** In milliseconds. */
  times: number[]
  /** The pod and the number of its restarts by the API server. All of them are under one revision: a pod keeps its own. */
  podUid: string
  restarts: number
}

/** A profile of another namespace with the same content is not tried out by what runs in this one. */
const isNear = (profile: string, namespace: string): boolean =>
  [namespace, rootNamespace].some((one) => profile.startsWith(`${one}/`))

const mostSeen = 10_000
/** The newest restarts that are kept for one place, and the places of one revision. */
const mostRestarts = 1000

/** RestartWatch counts in each place what this hub saw, what histories have, and what the API server knows. */
class RestartWatch implements Restarts {
  /** By revision, and then by place. */
  readonly #places = new Map<string, Map<string, SeenRestarts>>()
  readonly #seen = new Set<string>()
  readonly #sources: RestartSources
  readonly #leave: () => void

  constructor(views: Pick<ContainerViews, 'onChange'>, sources: RestartSources) {
    this.#sources = sources
    this.#leave = views.onChange((changed) => {
      for (const view of changed) this.#follow(view)
    })
  }

  of(profile: string, revision: string, since: number): number {
    const sums = new Map<string, number>()
    // Each source may lack some of them, and none has one that was none: of a place the largest number is right.
    const count = (place: string, restarts: number) =>
      sums.set(place, Math.max(sums.get(place) ?? 0, restarts))
    const countSince = (times: readonly number[]) => times.filter((at) => at >= since).length
    const elsewhere = new Set<string>()
    for (const [place, { profiles, times, podUid, restarts }] of this.#places.get(revision) ?? []) {
      if (!profiles.includes(profile)) {
        elsewhere.add(place)
        continue
      }
      count(place, countSince(times))
      const createdAt = podUid === '' ? '' : (this.#sources.podCreatedAt(podUid) ?? '')
      if (Date.parse(createdAt) >= since) count(place, restarts)
    }
    for (const one of this.#sources.recorded(revision))
      if (!elsewhere.has(one.place) && this.#isOf(one, profile, revision))
        count(one.place, countSince(one.times))
    return [...sums.values()].reduce((sum, one) => sum + one, 0)
  }

  close(): void {
    this.#leave()
  }

  /** Returns whether a container ran under the revision of that profile: its workload may be learned into another one. */
  #isOf({ namespace, profiles }: RecordedRestarts, profile: string, revision: string): boolean {
    if (profiles.includes(profile)) return isNear(profile, namespace)
    const owners = this.#sources.profilesOf(revision)
    return isNear(profile, namespace) && !profiles.some((one) => owners.includes(one))
  }

  #follow(view: ContainerView): void {
    const { key, namespace, profile, sharedWith, revision, restarts, startedAt, podUid } = view
    if (restarts === 0 || revision === '') return
    const places = this.#places.get(revision) ?? new Map<string, SeenRestarts>()
    const place = placeOfContainer(view)
    const times = places.get(place)?.times ?? []
    const isNew = !this.#seen.has(key)
    this.#seen.add(key)
    dropOldest(this.#seen, mostSeen)
    const profiles = [profile, ...sharedWith].filter((one) => isNear(one, namespace))
    const own = { profiles, podUid, restarts }
    if (isNew) times.push(Date.parse(startedAt) || this.#sources.now())
    places.delete(place)
    places.set(place, { ...own, times: times.slice(-mostRestarts) })
    dropOldest(places, mostRestarts)
    this.#places.delete(revision)
    this.#places.set(revision, places)
    dropOldest(this.#places, mostSeen)
  }
}

/**
 * Counts a container that starts in the place of an ended one, under the same revision, as a restart at the time when it
 * started. A hub that was restarted counts the same: earlier restarts are in the histories of workloads, and those of a
 * pod that exists are known to the API server.
 */
export const watchRestarts = (
  views: Pick<ContainerViews, 'onChange'>,
  sources: RestartSources
): Restarts => new RestartWatch(views, sources)
