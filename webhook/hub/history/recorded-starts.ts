import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { HistoryStart, WorkloadHistory } from '../../../src/history/workload-history.js'

/** RecordedRestarts are the restarts of one container under one revision, as its workload's history has them. */
export interface RecordedRestarts {
  /** See `placeOfContainer`. */
  place: string
  namespace: string
  /** The profiles that its workload was learned into, as `namespace/name`. */
  profiles: readonly string[]
  /** In milliseconds, the first one first. */
  times: readonly number[]
}

interface Place {
  node: string
  podUid: string
  name: string
}

/** Starts that are kept of one revision, and of all: whoever may create containers chooses how often they start. */
const mostOfOne = 2000
const mostStarts = 50_000
const mostOfPlace = 256
const mostPlaces = 5000

/** Returns the key of the place in which containers follow each other: a name in a pod, or on a node outside of pods. */
export const placeOfContainer = ({ node, podUid, name }: Place): string =>
  `${podUid === '' ? node : podUid} ${name}`

interface RecordedStart {
  place: string
  at: string
  namespace: string
  profiles: readonly string[]
}

/** Returns the place of a start; undefined for one in a pod that may be any of several of its name. */
function placeOfStart(
  { workload }: WorkloadHistory,
  { node, pod, podUid = '' }: HistoryStart
): string | undefined {
  if (pod !== undefined && podUid === '') return undefined
  const name = workload.container === '' ? workload.name : workload.container
  return placeOfContainer({ node, podUid, name })
}

/** RecordedStarts knows the starts in histories by revision, so that a hub that was restarted counts restarts as before. */
export class RecordedStarts {
  /** The runs in each place outside of pods, whatever their revision; the one that was added to last is last. */
  readonly #runs = new Map<string, Set<string>>()
  /** By revision, the one that was started last is last, and then by run. */
  readonly #starts = new Map<string, Map<string, RecordedStart>>()
  readonly #most: number
  #count = 0

  /** @param most how many starts are kept in all */
  constructor(most = mostStarts) {
    this.#most = most
  }

  /** Adds the starts of a history, or of what was reported just now. */
  learn(history: WorkloadHistory): void {
    const { workload, profiles, starts } = history
    for (const start of starts) {
      const { run, at, revision = '', pod } = start
      const place = placeOfStart(history, start)
      if (pod === undefined && place !== undefined) this.#addRun(place, run)
      if (revision === '' || place === undefined) continue
      const own = this.#starts.get(revision) ?? new Map<string, RecordedStart>()
      const first = [at, own.get(run)?.at ?? at].sort()[0] ?? at
      this.#count -= own.size
      own.set(run, { place, at: first, namespace: workload.namespace, profiles })
      dropOldest(own, mostOfOne)
      this.#count += own.size
      this.#starts.delete(revision)
      this.#starts.set(revision, own)
      this.#dropRest()
    }
  }

  /** Returns how often a container started in a place outside of pods; the API server knows it of those in pods. */
  startsAt(place: string): number {
    return this.#runs.get(place)?.size ?? 0
  }

  #addRun(place: string, run: string): void {
    const runs = (this.#runs.get(place) ?? new Set<string>()).add(run)
    dropOldest(runs, mostOfPlace)
    this.#runs.delete(place)
    this.#runs.set(place, runs)
    dropOldest(this.#runs, mostPlaces)
  }

  #dropRest(): void {
    for (const [revision, own] of this.#starts) {
      if (this.#count <= this.#most || this.#starts.size === 1) return
      this.#starts.delete(revision)
      this.#count -= own.size
    }
  }

  /** Returns the restarts under a revision by place: every start in a place but the first. */
  restartsUnder(revision: string): RecordedRestarts[] {
    const places = new Map<string, RecordedStart[]>()
    for (const one of this.#starts.get(revision)?.values() ?? [])
      places.set(one.place, [...(places.get(one.place) ?? []), one])
    return [...places].flatMap(([place, all]) => {
      const [first, ...others] = all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      if (first === undefined || others.length === 0) return []
      const { namespace, profiles } = first
      return [{ place, namespace, profiles, times: others.map(({ at }) => Date.parse(at)) }]
    })
  }
}
