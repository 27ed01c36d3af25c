import type { HistoryEvent } from '../../../src/history/workload-history.js'

/** Events that are kept: names of profiles and rules come from whoever may write them. */
const mostEvents = 20_000
const mostOfProfile = 256

/** ProfileEvents keeps the decisions about profiles for workloads that are learned into them later. */
export class ProfileEvents {
  /** By the profile's key; the profile that changed last is the last one. */
  readonly #events = new Map<string, HistoryEvent[]>()
  #count = 0

  of(profile: string): readonly HistoryEvent[] {
    return this.#events.get(profile) ?? []
  }

  add(profile: string, events: readonly HistoryEvent[]): void {
    const byId = new Map([...this.of(profile), ...events].map((one) => [one.id, one]))
    this.delete(profile)
    const kept = [...byId.values()].slice(-mostOfProfile)
    this.#events.set(profile, kept)
    this.#count += kept.length
    for (const oldest of this.#events.keys()) {
      if (this.#count <= mostEvents) return
      this.delete(oldest)
    }
  }

  delete(profile: string): void {
    this.#count -= this.of(profile).length
    this.#events.delete(profile)
  }
}
