import { boundHistory } from '../../../src/history/bound-history.js'
import { mergeHistories } from '../../../src/history/merge-history.js'
import {
  emptyHistory,
  type HistoryEvent,
  historyName,
  parseHistory,
  withReadableRecords,
  type WorkloadHistory,
  type WorkloadKey,
  workloadText
} from '../../../src/history/workload-history.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { HistoryCache } from './history-cache.js'
import { newQueue, type Queue } from './history-queue.js'
import type { HistoryTiming } from './history-timing.js'
import type { HistoryStore } from '../../../src/store/history-store.js'

const writesPerWindow = 2
const longestRetryMs = 30_000
/** So many writes in a row fail, over some minutes, before an observation is acked without its history. */
const mostFailures = 10
/** Attempts of one write when another hub writes the same workload in between. */
const mostAttempts = 5
const mostIdle = 4096

/**
 * HistoryWriter merges what happened to workloads into their histories in the store, at most twice a minute for each.
 * It never rejects: what was not written is written later, and nobody learns that it is durable before.
 */
export class HistoryWriter {
  readonly #store: HistoryStore
  #timing: HistoryTiming
  readonly #logger: Logger
  readonly #mayWrite: () => boolean
  readonly #queues = new Map<string, Queue>()
  readonly #cache = new HistoryCache()
  #timer: NodeJS.Timeout | undefined
  /** The timer's workload: with thousands, a look at all of them for each report would be too much. */
  #armed: Queue | undefined
  /** The last write of all that were asked for, and how many of them have not ended. */
  #turn: Promise<void> = Promise.resolve()
  #turns = 0
  #isFlushing = false
  #isClosed = false
  #freeAt = 0

  /** @param mayWrite false while another hub is the active one: then everything waits until `resume` */
  constructor(
    store: HistoryStore,
    timing: HistoryTiming,
    logger: Logger,
    mayWrite: () => boolean = () => true
  ) {
    this.#mayWrite = mayWrite
    this.#store = store
    this.#timing = timing
    this.#logger = logger
  }

