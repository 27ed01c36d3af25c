/**
 * One scheduler for everything that runs in the background: saving a file some time after it changed,
 * recomputing a view, polling, retrying.
 *
 *     const saver = new Worker(save, { delayMs: 1000, retry: { firstMs: 1000, mostMs: 60_000 }, onError })
 *     saver.request()     // after each change: runs once, a second after the first of them
 *     await saver.flush() // runs what is requested now, and waits for it
 *     await saver.close() // no run starts any more; waits for the current one
 *
 * - Single flight: two runs never overlap.
 * - Coalesced: requests made before a run starts are one run. A request made during a run leads to another
 *   run, because the current one may have read its input already.
 * - Retried: after a run that throws or rejects, `onError` gets the error; with `retry` the run is repeated
 *   after a growing delay. Requests do not shorten that delay; `runNow` and `flush` do.
 * - Never rejects: `runNow`, `flush`, `settled` and `close` resolve also when a run failed.
 */
export interface WorkerOptions {
  /** Milliseconds between a request and its run; 0 if not given. Of several requests the earliest counts. */
  delayMs?: number
  /** With this, each request restarts the delay (debouncing), but a run is at most so late after the first. */
  maxDelayMs?: number
  /** Also runs every so many milliseconds, first after that time. This alone does not keep the process alive. */
  everyMs?: number
  /** Delay after the first failure, doubled by each further one up to `mostMs`. Without it: no retries. */
  retry?: { firstMs: number; mostMs: number }
  /** Called with what a run threw; must not throw itself. */
  onError: (error: unknown) => void
  /** Nor do requests and retries keep the process alive. */
  unref?: boolean
  clock?: Clock
}

/** Time as the worker uses it, replaced in tests. */
export interface Clock {
  /** Milliseconds that never go backwards. */
  now(): number
  setTimeout(callback: () => void, ms: number): Timer
  clearTimeout(timer: Timer | undefined): void
}

interface Timer {
  unref(): unknown
}

const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined)
}

/** A run that waits for its time. */
interface Planned {
  timer: Timer
  dueAt: number
  /** When the first of its requests came. */
  since: number
  isRetry: boolean
}

/** Worker runs one function in the background; see the top of this file. */
export class Worker {
  readonly #run: () => unknown
  readonly #options: WorkerOptions
  readonly #clock: Clock
  #planned: Planned | undefined
  #poll: Timer | undefined
  #running: Promise<void> | undefined
  /** The run after the current one; shared by everyone who asks for it. */
  #following: Promise<void> | undefined
  #failures = 0
  #closed = false

  /** @param run may be synchronous; the worker waits for a promise that it returns. */
  constructor(run: () => unknown, options: WorkerOptions) {
    this.#run = run
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#pollLater()
  }

  /** A run waits for its time, or is under way. */
  get busy(): boolean {
    return (this.#planned ?? this.#following ?? this.#running) !== undefined
  }

  /** Asks for a run after `delayMs`. */
  request(delayMs = this.#options.delayMs ?? 0): void {
    const { maxDelayMs } = this.#options
    const now = this.#clock.now()
    const before = this.#planned
    if (this.#closed || before?.isRetry === true) return
    if (before === undefined) this.#plan(now + delayMs, now)
    else if (maxDelayMs !== undefined) {
      this.#plan(Math.min(now + delayMs, before.since + maxDelayMs), before.since)
    } else if (now + delayMs < before.dueAt) this.#plan(now + delayMs, before.since)
  }

  /** Runs now, or once more after the current run; resolves when that run has ended. */
  runNow(): Promise<void> {
    if (this.#closed) return this.settled()
    this.#cancel()
    if (this.#following !== undefined) return this.#following
    if (this.#running === undefined) return this.#start()
    this.#following = this.#running.then(() => {
      this.#following = undefined
      return this.#closed ? undefined : this.#start()
    })
    return this.#following
  }

  /** Runs now if a run was requested, and waits until nothing is under way. A retry that fails is not repeated. */
  flush(): Promise<void> {
    return this.#planned === undefined ? this.settled() : this.runNow()
  }

  /** Resolves when no run is under way; what was requested for later is not waited for. */
  async settled(): Promise<void> {
    for (;;) {
      const current = this.#following ?? this.#running
      if (current === undefined) return
      await current
    }
  }

  /** Drops what was requested, starts no run any more, and waits for the current one. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    this.#clock.clearTimeout(this.#poll)
    await this.settled()
  }

  #plan(dueAt: number, since: number, isRetry = false): void {
    this.#cancel()
    const timer = this.#clock.setTimeout(
      () => {
        this.#planned = undefined
        void this.runNow()
      },
      Math.max(0, dueAt - this.#clock.now())
    )
    if (this.#options.unref === true) timer.unref()
    this.#planned = { timer, dueAt, since, isRetry }
  }

  #cancel(): void {
    this.#clock.clearTimeout(this.#planned?.timer)
    this.#planned = undefined
  }

  #pollLater(): void {
    const { everyMs } = this.#options
    if (everyMs === undefined) return
    this.#poll = this.#clock.setTimeout(() => {
      this.#pollLater()
      if (this.#planned?.isRetry !== true) void this.runNow()
    }, everyMs)
    this.#poll.unref()
  }

  #start(): Promise<void> {
    // A retry that the run before planned.
    this.#cancel()
    this.#running = this.#attempt().then(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #attempt(): Promise<void> {
    try {
      await this.#run()
      this.#failures = 0
    } catch (error) {
      this.#failures += 1
      this.#options.onError(error)
      this.#retryLater()
    }
  }

  #retryLater(): void {
    const { retry } = this.#options
    if (retry === undefined || this.#closed) return
    const now = this.#clock.now()
    const delayMs = Math.min(retry.mostMs, retry.firstMs * 2 ** (this.#failures - 1))
    this.#plan(now + delayMs, now, true)
  }
}
