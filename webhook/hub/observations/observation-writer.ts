import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import { namespaceField, type Store } from '../../../src/store/store.js'
import { hasLearned, remembers, withFindings } from './evidence.js'
import { joinFindings } from './join-findings.js'
import type { ObservationFinding } from './read-observation.js'
import { WriteIntervals, type WriteIntervalTiming } from './write-interval.js'
import type { Target } from '../nodes/workload.js'

interface Waiting {
  node: string
  finding: ObservationFinding
  /** Called once the finding is durable. */
  stored: () => void
  /** Called when the finding can never be stored: the profile is full. */
  rejected: (message: string) => void
}

/** WriteQueue holds the findings that wait to be written to one profile. */
interface WriteQueue {
  readonly target: Target
  /** By node and instance; a newer finding of the same instance is joined with the older one. */
  readonly waiting: Map<string, Waiting>
  timer: NodeJS.Timeout | undefined
  /** When the timer fires. */
  due: number
  /** Whether a waiting finding has something that the profile lacks. */
  isNews: boolean
  /** Resolves with why the batch was not written; '' when it was. */
  running: Promise<string> | undefined
  failures: number
}

/** Unwritten is what the store lacks of one profile. */
export interface Unwritten {
  /** Findings that wait. */
  waiting: number
  /** Why something was not written; '' when all of it was. */
  problem: string
}

interface ObservationWriterTiming extends WriteIntervalTiming {
  /** The first wait after a failed write; it doubles up to half a minute. */
  retryMs: number
}

/** Findings that wait at most, while the store takes none: one that is left out is not acked, so it is resent. */
const mostWaiting = 50_000
/** Beyond that, news of one profile that wait at most. */
const mostOfProfile = 1024
const longestRetryMs = 30_000

/** Returns the profile that learning creates. */
function newProfile({ ref, workload }: Target): SeccompProfile {
  return {
    apiVersion,
    kind: 'SeccompProfile',
    // Version 0 only creates: over an object that has any version this is a CONFLICT.
    metadata: { ...ref, resourceVersion: '0' },
    spec: { workload }
  }
}

/** Creates the profile. Returns false when its namespace is gone, or is being deleted. */
async function ensureProfile(store: Store, target: Target): Promise<boolean> {
  try {
    await store.apply('SeccompProfile', newProfile(target))
    return true
  } catch (error) {
    if (!(error instanceof SeccoError)) throw error
    if (error.code === 'NOT_FOUND' && error.field === namespaceField) return false
    // A conflict means that somebody else created it first.
    if (error.code !== 'CONFLICT') throw error
    return true
  }
}

/**
 * Merges findings into their profile; creates the profile when it does not exist. Returns false when nothing can keep
 * them, because the namespace is gone.
 */
async function writeFindings(
  store: Store,
  target: Target,
  findings: readonly Waiting[]
): Promise<boolean> {
  const change = (profile: SeccompProfile) =>
    withFindings(profile, findings, new Date().toISOString())
  try {
    await store.update('SeccompProfile', target.ref, change)
  } catch (error) {
    if (!(error instanceof SeccoError) || error.code !== 'NOT_FOUND') throw error
    if (!(await ensureProfile(store, target))) return false
    await store.update('SeccompProfile', target.ref, change)
  }
  return true
}

/** ObservationWriter writes findings to the store, one profile at a time. */
export class ObservationWriter {
  readonly #store: Store
  readonly #logger: Logger
  readonly #timing: ObservationWriterTiming
  readonly #known: (key: string) => SeccompProfile | undefined
  readonly #queues = new Map<string, WriteQueue>()
  readonly #intervals: WriteIntervals
  readonly #mayWrite: () => boolean
  /** The findings of all queues. */
  #waiting = 0
  #isClosed = false

  /**
   * @param known returns the profile as the store last reported it: a finding that it already has can wait. While a
   *   profile is not known, every finding counts as news.
   * @param mayWrite false: findings are dropped. They are not acked, so satellites resend them to the active hub
   */
  constructor(
    store: Store,
    logger: Logger,
    timing: ObservationWriterTiming,
    known: (key: string) => SeccompProfile | undefined = () => undefined,
    mayWrite: () => boolean = () => true
  ) {
    this.#store = store
    this.#logger = logger
    this.#timing = timing
    this.#known = known
    this.#mayWrite = mayWrite
    this.#intervals = new WriteIntervals(timing)
  }

