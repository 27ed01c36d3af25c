import type { HistoryEvent } from '../../../src/history/workload-history.js'
import { laterTime } from '../../../src/history/times.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { ruleEvent } from './decided-history.js'

/** Subjects that are remembered: names of rules and profiles come from whoever may write them. */
const mostSubjects = 20_000
/** `rule <namespace>/<name> <state> <profile> [<mark>]`, `delivery <profile> <revision> [<mark>]`. */
const ruleForm = /^rule (\S+) (\S+) (\S+)(?: \S+)?$/
const deliveryForm = /^delivery (\S+) (\S+)(?: \S+)?$/
const deleted = 'deleted'

interface LastState {
  state: string
  event: HistoryEvent
}

/** Returns the mark of a rule's event: a generation and a time; '' where it has none. */
const markOf = ({ id }: HistoryEvent): string => id.split(' ')[4] ?? ''

/** Returns the mark of a rule that is there again: it would make the events of before, also the one of its end. */
function markAfter(ended: string, mark: string): string {
  const [former, nth = '0'] = ended.split('~')
  return former === mark ? `${mark}~${Number(nth) + 1}` : mark
}

/** Returns whether an event is newer; of two at one time the generation decides. */
function isNewer(one: HistoryEvent, other: HistoryEvent): boolean {
  if (one.at !== other.at) return one.at > other.at
  const order = (event: HistoryEvent) => Number.parseInt(markOf(event), 10) || 0
  return order(one) >= order(other)
}

/** A rule's event, and the profile whose workloads it is about. */
interface AboutProfile {
  profile: string
  event: HistoryEvent
  isEnd: boolean
}

/**
 * LastStates knows which mode each rule set last, and which revision of each profile was delivered last. The same state
 * again is the same event, whatever its time, and a state that comes back after another one is a new event.
 */
export class LastStates {
  readonly #last = new Map<string, LastState>()
  /** The profiles that each rule was about. */
  readonly #profiles = new Map<string, Set<string>>()
  /** The rules that this process saw. */
  readonly #seen = new Set<string>()

  /** Takes an event of a history: of one subject the newest one counts. */
  learn(event: HistoryEvent): void {
    const [, rule = '', mode = '', ofRule = ''] = ruleForm.exec(event.id) ?? []
    const [, delivered = '', revision = ''] = deliveryForm.exec(event.id) ?? []
    if (rule !== '') this.#newest(`rule ${rule} ${ofRule}`, mode, event)
    if (rule !== '') this.#noteProfile(rule, ofRule)
    if (delivered !== '') this.#newest(`delivery ${delivered}`, revision, event)
  }

  /** Returns the events of a profile, its delivery as it was first recorded. */
  settled(events: readonly HistoryEvent[]): HistoryEvent[] {
    return events.map((event) => {
      const [, profile = '', revision = ''] = deliveryForm.exec(event.id) ?? []
      return profile === '' ? event : this.#event(`delivery ${profile}`, revision, event)
    })
  }

  /**
   * Returns what a rule sets now, and what it does not set any more.
   * @param now undefined: it was deleted, or names no profile; `why` is added to what is said of its end
   */
  ofRule(
    rule: string,
    now: { profile: string; mode: string; mark: string } | undefined,
    { at, why = '' }: { at: string; why?: string }
  ): AboutProfile[] {
    this.#seen.add(rule)
    dropOldest(this.#seen, mostSubjects)
    const ended = [...(this.#profiles.get(rule) ?? [])].flatMap((profile) =>
      profile === now?.profile ? [] : this.#ended(rule, profile, at, why)
    )
    if (now === undefined) return ended
    const { profile, mode } = now
    const last = this.#last.get(`rule ${rule} ${profile}`)
    const mark = last?.state === deleted ? markAfter(markOf(last.event), now.mark) : now.mark
    this.#noteProfile(rule, profile)
    const event = ruleEvent({ rule, profile, mode, mark }, at)
    const own = this.#event(`rule ${rule} ${profile}`, mode, event)
    return [...ended, { profile, event: own, isEnd: false }]
  }

  /** Lists the rules that histories have and this process never saw, and when each of them set a mode last. */
  unseen(): { rule: string; lastAt: string }[] {
    return [...this.#profiles].flatMap(([rule, profiles]) => {
      if (this.#seen.has(rule)) return []
      const lasts = [...profiles].flatMap((one) => this.#last.get(`rule ${rule} ${one}`) ?? [])
      const open = lasts.filter(({ state }) => state !== deleted)
      const lastAt = open.map(({ event }) => event.at).reduce(laterTime, '')
      return open.length === 0 ? [] : [{ rule, lastAt }]
    })
  }

  #ended(rule: string, profile: string, at: string, why: string): AboutProfile[] {
    const subject = `rule ${rule} ${profile}`
    const last = this.#last.get(subject)
    this.#profiles.get(rule)?.delete(profile)
    if (last === undefined || last.state === deleted) return []
    // Each replica sees the deletion at a time of its own: the mark of what ended makes it one event.
    const id = `rule ${rule} ${deleted} ${profile} ${markOf(last.event) || 'first'}`
    const text = `rule ${rule} sets nothing with ${profile} any more${why}`
    const event: HistoryEvent = { id, at, what: 'mode', text }
    this.#last.set(subject, { state: deleted, event })
    return [{ profile, event, isEnd: true }]
  }

  #noteProfile(rule: string, profile: string): void {
    this.#profiles.set(rule, (this.#profiles.get(rule) ?? new Set<string>()).add(profile))
    dropOldest(this.#profiles, mostSubjects)
  }

  #newest(subject: string, state: string, event: HistoryEvent): void {
    const last = this.#last.get(subject)
    if (last === undefined || isNewer(event, last.event)) this.#last.set(subject, { state, event })
    dropOldest(this.#last, mostSubjects)
  }

  /** Returns the last event of a subject if its state is the same, else this one. */
  #event(subject: string, state: string, event: HistoryEvent): HistoryEvent {
    const last = this.#last.get(subject)
    if (last?.state === state) return last.event
    this.#last.set(subject, { state, event })
    dropOldest(this.#last, mostSubjects)
    return event
  }
}
