import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { profileKey } from '../../src/rules/profile-state.js'
import type { Store } from '../../src/store/store.js'
import { podEvents } from './events/pod-events.js'
import { profileEvents } from './events/profile-events.js'
import { RuleConditions, type WriterOptions } from './rule-conditions.js'
import type { ClusterChange, ClusterPod } from './watch/cluster-view.js'

/** Writer writes events, and the conditions of rules. Only one hub of all does that. */
interface Writer {
  /** Schedules the conditions: rules or the states of profiles may have changed. */
  update(): void
  /** Starts to write: this hub leads now. Pods that came while no hub led get their events. */
  begin(): void
  close(): Promise<void>
}

type StoreEvent = Parameters<Parameters<Store['watch']>[0]>[0]

/** ProfileEvents records what changes in profiles while this hub leads. */
class ProfileEvents {
  readonly #options: WriterOptions
  readonly #profiles = new Map<string, SeccompProfile>()
  #isListed = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  has(key: string): boolean {
    return this.#profiles.has(key)
  }

  /** Resolves when all profiles are listed, with how to stop. */
  async watch(): Promise<() => void> {
    const stop = await this.#options.store.watch((event) => this.#follow(event))
    this.#isListed = true
    return stop
  }

  #follow(event: StoreEvent): void {
    if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
      this.#profiles.delete(profileKey(event.ref.namespace, event.ref.name))
    }
    if (event.type === 'applied' && event.object.kind === 'SeccompProfile') {
      this.#record(event.object)
    }
  }

  #record(profile: SeccompProfile): void {
    const { events, mayWrite } = this.#options
    const { namespace = '', name } = profile.metadata
    const key = profileKey(namespace, name)
    const before = this.#profiles.get(key)
    this.#profiles.set(key, profile)
    // The profiles of the first list have not changed.
    if (!this.#isListed || !mayWrite()) return
    const { regarding, texts } = profileEvents(before, profile)
    for (const text of texts) events.record(regarding, text)
  }
}

/** PodEvents records the events of new pods, once per pod: also for a hub that leads again after a lapse. */
class PodEvents {
  readonly #options: WriterOptions
  /** By uid: existing pods that got their events. */
  readonly #recorded = new Set<string>()

  constructor(options: WriterOptions) {
    this.#options = options
  }

  watch(): () => void {
    return this.#options.view.onChange((change) => this.#follow(change))
  }

  recordAll(): void {
    for (const pod of this.#options.view.pods().values()) this.#record(pod)
  }

  #follow(change: ClusterChange): void {
    if (change.kind !== 'pod') return
    if (change.after === undefined) this.#recorded.delete(change.uid)
    else if (change.before === undefined && this.#options.mayWrite()) this.#record(change.after)
  }

  #record(pod: ClusterPod): void {
    if (this.#recorded.has(pod.uid)) return
    const found = podEvents(pod, Date.now(), this.#options.claims.of(pod))
    if (found === undefined) return
    this.#recorded.add(pod.uid)
    for (const text of found.texts) this.#options.events.record(found.regarding, text)
  }
}

export async function startWriter(options: WriterOptions): Promise<Writer> {
  const pods = new PodEvents(options)
  const profiles = new ProfileEvents(options)
  const rules = new RuleConditions(options, (key) => profiles.has(key))
  const stopProfiles = await profiles.watch()
  const stopPods = pods.watch()
  const stopRules = rules.watchPods()
  return {
    update: () => rules.update(),
    begin() {
      pods.recordAll()
      rules.update()
    },
    async close() {
      stopProfiles()
      stopPods()
      stopRules()
      await rules.close()
      await options.events.flush()
    }
  }
}