  offer(
    node: string,
    finding: ObservationFinding,
    stored: () => void,
    rejected: (message: string) => void = () => undefined
  ): void {
    if (this.#isClosed || !this.#mayWrite()) return
    const { ref } = finding.target
    const key = profileKey(ref.namespace, ref.name)
    const id = `${node} ${finding.id}`
    const profile = this.#known(key)
    const isNews = profile === undefined || !hasLearned(profile, finding)
    // What the store has already needs no write, unless an earlier report of the instance waits for one.
    const isFirst = this.#queues.get(key)?.waiting.has(id) !== true
    if (!isNews && isFirst && remembers(profile, node, finding)) {
      stored()
      return
    }
    const queue = this.#queueOf(key, finding.target)
    const older = queue.waiting.get(id)
    // Repetitions of one profile must not keep the news of another one out.
    const isFull = this.#waiting >= mostWaiting && (!isNews || queue.waiting.size >= mostOfProfile)
    if (older === undefined && isFull) return
    const newer = { node, finding, stored, rejected }
    queue.isNews ||= isNews
    this.#enqueue(queue, id, older ?? newer, older === undefined ? undefined : newer)
    this.#schedule(key, queue)
  }

  /** Returns whether findings of a profile wait, or are being written. */
  isWriting(key: string): boolean {
    return this.#queues.has(key)
  }

  /** Returns how many findings wait. */
  waiting(): number {
    return this.#waiting
  }

  /** Writes what waits; resolves after the attempt. */
  async flush(): Promise<void> {
    // A queue that is being written writes what waits behind the batch in the second round.
    for (let round = 0; round < 2; round += 1) {
      await Promise.all([...this.#queues].map(async ([key, queue]) => this.#run(key, queue)))
    }
  }

  /** Writes what waits of one profile, whatever its write interval is, and returns what the store lacks then. */
  async writeNow(key: string): Promise<Unwritten> {
    // A finding that found no room was left out, and its satellite resends it much later.
    let problem = this.#waiting >= mostWaiting ? `${this.#waiting} findings wait to be written` : ''
    for (let round = 0; round < 2; round += 1) {
      const queue = this.#queues.get(key)
      if (queue !== undefined) problem = (await this.#run(key, queue)) || problem
    }
    if (!this.#mayWrite()) problem = 'this hub is on standby'
    return { waiting: this.#queues.get(key)?.waiting.size ?? 0, problem }
  }

  /** Flushes, and accepts nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.flush()
    for (const queue of this.#queues.values()) clearTimeout(queue.timer)
  }

  #queueOf(key: string, target: Target): WriteQueue {
    const known = this.#queues.get(key)
    if (known !== undefined) return known
    const queue: WriteQueue = {
      target,
      waiting: new Map(),
      timer: undefined,
      due: 0,
      isNews: false,
      running: undefined,
      failures: 0
    }
    this.#queues.set(key, queue)
    return queue
  }

  #enqueue(queue: WriteQueue, id: string, older: Waiting, newer: Waiting | undefined): void {
    if (newer === undefined) {
      queue.waiting.set(id, older)
      this.#waiting += 1
      return
    }
    queue.waiting.set(id, { ...newer, finding: joinFindings(older.finding, newer.finding) })
  }

  #schedule(key: string, queue: WriteQueue): void {
    if (queue.running !== undefined) return
    const now = performance.now()
    const wait =
      queue.failures === 0
        ? this.#intervals.of(key, now).wait(queue.isNews, now)
        : Math.min(longestRetryMs, this.#timing.retryMs * 2 ** (queue.failures - 1))
    if (queue.timer !== undefined && (queue.failures > 0 || queue.due <= now + wait)) return
    clearTimeout(queue.timer)
    queue.due = now + wait
    queue.timer = setTimeout(() => void this.#run(key, queue), wait)
  }

  #run(key: string, queue: WriteQueue): Promise<string> {
    clearTimeout(queue.timer)
    queue.timer = undefined
    queue.running ??= this.#drain(key, queue)
    return queue.running
  }

  async #drain(key: string, queue: WriteQueue): Promise<string> {
    const batch = [...queue.waiting]
    const { isNews } = queue
    queue.waiting.clear()
    this.#waiting -= batch.length
    queue.isNews = false
    if (!this.#mayWrite()) {
      this.#queues.delete(key)
      return 'this hub is on standby'
    }
    let problem = ''
    try {
      const findings = batch.map(([, waiting]) => waiting)
      const isKept = await writeFindings(this.#store, queue.target, findings)
      if (!isKept)
        this.#logger.info({ profile: key }, 'observations dropped: the namespace is gone')
      queue.failures = 0
      const now = performance.now()
      this.#intervals.of(key, now).wrote(isNews, now)
      for (const { stored } of findings) stored()
    } catch (error) {
      const failure = toSeccoError(error)
      problem = failure.message
      this.#failed(key, queue, { batch, isNews, error: failure })
    }
    queue.running = undefined
    if (queue.waiting.size === 0) this.#queues.delete(key)
    else if (!this.#isClosed) this.#schedule(key, queue)
    return problem
  }

  /** Puts a batch that was not written back into its queue, or rejects it when the profile is full. */
  #failed(
    key: string,
    queue: WriteQueue,
    { batch, isNews, error }: { batch: [string, Waiting][]; isNews: boolean; error: SeccoError }
  ): void {
    const { code, message: reason } = error
    queue.failures += 1
    queue.isNews ||= isNews
    if (queue.failures === 1) {
      this.#logger.error({ code, profile: key, reason }, 'observations not written')
    }
    for (const [id, waiting] of batch) {
      if (code === 'TOO_LARGE') waiting.rejected(reason)
      else this.#enqueue(queue, id, waiting, queue.waiting.get(id))
    }
  }
}
