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

  /** Forgets what a rule set: workloads that are learned later never had it. */
  deleteRule(profile: string, rule: string): void {
    const kept = this.of(profile).filter(({ id }) => !id.startsWith(`rule ${rule} `))
    this.delete(profile)
    this.add(profile, kept)
  }

  delete(profile: string): void {
    this.#count -= this.of(profile).length
    this.#events.delete(profile)
  }
}

/** Known profiles and rules: an event of the store that changes nothing here costs no merge. */
const mostRemembered = 20_000

/** RecordedEvents has the events of each profile and rule that were recorded last, as text. */
export class RecordedEvents {
  readonly #recorded = new Map<string, string>()

  /** Returns whether the events are others than the last ones of that object. */
  isNews(object: string, events: readonly HistoryEvent[]): boolean {
    const text = JSON.stringify(events)
    if (this.#recorded.get(object) === text) return false
    if (this.#recorded.size >= mostRemembered) this.#recorded.clear()
    this.#recorded.set(object, text)
    return true
  }

  delete(object: string): void {
    this.#recorded.delete(object)
  }
}
