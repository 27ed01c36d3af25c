import type { Condition } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { forEachAtOnce } from '../../src/lib/at-once.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { emergencyLabel } from '../../src/seccomp/render/emergency.js'
import type { Store } from '../../src/store/store.js'
import type { EventRecorder } from './events/events.js'
import type { Claims } from './false-claims.js'
import { type RulePods, ruleProfile, withRuleConditions } from './rule-status.js'
import { UnpatchedPods, unpatchedTexts } from './unpatched-pods.js'
import type { ClusterPod, ClusterView } from './watch/cluster-view.js'

/** WriterOptions is what events and conditions are written from. */
export interface WriterOptions {
  store: Store
  view: ClusterView
  claims: Claims
  events: EventRecorder
  /** The rules, their problems and the states of profiles. */
  snapshot: () => Snapshot
  rules: () => readonly SeccompRule[]
  mayWrite: () => boolean
  logger: Logger
  /** Changes of rules are collected this long. */
  everyMs?: number
  /** How long a rule is not ready for another reason before that is written. */
  stepMs?: number
}

/** Writes of conditions that wait for the API server at the same time. */
const writesAtOnce = 8
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
    this.#pods.forgetSelecting()
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

  isSelecting(rule: string): boolean {
    return this.#pods.isSelecting(rule)
  }

  overruledBy(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#pods.overruledBy()
  }

  /** Returns whether anything else is known of the pod now. */
  #compute(pod: ClusterPod): boolean {
    const { snapshot, mayWrite, events, claims } = this.#options
    if (!mayWrite()) return false
    const { added, isChanged } = this.#pods.put(snapshot(), pod, claims.of(pod))
    if (added.length === 0 || Date.now() - Date.parse(pod.createdAt) > freshMs) return isChanged
    const { namespace, name, uid } = pod
    const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }
    for (const text of unpatchedTexts(added)) events.record(regarding, text)
    return isChanged
  }
}

/** Reasons for which a rule is not ready: the profile that it names does not exist. */
const absent = ['ProfileNotFound', 'PerNamespace']
/** How long a new rule's profile must be absent: the files of a folder are applied one after the other. */
const absentMs = 3000

/** Returns the new condition Ready of a rule that is on its way to Ready, and how long it must last to be written. */
function notReadyStep(
  before: SeccompRule,
  after: SeccompRule,
  stepMs: number
): { text: string; lastMs: number } | undefined {
  const [old, now] = [before, after].map(({ status }) => status?.conditions ?? []) as [
    Condition[],
    Condition[]
  ]
  const ready = now.find(({ type }) => type === 'Ready')
  if (ready === undefined || ready.status === 'True') return undefined
  const text = `${ready.reason} ${ready.message}`
  const was = old.find(({ type }) => type === 'Ready')
  if (was === undefined)
    return absent.includes(ready.reason) ? { text, lastMs: Math.min(absentMs, stepMs) } : undefined
  const isOnlyReady = now.every((one) => one === ready || old.includes(one))
  if (!isOnlyReady || ready === was || was.status === 'True') return undefined
  if (was.observedGeneration !== ready.observedGeneration) return undefined
  return { text, lastMs: stepMs }
}

/** Step is a reason for which a rule is not ready, since when, and when it is written (ms of the monotonic clock). */
interface Step {
  text: string
  since: number
  writtenAt: number
  /** It was not written, because that time had not come. */
  isPassing: boolean
}

/** RuleConditions writes the conditions of rules, some time after a change. */
export class RuleConditions {
  readonly #options: WriterOptions
  readonly #bypassed: BypassedRules
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #closed = false
  /** By rule: a step to Ready that is not written yet. */
  #steps = new Map<string, Step>()
  /** Runs until a step has lasted. */
  #stepTimer: NodeJS.Timeout | undefined
  readonly #hasProfile: (key: string) => boolean
  /** Code of the failure that was logged last. */
  #logged = ''

  /** @param hasProfile returns whether the store has a profile: the hub may not have read it yet */
  constructor(options: WriterOptions, hasProfile: (key: string) => boolean) {
    this.#options = options
    this.#hasProfile = hasProfile
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
    clearTimeout(this.#stepTimer)
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
    const earlier = this.#steps
    this.#steps = new Map()
    try {
      await forEachAtOnce(this.#options.rules(), writesAtOnce, async (rule) => {
        const { namespace = '', name } = rule.metadata
        const key = `${namespace}/${name}`
        await this.#write(
          rule,
          snapshot,
          {
            unpatched: unpatched.get(key) ?? [],
            overruledBy: [...(winners.get(key) ?? [])],
            isSelecting: this.#bypassed.isSelecting(key)
          },
          earlier.get(key)
        )
      })
    } finally {
      this.#awaitSteps()
    }
  }

  async #write(
    rule: SeccompRule,
    { problems, profiles }: Snapshot,
    pods: RulePods,
    step: Step | undefined
  ): Promise<void> {
    // Nothing that is known of it is true; a change of the snapshot comes with its state.
    if (this.#isUnread(rule, profiles)) return
    const { namespace = '', name } = rule.metadata
    const own = problems.filter((one) => one.rule === `${namespace}/${name}`)
    const messages = own.map(({ message }) => message)
    const now = new Date().toISOString()
    const change = (current: SeccompRule): SeccompRule =>
      withRuleConditions(current, messages, profiles, now, pods)
    // The cached copy is asked first: an unchanged rule costs no request.
    const after = change(rule)
    if (after === rule || this.#isPassing(rule, after, step)) return
    try {
      await this.#options.store.update('SeccompRule', { namespace, name }, change, rule)
      this.#logged = ''
    } catch (error) {
      this.#handleFailure(`${namespace}/${name}`, error)
    }
  }

  /** Returns whether the hub has not read the rule's profile yet. It never reads the emergency overlay as one. */
  #isUnread(rule: SeccompRule, profiles: Snapshot['profiles']): boolean {
    const key = ruleProfile(rule)
    if (key === undefined || key === emergencyLabel || profiles.has(key)) return false
    return this.#hasProfile(key)
  }

  /**
   * Returns whether the change is only another reason for which the rule is not ready: not found, not approved, waiting.
   * A new rule passes such steps on its way to Ready; one is written when it lasts.
   */
  #isPassing(before: SeccompRule, after: SeccompRule, known: Step | undefined): boolean {
    const step = notReadyStep(before, after, this.#options.stepMs ?? 10_000)
    if (step === undefined) return false
    const { text, lastMs } = step
    const { namespace = '', name } = before.metadata
    const since = known?.text === text ? known.since : performance.now()
    const writtenAt = since + lastMs
    const isPassing = writtenAt > performance.now()
    this.#steps.set(`${namespace}/${name}`, { text, since, writtenAt, isPassing })
    return isPassing
  }

  /** Looks again when the first step has lasted long enough to be written. */
  #awaitSteps(): void {
    clearTimeout(this.#stepTimer)
    if (this.#closed) return
    const now = performance.now()
    // The time of one may have come while others were written.
    const passing = [...this.#steps.values()].filter(({ isPassing }) => isPassing)
    const first = Math.min(...passing.map(({ writtenAt }) => Math.max(0, writtenAt - now)))
    if (first < Infinity) this.#stepTimer = setTimeout(() => this.update(), first)
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
