import { admissionRole } from '../../../src/api/names.js'
import { Listeners } from '../../../src/lib/listeners.js'
import type { Logger } from '../../../src/lib/log.js'
import type { RevisionState } from '../../../src/rules/profile-state.js'
import { givenRevisions } from '../../../src/rules/resolve.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { RawObject } from '../../../src/store/kubernetes-reflector.js'
import type { ReplicaReadiness, ServedState } from '../../hub/nodes/readiness.js'
import type { ClusterPod, ClusterView } from '../watch/cluster-view.js'
import {
  type ConfigMapPublisher,
  defaultRenewMs,
  startConfigMapPublisher
} from './config-map-publisher.js'
import { keyLength, keyOf } from './hub-summary.js'

/*
 * What each replica of the webhook serves. One ConfigMap has a member for each replica, so that the right to write it can be
 * given by name: an object for each pod would need the right to write every ConfigMap, the summary of nodes included.
 */

/** ConfigMap with the reports of all replicas of the webhook. */
export const replicasName = 'secco-replicas'

/** Revisions in one report, 300 KiB of the 1 MiB that an object may have. Further ones count as not served, which is safe. */
const mostKeys = 19_200

/**
 * Returns the key of what new pods get of a profile: its newest revisions, the mode that people chose, and their canary. Two
 * replicas with the same key give the same.
 */
function keyOfState({ enforce, audit, ladder, labelMode }: ServedState): string {
  const of = (place: { mode: string; revision?: RevisionState }) => [
    place.mode,
    place.revision?.digest
  ]
  const { canary } = ladder ?? {}
  const share = canary && [canary.percent, ...of(canary.from)]
  const modes = ladder === undefined ? (labelMode ?? '') : JSON.stringify([...of(ladder), share])
  return keyOf(`${enforce?.path ?? ''} ${audit?.digest ?? ''} ${modes}`)
}

/** Returns whether new pods get each revision of the profile that a rule, a label or its ladder may give them. */
function isGiven(state: ServedState): boolean {
  return (
    state.enforce !== undefined && givenRevisions(state).every(({ revision }) => revision.ready)
  )
}

/** Returns what a snapshot gives to new pods, in a form that does not depend on the order of the profiles. */
export function servedKeys(states: Iterable<ServedState>): string {
  const keys: string[] = []
  for (const state of states) if (isGiven(state)) keys.push(keyOfState(state))
  return keys.sort().slice(0, mostKeys).join('')
}

interface ReportOptions {
  call: ApiCall
  namespace: string
  /** This replica: its pod's name. */
  id: string
  served: () => string
  logger: Logger
  renewMs?: number
}

/** Publishes what this replica serves, at once and after each change that `changed` tells of. */
export function startReplicaReport(options: ReportOptions): ConfigMapPublisher {
  const { id, served, ...rest } = options
  return startConfigMapPublisher({
    ...{ ...rest, name: replicasName, mayWrite: () => true, debounceMs: 100 },
    fieldManager: `secco-replica-${id}`.slice(0, 128),
    content: served,
    membersOf: (keys, renewed) => ({ data: { [id]: `${renewed} ${keys}` } })
  })
}

interface Report {
  /** When the replica wrote it last (RFC 3339). */
  renewed: string
  text: string
  keys: ReadonlySet<string>
  /** When this process saw the last renewal, by its own clock. */
  seenAt: number
}

interface ReplicaReportsOptions {
  view: Pick<ClusterView, 'pods' | 'onChange'>
  namespace: string
  /** Whether the hub of this process is the active one: others need no news. */
  isActive: () => boolean
  /** Removes the report of a pod that is gone. */
  remove: (name: string) => void
  /** Between two renewals of a report. */
  renewMs?: number | undefined
  now?: () => number
}

function keysOf(text: string): ReadonlySet<string> {
  const keys = new Set<string>()
  for (let at = 0; at < text.length; at += keyLength) keys.add(text.slice(at, at + keyLength))
  return keys
}

/** ReplicaReports knows which replicas of the webhook are ready, and what each of them reports to serve. */
export class ReplicaReports {
  readonly #options: ReplicaReportsOptions
  readonly #listeners = new Listeners()
  readonly #reports = new Map<string, Report>()
  /** The replicas' pods by name: whether each is ready. */
  readonly #pods = new Map<string, boolean>()
  readonly #renewMs: number
  readonly #stops: (() => void)[]
  /** What listeners know about replicas that serve nothing. */
  #silent = ''
  /** When this process began to follow the replicas' pods. */
  readonly #followedSince: number

