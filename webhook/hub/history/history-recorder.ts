import { rootNamespace } from '../../../src/api/names.js'
import type { Hello, Observation } from '../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import {
  emptyHistory,
  type HistoryEvent,
  historyName,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../src/history/workload-history.js'
import { laterTime } from '../../../src/history/times.js'
import type { Logger } from '../../../src/lib/log.js'
import { version } from '../../../src/lib/version.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import type { HistoryStore } from '../../../src/store/history-store.js'
import type { ObjectRef, StoreEvent } from '../../../src/store/store.js'
import type { ObservationFinding } from '../observations/read-observation.js'
import { decidedEvents, ruleEvent } from './decided-history.js'
import { type HistoryTiming, HistoryWriter } from './history-writer.js'
import { observedHistory, workloadOfTarget } from './observed-history.js'
import { ProfileEvents } from './profile-events.js'

/** What concerns every workload: blocks, and the starts of Secco's own programs. */
export const installationKey: WorkloadKey = {
  ...{ namespace: rootNamespace, kind: 'Secco', name: 'secco', container: '' }
}

interface Trouble {
  message: string
  /** RFC 3339. */
  since: string
}

/** How a container drifts, or is less protected than its rule says. */
export interface ContainerTroubles {
  /** The key of the container's run. */
  key: string
  workload: WorkloadKey
  /** By kind. */
  troubles: ReadonlyMap<string, Trouble>
}

interface HistoryRecorderOptions {
  store: HistoryStore
  timing: HistoryTiming
  logger: Logger
  now: () => number
  /** False while another hub is the active one; default: always true. */
  mayWrite?: () => boolean
}

/** Workloads that have a history: names of workloads come from whoever creates pods. */
export const mostWorkloads = 5000
/** Known profiles and rules: an event of the store that changes nothing here costs no merge. */
const mostRemembered = 20_000
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/** HistoryRecorder turns what the hub learns into the histories of workloads. */
export class HistoryRecorder {
  readonly #writer: HistoryWriter
  readonly #options: HistoryRecorderOptions
  /** The workloads with a history, by the name of their object. */
  readonly #workloads = new Map<string, WorkloadKey>()
  /** When something happened to each of them last (RFC 3339), by the same name. */
  readonly #lastAt = new Map<string, string>()
  /** Names of the histories of the workloads that are learned into a profile, by the profile's key. */
  readonly #ofProfile = new Map<string, Set<string>>()
  /** The events of each profile and rule that were recorded last, as text. */
  readonly #recorded = new Map<string, string>()
  readonly #events = new ProfileEvents()
  /** The troubles of containers that have not ended, by run and kind. */
  readonly #open = new Map<string, Map<string, Trouble>>()

  constructor(options: HistoryRecorderOptions) {
    this.#options = options
    const { store, timing, logger, mayWrite } = options
    this.#writer = new HistoryWriter(store, timing, logger, mayWrite)
  }

  /**
   * Reads what the store has: at the start, and when this hub becomes the active one. What waited for that is written.
   * @throws the errors of the store
   */
  async load(visit: (history: WorkloadHistory) => void = () => undefined): Promise<void> {
    this.#open.clear()
    for await (const { name, text, version: stored } of this.#options.store.list()) {
      const history = this.#writer.learned(name, text, stored)
      if (history === undefined) {
        this.#options.logger.warn({ code: 'STORE_CORRUPT', object: name }, 'history not readable')
        continue
      }
      this.#index(history, lastAtOf(history))
      for (const event of history.events) this.#reopen(event)
      visit(history)
    }
    this.#writer.resume()
  }

