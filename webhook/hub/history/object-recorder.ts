import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { knownTime } from '../../../src/history/times.js'
import {
  type HistoryEvent,
  historyName,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../src/history/workload-history.js'
import { refOfKey, profileKey } from '../../../src/rules/profile-state.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import type { DeletedEvent, StoreEvent } from '../../../src/store/store.js'
import { decidedEvents, profileOfRule } from './decided-history.js'
import { installationKey } from './installation.js'
import { KnownObjects } from './known-objects.js'
import { LastStates } from './last-states.js'
import {
  type IsGone,
  type MissedDeletion,
  missedDeletions,
  MissedList,
  type TimeSpan
} from './missed-deletions.js'
import { deletionNews, presenceNews } from './object-news.js'
import { workloadOfTarget } from './observed-history.js'
import { ProfileEvents, RecordedEvents } from './profile-events.js'

/** ObjectRecorderOptions is what an ObjectRecorder needs of the histories. */
interface ObjectRecorderOptions {
  /** Returns the time as RFC 3339. */
  now: () => string
  workloadsOf: (profile: string) => readonly WorkloadKey[]
  add: (
    workload: WorkloadKey,
    events: readonly HistoryEvent[],
    more?: Pick<WorkloadHistory, 'objects'>
  ) => void
  /** See HubLife. */
  unwatched: () => TimeSpan
  isFolder: boolean | undefined
}

/** ObjectRecorder records what becomes of profiles and rules in the histories of their workloads. */
export class ObjectRecorder {
  readonly #options: ObjectRecorderOptions
  readonly #objects: KnownObjects
  readonly #recorded = new RecordedEvents()
  readonly #states = new LastStates()
  readonly #events = new ProfileEvents()
  readonly #missed = new MissedList()
  /** A history that the store had has objects: this one fills them in before it compares. */
  #isCompared = false

  constructor(options: ObjectRecorderOptions) {
    this.#options = options
    this.#objects = new KnownObjects(options.isFolder)
  }

  /** Takes a history as the store has it. */
  learnStored({ objects = [], events }: WorkloadHistory): void {
    this.#isCompared ||= objects.length > 0
    for (const event of events) this.#states.learn(event)
  }

  /** Takes what is recorded of objects in the history of a name. */
  learn(name: string, news: Pick<WorkloadHistory, 'objects'>): void {
    this.#objects.learn(name, news)
  }

  forget(name: string): void {
    this.#objects.forget(name)
  }

  /** Returns what a workload that is learned into a profile gets of it. */
  of(profile: string): Pick<WorkloadHistory, 'events' | 'objects'> {
    return { events: [...this.#events.of(profile)], ...this.#objects.of(profile) }
  }

  /** Records what people and policies decided, as the store reports it. */
  stored(event: StoreEvent): void {
    if (event.type === 'deleted') this.#deleted(event)
    if (event.type !== 'applied') return
    const { object } = event
    const { namespace = rootNamespace, name } = object.metadata
    if (object.kind === 'SeccompProfile') this.#profile(object)
    else this.#rule(profileKey(namespace, name), object)
  }

  /**
   * Records what was deleted while no hub recorded it: for the active hub, once it knows histories and objects. Returns all
   * that nobody recorded.
   */
  async compare(isGone: IsGone): Promise<MissedDeletion[]> {
    for (const { profile, uid } of this.#objects.returned())
      if (!(await isGone('SeccompProfile', refOfKey(profile), uid))) this.#present(profile)
    const isCompared = this.#isCompared
    const known = { objects: this.#objects, states: this.#states, isCompared }
    const found = await missedDeletions(known, this.#options.unwatched(), isGone)
    for (const one of found) {
      const { kind, object, uid, at, when } = one
      if (kind === 'SeccompRule') this.#rule(object, undefined, `: deleted ${when}`)
      else this.#profileDeleted(object, at, uid, when === '' ? '' : ` ${when}`)
      if (when !== '') this.#missed.note(one)
    }
    return found
  }

  /** Calls the listener for each deletion that `compare` found. */
  readonly onMissed: MissedList['onMissed'] = (listener) => this.#missed.onMissed(listener)

  /** What is there, and cannot be read for now, was not deleted. */
  #deleted({ kind, ref, uid, at, isUnreadable }: DeletedEvent): void {
    const key = profileKey(ref.namespace, ref.name)
    if (isUnreadable === true) return
    if (kind === 'SeccompRule') this.#rule(key, undefined)
    else this.#profileDeleted(key, knownTime(at) || this.#options.now(), uid)
  }

  #profileDeleted(key: string, at: string, given: string | undefined, when = ''): void {
    const uid = this.#objects.deleted(key, given, at)
    // Another object of that name may be there.
    if (this.#objects.of(key).objects === undefined) {
      this.#events.delete(key)
      this.#recorded.delete(key)
    }
    for (const each of this.#options.workloadsOf(key)) {
      const news = deletionNews(this.#objects, historyName(each), { key, uid, at, when })
      if (news !== undefined) this.#options.add(each, ...news)
    }
  }

  #profile(profile: SeccompProfile): void {
    const { namespace = rootNamespace, name } = profile.metadata
    const key = profileKey(namespace, name)
    this.#objects.applied(profile)
    this.#present(key)
    const events = this.#states.settled(decidedEvents(key, profile))
    if (events.length === 0 || !this.#recorded.isNews(key, events)) return
    if (isEmergency(profile)) {
      this.#options.add(installationKey, events)
      return
    }
    this.#toWorkloads(key, profile, events)
  }

  /** Records which object a profile is now where that is not recorded, and that one that counted as deleted is there again. */
  #present(key: string): void {
    for (const each of this.#options.workloadsOf(key)) {
      const news = presenceNews(this.#objects, historyName(each), key, this.#options.now())
      if (news !== undefined) this.#options.add(each, ...news)
    }
  }

  /** Records events of a profile with its workloads, and with those that are learned into it later. */
  #toWorkloads(key: string, profile: SeccompProfile | undefined, events: HistoryEvent[]): void {
    this.#events.add(key, events)
    const known = this.#options.workloadsOf(key)
    const { workload } = profile?.spec ?? {}
    if (known.length > 0) for (const each of known) this.#options.add(each, events)
    else if (workload !== undefined) {
      this.#options.add(workloadOfTarget({ ref: refOfKey(key), workload }), events)
    }
  }

  /** @param rule undefined: it was deleted, which `why` says more of */
  #rule(object: string, rule: SeccompRule | undefined, why = ''): void {
    const profile = rule && profileOfRule(rule)
    const { generation, creationTimestamp = '' } = rule?.metadata ?? {}
    const mark =
      generation === undefined ? this.#options.now() : `${generation}@${creationTimestamp}`
    const now = rule && profile !== undefined ? { profile, mode: rule.spec.mode, mark } : undefined
    for (const { profile: key, event, isEnd } of this.#states.ofRule(object, now, {
      at: this.#options.now(),
      why
    })) {
      if (isEnd) this.#events.deleteRule(key, object)
      if (isEnd) for (const each of this.#options.workloadsOf(key)) this.#options.add(each, [event])
      else if (this.#recorded.isNews(`rule ${object} ${key}`, [event]))
        this.#toWorkloads(key, undefined, [event])
    }
  }
}
