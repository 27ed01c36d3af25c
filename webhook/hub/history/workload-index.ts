import { earlierTime } from '../../../src/history/times.js'
import {
  historyName,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../src/history/workload-history.js'
import { oldestOfMost } from './oldest-of-most.js'

/** WorkloadIndex knows which workloads have a history. */
export class WorkloadIndex {
  /** The workloads, by the name of their object. */
  readonly #workloads = new Map<string, WorkloadKey>()
  /** When something happened to each of them last (RFC 3339), by the same name. */
  readonly #lastAt = new Map<string, string>()
  /** Since when each history records (RFC 3339), by the same name. */
  readonly #since = new Map<string, string>()
  /** Names of the histories of the workloads that are learned into a profile, by the profile's key. */
  readonly #ofProfile = new Map<string, Set<string>>()

  get size(): number {
    return this.#workloads.size
  }

  add({ workload, profiles, since }: WorkloadHistory, lastAt: string): void {
    const name = historyName(workload)
    this.#workloads.set(name, workload)
    this.#lastAt.set(name, lastAt)
    this.#since.set(name, earlierTime(this.#since.get(name) ?? since, since))
    for (const profile of profiles) {
      const names = this.#ofProfile.get(profile) ?? new Set<string>()
      this.#ofProfile.set(profile, names.add(name))
    }
  }

  list(): WorkloadKey[] {
    return [...this.#workloads.values()]
  }

  /** Returns since when a workload has a history; empty where it has none. */
  sinceOf(workload: WorkloadKey): string {
    return this.#since.get(historyName(workload)) ?? ''
  }

  /** Returns the workloads that are learned into a profile. */
  of(profile: string): WorkloadKey[] {
    const names = [...(this.#ofProfile.get(profile) ?? [])]
    return names.flatMap((name) => this.#workloads.get(name) ?? [])
  }

  /** Forgets the oldest histories of the namespaces that have most, beyond `most`. Returns their names. */
  forgetOldest(most: number): string[] {
    const names = oldestOfMost(this.#workloads, this.#lastAt, most)
    for (const name of names) {
      this.#workloads.delete(name)
      this.#lastAt.delete(name)
      this.#since.delete(name)
      for (const each of this.#ofProfile.values()) each.delete(name)
    }
    return names
  }
}