  /**
   * Adds what happened to a workload. Resolves when the store has it durably. A record that could not be read again is
   * left out: with it, the whole history would be set aside at the next start.
   */
  add(given: WorkloadHistory): Promise<void> {
    const news = withReadableRecords(given)
    const name = historyName(news.workload)
    const queue = this.#queueOf(name, news.workload)
    if (this.#isStored(name, queue, news)) return Promise.resolve()
    // Whoever waits for the answer keeps the news and brings them again.
    if (queue.pending.isFull) return new Promise(() => undefined)
    queue.pending.add(news)
    const stored = (queue.stored ??= new Promise<void>((resolve) => queue.waiting.push(resolve)))
    this.#schedule(queue)
    return stored
  }

  /** Returns the history with what is not written yet; undefined when nothing is known of the workload. */
  async get(workload: WorkloadKey): Promise<WorkloadHistory | undefined> {
    const name = historyName(workload)
    const stored = await this.#read(name)
    const { pending, writing } = this.#queues.get(name) ?? {}
    const news = [writing, ...(pending?.all() ?? [])]
    const all = [stored?.history, ...news].filter((one) => one !== undefined)
    return all.length === 0 ? undefined : all.reduce(mergeHistories)
  }

  /** Takes what a list of the store has, so that nothing is read again. */
  learned(name: string, text: string, version: string): WorkloadHistory | undefined {
    const history = parseHistory(text)
    if (history !== undefined) this.#cache.set(name, history, version, text.length)
    return history
  }

  /** Deletes the history of a workload, unless it is being written. */
  async forget(name: string): Promise<void> {
    const queue = this.#queues.get(name)
    if (queue?.pending.isEmpty === false || queue?.writing !== undefined) return
    this.#queues.delete(name)
    this.#cache.delete(name)
    await this.#store.delete(name).catch((thrown: unknown) => {
      const { code, message: reason } = toSeccoError(thrown)
      this.#logger.warn({ code, object: name, reason }, 'history not deleted')
    })
  }

  /** Writes what waited for `mayWrite`. */
  resume(): void {
    for (const queue of this.#queues.values()) queue.failures = 0
    this.#arm()
  }

  /** Writes everything that waits, whenever it would be due; resolves after the attempt. */
  async flush(): Promise<void> {
    this.#isFlushing = true
    try {
      for (const queue of [...this.#queues.values()]) void this.#inOrder(() => this.#write(queue))
      await this.#turn
    } finally {
      this.#isFlushing = false
    }
    this.#arm()
  }

  /** Writes everything at once from now on: a program that ends waits until its last reports are durable. */
  hurry(): Promise<void> {
    this.#timing = { ...this.#timing, historyWaitMs: 0, historyWindowMs: 0, historySpacingMs: 0 }
    return this.flush()
  }

  /** Flushes, and writes nothing after that. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    await this.flush()
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #queueOf(name: string, workload: WorkloadKey): Queue {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = newQueue(workload)
    if (this.#queues.size >= mostIdle) this.#forgetIdle()
    this.#queues.set(name, queue)
    return queue
  }

  /** Forgets the workloads that wait for nothing and were not written lately. */
  #forgetIdle(): void {
    const from = performance.now() - this.#timing.historyWindowMs
    for (const [name, { pending, writing, written }] of this.#queues) {
      const isIdle = pending.isEmpty && writing === undefined
      if (isIdle && (written.at(-1) ?? 0) < from) this.#queues.delete(name)
    }
  }

  #isStored(name: string, { pending, writing }: Queue, news: WorkloadHistory): boolean {
    if (!pending.isEmpty || writing !== undefined) return false
    const stored = this.#cache.get(name)?.history
    return stored !== undefined && mergeHistories(stored, news) === stored
  }

  #schedule(queue: Queue): void {
    if (queue.writing !== undefined || queue.dueAt !== Number.POSITIVE_INFINITY) return
    const { historyWaitMs, historyWindowMs, retryMs } = this.#timing
    const now = performance.now()
    const oldest = queue.written.at(-writesPerWindow)
    const wait = Math.max(historyWaitMs, (oldest ?? now - historyWindowMs) + historyWindowMs - now)
    const retry =
      queue.failures === 0 ? 0 : Math.min(longestRetryMs, retryMs * 2 ** (queue.failures - 1))
    queue.dueAt = now + Math.max(wait, retry)
    if (this.#armed === undefined || queue.dueAt < this.#armed.dueAt) this.#arm()
  }

  #next(): Queue | undefined {
    let next: Queue | undefined
    for (const queue of this.#queues.values()) {
      if (!queue.pending.isEmpty && queue.dueAt < (next?.dueAt ?? Number.POSITIVE_INFINITY))
        next = queue
    }
    return next
  }

  #arm(): void {
    clearTimeout(this.#timer)
    this.#armed = undefined
    if (this.#isClosed || this.#isFlushing || this.#turns > 0 || !this.#mayWrite()) return
    const next = this.#next()
    if (next === undefined) return
    const wait = Math.max(0, Math.max(next.dueAt, this.#freeAt) - performance.now())
    this.#armed = next
    this.#timer = setTimeout(() => {
      void this.#inOrder(() => this.#write(next)).then(() => this.#arm())
    }, wait)
  }

  /** Runs one write at a time. */
  #inOrder(work: () => Promise<void>): Promise<void> {
    this.#turns += 1
    this.#turn = this.#turn.then(work).then(() => {
      this.#turns -= 1
    })
    return this.#turn
  }

  async #write(queue: Queue): Promise<void> {
    const { waiting, workload } = queue
    const news = this.#mayWrite() ? queue.pending.take() : undefined
    if (news === undefined) return
    queue.writing = news
    queue.waiting = []
    queue.stored = undefined
    queue.dueAt = Number.POSITIVE_INFINITY
    try {
      if (await this.#merge(workload, news)) {
        queue.written = [...queue.written, performance.now()].slice(-writesPerWindow)
        this.#freeAt = performance.now() + this.#timing.historySpacingMs
      }
      queue.failures = 0
      queue.writing = undefined
      for (const stored of waiting) stored()
    } catch (thrown) {
      this.#failed(queue, news, waiting, toSeccoError(thrown))
    }
    // There may be more since this was written.
    if (!queue.pending.isEmpty) this.#schedule(queue)
  }

  #failed(
    queue: Queue,
    news: WorkloadHistory,
    waiting: readonly (() => void)[],
    { code, message }: SeccoError
  ): void {
    queue.failures += 1
    this.#freeAt = performance.now() + this.#timing.historySpacingMs
    if (queue.failures === 1) {
      const workload = workloadText(queue.workload)
      this.#logger.error({ code, workload, reason: message }, 'history not written')
    }
    queue.writing = undefined
    queue.pending.add(news)
    // Learning does not end because a history cannot be written: its document may be rejected for ever.
    if (queue.failures > mostFailures) for (const stored of waiting) stored()
    else queue.waiting = [...waiting, ...queue.waiting]
  }

  /** Merges news into what the store has. Returns false when it had all of it. */
  async #merge(workload: WorkloadKey, news: WorkloadHistory): Promise<boolean> {
    const name = historyName(workload)
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.#read(name)
      const isUnreadable = before !== undefined && before.history === undefined
      const begin = isUnreadable ? await this.#beginAgain(name, news) : undefined
      // What was never merged may have its records in another order than a merge makes.
      const empty = begin ?? emptyHistory(workload, news.since)
      const all = mergeHistories(before?.history ?? empty, news)
      if (all === before?.history) return false
      const history = boundHistory(all)
      const text = JSON.stringify(history)
      try {
        const version = await this.#store.put(name, workloadText(workload), text, before?.version)
        this.#cache.set(name, history, version, text.length)
        return true
      } catch (error) {
        this.#cache.delete(name)
        const isConflict = error instanceof SeccoError && error.code === 'CONFLICT'
        if (!isConflict || attempt >= mostAttempts) throw error
      }
    }
  }

  /** Sets an unreadable document aside. Returns the history that takes its place, which says so. */
  async #beginAgain(name: string, { workload, since }: WorkloadHistory): Promise<WorkloadHistory> {
    const kept = await this.#store.setAside(name)
    this.#logger.error(
      { code: 'STORE_CORRUPT', workload: workloadText(workload), object: name, kept },
      'earlier history is not readable: set aside; the history begins again'
    )
    const text = `the history begins again: the earlier one is not readable, and was kept as ${kept}`
    const event: HistoryEvent = { id: `unreadable ${since}`, at: since, what: 'secco', text }
    return { ...emptyHistory(workload, since), events: [event] }
  }

  async #read(
    name: string
  ): Promise<{ history: WorkloadHistory | undefined; version: string } | undefined> {
    const cached = this.#cache.get(name)
    if (cached !== undefined) return cached
    const stored = await this.#store.get(name)
    if (stored === undefined) return undefined
    return { history: this.learned(name, stored.text, stored.version), version: stored.version }
  }
}