  /** Records an observation. Resolves when the store has everything that it brings. */
  observed(node: string, observation: Observation, finding: ObservationFinding): Promise<void> {
    const news = observedHistory(observation, finding, { node, now: this.#now() })
    this.#index(news)
    const [profile = ''] = news.profiles
    return this.#writer.add({ ...news, events: [...this.#events.of(profile)] })
  }

  /** Records what people and policies decided, as the store reports it. */
  stored(event: StoreEvent): void {
    if (event.type === 'deleted' && event.kind === 'SeccompProfile') this.#forget(event.ref)
    if (event.type !== 'applied') return
    if (event.object.kind === 'SeccompProfile') this.#profile(event.object)
    else this.#rule(event.object)
  }

  hubStarted(): void {
    const at = this.#now()
    this.#installation({ id: `hub ${at}`, at, what: 'secco', text: `hub started, ${version}` })
  }

  satelliteStarted({ node, version: theirs, startedAt = '' }: Hello): void {
    // A satellite of an earlier release does not report it, and a connection is no start.
    if (!timeForm.test(startedAt)) return
    const text = `satellite started on ${node}, ${theirs.slice(0, 64)}`
    this.#installation({ id: `satellite ${node} ${startedAt}`, at: startedAt, what: 'secco', text })
  }

  /** Records the begin and the end of what is wrong with a container; nothing is wrong with one that is gone. */
  troubles({ key, workload, troubles }: ContainerTroubles): void {
    // A hub on standby knows no container: that ends nothing.
    if (this.#options.mayWrite?.() === false) return
    const before = this.#open.get(key)
    const events = [...troubles].flatMap(([kind, trouble]) =>
      before?.has(kind) === true ? [] : [troubleEvent(key, kind, trouble)]
    )
    const ended = [...(before ?? [])].filter(([kind]) => !troubles.has(kind))
    const until = this.#now()
    events.push(...ended.map(([kind, one]) => ({ ...troubleEvent(key, kind, one), until })))
    if (events.length === 0) return
    const kept = [...troubles].map(([kind, one]) => [kind, before?.get(kind) ?? one] as const)
    if (kept.length === 0) this.#open.delete(key)
    else this.#open.set(key, new Map(kept))
    this.#add(workload, events)
  }

  /** Returns since when a container has a trouble, if that was recorded before. */
  troubledSince(key: string, kind: string): string | undefined {
    return this.#open.get(key)?.get(kind)?.since
  }

  /** Lists the workloads with a history. */
  workloads(): WorkloadKey[] {
    return [...this.#workloads.values()]
  }

  /** Returns the workloads that are learned into a profile. */
  workloadsOf(profile: string): WorkloadKey[] {
    const names = [...(this.#ofProfile.get(profile) ?? [])]
    return names.flatMap((name) => this.#workloads.get(name) ?? [])
  }

  get(workload: WorkloadKey): Promise<WorkloadHistory | undefined> {
    return this.#writer.get(workload)
  }

  flush(): Promise<void> {
    return this.#writer.flush()
  }

  close(): Promise<void> {
    return this.#writer.close()
  }

  #now(): string {
    return new Date(this.#options.now()).toISOString()
  }

  #add(workload: WorkloadKey, events: readonly HistoryEvent[]): void {
    const news = { ...emptyHistory(workload, this.#now()), events: [...events] }
    this.#index(news)
    void this.#writer.add(news)
  }

  #installation(event: HistoryEvent): void {
    this.#add(installationKey, [event])
  }

  #index({ workload, profiles }: WorkloadHistory, lastAt = this.#now()): void {
    const name = historyName(workload)
    this.#workloads.set(name, workload)
    this.#lastAt.set(name, lastAt)
    if (this.#workloads.size > mostWorkloads) this.#forgetOldest()
    for (const profile of profiles) {
      const names = this.#ofProfile.get(profile) ?? new Set<string>()
      this.#ofProfile.set(profile, names.add(name))
    }
  }

  /** Deletes the oldest histories of the namespaces that have most. */
  #forgetOldest(): void {
    if (this.#options.mayWrite?.() === false) return
    const byNamespace = new Map<string, string[]>()
    for (const [name] of [...this.#lastAt].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      const { namespace, kind } = this.#workloads.get(name) ?? installationKey
      if (kind === installationKey.kind) continue
      byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), name])
    }
    const most = () => [...byNamespace.values()].reduce((a, b) => (b.length > a.length ? b : a), [])
    for (let left = this.#workloads.size - mostWorkloads * 0.98; left > 0; left -= 1) {
      const name = most().shift()
      if (name === undefined) return
      this.#workloads.delete(name)
      this.#lastAt.delete(name)
      for (const names of this.#ofProfile.values()) names.delete(name)
      void this.#writer.forget(name)
    }
  }

  #reopen({ id, at, what, text, until }: HistoryEvent): void {
    const [, kind = '', key = ''] = /^drift (\S+) (.+) \S+$/.exec(id) ?? []
    if (what !== 'drift' || until !== undefined || key === '') return
    const open = this.#open.get(key) ?? new Map<string, Trouble>()
    this.#open.set(key, open.set(kind, { message: text, since: at }))
  }

  /** Returns whether the events are others than the last ones of that object. */
  #isNews(object: string, events: readonly HistoryEvent[]): boolean {
    const text = JSON.stringify(events)
    if (this.#recorded.get(object) === text) return false
    if (this.#recorded.size >= mostRemembered) this.#recorded.clear()
    this.#recorded.set(object, text)
    return true
  }

  #forget({ namespace, name }: ObjectRef): void {
    const key = profileKey(namespace, name)
    this.#events.delete(key)
    this.#recorded.delete(`profile ${key}`)
  }

  #profile(profile: SeccompProfile): void {
    const { namespace = rootNamespace, name } = profile.metadata
    const key = profileKey(namespace, name)
    const events = decidedEvents(key, profile)
    if (events.length === 0 || !this.#isNews(`profile ${key}`, events)) return
    if (isEmergency(profile)) {
      this.#add(installationKey, events)
      return
    }
    this.#toWorkloads(key, profile, events)
  }

  /** Records events of a profile with its workloads, and with those that are learned into it later. */
  #toWorkloads(key: string, profile: SeccompProfile | undefined, events: HistoryEvent[]): void {
    this.#events.add(key, events)
    const known = this.workloadsOf(key)
    const { workload } = profile?.spec ?? {}
    if (known.length > 0) for (const each of known) this.#add(each, events)
    else if (workload !== undefined)
      this.#add(workloadOfTarget({ ref: refOf(key), workload }), events)
  }

  #rule(rule: SeccompRule): void {
    const { profile } = rule.spec
    if (profile === undefined) return
    const namespace = rule.metadata.namespace ?? rootNamespace
    const object = `${namespace}/${rule.metadata.name}`
    const key = profileKey(profile.namespace ?? namespace, profile.name)
    const event = ruleEvent(object, key, rule.spec.mode, this.#now())
    // The time is that of this report: the first one counts.
    if (this.#isNews(`rule ${object}`, [{ ...event, at: '' }]))
      this.#toWorkloads(key, undefined, [event])
  }
}

/** Returns when something happened to a workload last. */
function lastAtOf({ since, starts, denials, events }: WorkloadHistory): string {
  const times = [
    since,
    ...starts.map(({ at, ended }) => ended ?? at),
    ...denials.map(({ last }) => last),
    ...events.map(({ at }) => at)
  ]
  return times.reduce(laterTime)
}

const refOf = (key: string) => {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

function troubleEvent(key: string, kind: string, { since, message }: Trouble): HistoryEvent {
  return {
    id: `drift ${kind} ${key} ${since}`,
    ...{ at: since, what: 'drift', text: message.slice(0, 1000) }
  }
}