  constructor(options: ReplicaReportsOptions) {
    const { view, renewMs = defaultRenewMs } = options
    this.#options = options
    this.#renewMs = renewMs
    this.#followedSince = this.#now()
    for (const pod of view.pods().values()) this.#note(pod)
    const timer = setInterval(() => this.#age(), renewMs / 3)
    timer.unref()
    this.#stops = [
      () => clearInterval(timer),
      view.onChange((change) => {
        if (change.kind !== 'pod') return
        const isNew = this.#note(change.after ?? change.before, change.after === undefined)
        if (isNew) this.#notify()
      })
    ]
  }

  readonly onChange = this.#listeners.add

  /** Returns which ready replicas give new pods the revision of a profile, in its mode. */
  readonly of = (state: ServedState): ReplicaReadiness => {
    const key = keyOfState(state)
    const ready = this.#ready()
    const silent = this.#silentOf(ready)
    const waiting = ready.filter(
      (name) => !silent.includes(name) && this.#reports.get(name)?.keys.has(key) !== true
    )
    return {
      ...{ waiting, silent, total: ready.length },
      ...(this.#isStarting(ready) && { isStarting: true }),
      unready: this.#pods.size - ready.length,
      serving: ready.length - waiting.length - silent.length
    }
  }

  /** Takes over a version of the ConfigMap. */
  readonly settle = (raw: RawObject | undefined): void => {
    const { data = {} } = (raw ?? {}) as { data?: Record<string, string> }
    let isNew = false
    for (const name of this.#reports.keys()) {
      if (name in data) continue
      this.#reports.delete(name)
      isNew = true
    }
    for (const [name, member] of Object.entries(data)) isNew = this.#read(name, member) || isNew
    if (isNew || this.#silentNow() !== this.#silent) this.#notify()
  }

  /** This hub has become the active one: what it could not see before says nothing about the replicas. */
  restart(): void {
    for (const report of this.#reports.values()) report.seenAt = this.#now()
  }

  close(): void {
    for (const stop of this.#stops) stop()
    this.#listeners.clear()
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))()
  }

  #ready(): string[] {
    return [...this.#pods].flatMap(([name, isReady]) => (isReady ? [name] : [])).sort()
  }

  #silentOf(ready: readonly string[]): string[] {
    return ready.filter((name) => this.#isOld(this.#reports.get(name)))
  }

  #silentNow(): string {
    const ready = this.#ready()
    return this.#isStarting(ready) ? 'starting' : this.#silentOf(ready).join()
  }

  /**
   * Returns whether no replica is ready, and that may be because all of them began with this process: it would announce an
   * outage when it ends.
   */
  #isStarting(ready: readonly string[]): boolean {
    return ready.length === 0 && this.#pods.size > 0 && !this.#isLate(this.#followedSince)
  }

  #isLate(at: number): boolean {
    return this.#now() - at > 3 * this.#renewMs
  }

  #isOld(report: Report | undefined): boolean {
    return report === undefined || this.#isLate(report.seenAt)
  }

  /** Returns whether a report has other content than before. */
  #read(name: string, member: string): boolean {
    const [renewed = '', text = ''] = member.split(' ')
    const before = this.#reports.get(name)
    if (before?.renewed === renewed && before.text === text) return false
    const keys = before?.text === text ? before.keys : keysOf(text)
    this.#reports.set(name, { renewed, text, keys, seenAt: this.#now() })
    return before?.text !== text
  }

  /** Notes a pod; returns whether that changes which replicas there are, or which are ready. */
  #note(pod: ClusterPod | undefined, isGone = false): boolean {
    if (pod?.namespace !== this.#options.namespace || pod.labels[admissionRole] !== 'true')
      return false
    const before = this.#pods.get(pod.name)
    if (isGone) this.#pods.delete(pod.name)
    else this.#pods.set(pod.name, pod.isReplicaReady === true)
    return before !== this.#pods.get(pod.name)
  }

  /** Reports become old without an event. */
  #age(): void {
    if (!this.#options.isActive()) return
    if (this.#silentNow() !== this.#silent) this.#notify()
    for (const [name, report] of this.#reports) {
      if (!this.#pods.has(name) && this.#isOld(report)) this.#options.remove(name)
    }
  }

  #notify(): void {
    this.#silent = this.#silentNow()
    if (this.#options.isActive()) this.#listeners.notify()
  }
}
