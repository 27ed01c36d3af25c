import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { profileKey } from '../../src/rules/profile-state.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Store } from '../../src/store/store.js'
import type { EventRecorder } from './events/events.js'
import { podEvents } from './events/pod-events.js'
import { profileEvents } from './events/profile-events.js'
import { type RulePods, withRuleConditions } from './rule-status.js'
import { UnpatchedPods, unpatchedTexts } from './unpatched-pods.js'
import type { ClusterChange, ClusterPod, ClusterView } from './watch/cluster-view.js'

/** Writer writes events, and the conditions of rules. Only one hub of all does that. */
interface Writer {
  /** Schedules the conditions: rules or the states of profiles may have changed. */
  update(): void
  /** Starts to write: this hub leads now. Pods that came while no hub led get their events. */
  begin(): void
  close(): Promise<void>
}

interface WriterOptions {
  store: Store
  view: ClusterView
  events: EventRecorder
  /** The rules, their problems and the states of profiles. */
  snapshot: () => Snapshot
  rules: () => readonly SeccompRule[]
  mayWrite: () => boolean
  logger: Logger
  /** Changes of rules are collected this long. */
  everyMs?: number
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
    const found = podEvents(pod, Date.now())
    if (found === undefined) return
    this.#recorded.add(pod.uid)
    for (const text of found.texts) this.#options.events.record(found.regarding, text)
  }
}

/** Pods that are computed in one turn of the event loop when rules have changed. */
const turnSize = 500
/** Older pods were reported by the hub that led at that time. */
const freshMs = 600_000

/** BypassedRules follows which pods were stored without a decision, and records an event on new ones. */
class BypassedRules {
  readonly #options: WriterOptions
  readonly #pods = new UnpatchedPods()
  readonly #onChange: () => void

  constructor(options: WriterOptions, onChange: () => void) {
    this.#options = options
    this.#onChange = onChange
  }

  watch(): () => void {
    return this.#options.view.onChange((change) => {
      if (change.kind !== 'pod') return
      const { after, uid } = change
      if (after === undefined ? this.#pods.remove(uid) : this.#compute(after)) this.#onChange()
    })
  }

  /** Computes all pods again, in turns. */
  async refresh(): Promise<void> {
    let left = turnSize
    for (const pod of [...this.#options.view.pods().values()]) {
      if (this.#options.view.pods().get(pod.uid) === pod) this.#compute(pod)
      if (--left > 0) continue
      left = turnSize
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  byRule(): ReadonlyMap<string, readonly string[]> {
    return this.#pods.byRule()
  }

  overruledBy(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#pods.overruledBy()
  }

  /** Returns whether anything else is known of the pod now. */
  #compute(pod: ClusterPod): boolean {
    const { snapshot, mayWrite, events } = this.#options
    if (!mayWrite()) return false
    const { added, isChanged } = this.#pods.put(snapshot(), pod)
    if (added.length === 0 || Date.now() - Date.parse(pod.createdAt) > freshMs) return isChanged
    const { namespace, name, uid } = pod
    const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }
    for (const text of unpatchedTexts(added)) events.record(regarding, text)
    return isChanged
  }
}

/** RuleConditions writes the conditions of rules, some time after a change. */
class RuleConditions {
  readonly #options: WriterOptions
  readonly #bypassed: BypassedRules
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #closed = false
  /** Code of the failure that was logged last. */
  #logged = ''

  constructor(options: WriterOptions) {
    this.#options = options
    this.#bypassed = new BypassedRules(options, () => this.update())
  }

  watchPods(): () => void {
    return this.#bypassed.watch()
  }

  update(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => this.#begin(), this.#options.everyMs ?? 1000)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  #begin(): void {
    this.#timer = undefined
    if (!this.#options.mayWrite()) return
    this.#running = this.#running
      .then(() => this.#writeAll())
      .catch((error: unknown) => {
        this.#options.logger.error({ err: error }, 'conditions of rules not written')
      })
  }

  async #writeAll(): Promise<void> {
    const snapshot = this.#options.snapshot()
    await this.#bypassed.refresh()
    const unpatched = this.#bypassed.byRule()
    const winners = this.#bypassed.overruledBy()
    for (const rule of this.#options.rules()) {
      const { namespace = '', name } = rule.metadata
      const key = `${namespace}/${name}`
      await this.#write(rule, snapshot, {
        unpatched: unpatched.get(key) ?? [],
        overruledBy: [...(winners.get(key) ?? [])]
      })
    }
  }

  async #write(rule: SeccompRule, { problems, profiles }: Snapshot, pods: RulePods): Promise<void> {
    const { namespace = '', name } = rule.metadata
    const own = problems.filter((one) => one.rule === `${namespace}/${name}`)
    const messages = own.map(({ message }) => message)
    const now = new Date().toISOString()
    const change = (current: SeccompRule): SeccompRule =>
      withRuleConditions(current, messages, profiles, now, pods)
    // The cached copy is asked first: an unchanged rule costs no request.
    if (change(rule) === rule) return
    try {
      await this.#options.store.update('SeccompRule', { namespace, name }, change)
      this.#logged = ''
    } catch (error) {
      this.#handleFailure(`${namespace}/${name}`, error)
    }
  }

  #handleFailure(rule: string, error: unknown): void {
    const { code, message } = toSeccoError(error)
    if (code === 'NOT_FOUND') return
    if (this.#logged !== code) {
      this.#options.logger.warn({ code, rule, reason: message }, 'condition of a rule not written')
    }
    this.#logged = code
    this.update()
  }
}

export async function startWriter(options: WriterOptions): Promise<Writer> {
  const pods = new PodEvents(options)
  const rules = new RuleConditions(options)
  const stopProfiles = await new ProfileEvents(options).watch()
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
