import { Worker } from '../../src/lib/worker.js'
import type { TaskQueue } from '../lib/task-queue.js'
import { ScanInterval } from './scan-interval.js'

/** The audit log reports a call first and its arguments then; both have arrived after this time. */
const auditPartsMs = 30

interface ScanTimerOptions {
  /** Runs the scans and reports, so that they never overlap; it logs their failures. */
  queue: TaskQueue
  intervalMs: number
  /** Scans all slots. Returns whether it left something for the next scan. */
  scan: () => Promise<boolean>
  /** Reports what cannot wait for the next scan. */
  report: () => void
}

/** ScanTimer scans again and again until it is stopped. */
export class ScanTimer {
  readonly #options: ScanTimerOptions
  readonly #interval: ScanInterval
  readonly #scans: Worker
  readonly #reports: Worker
  #reportedAt = -Infinity

  constructor(options: ScanTimerOptions) {
    this.#options = options
    this.#interval = new ScanInterval(options.intervalMs)
    // Failures end in the queue.
    const onError = (): void => undefined
    this.#scans = new Worker(() => this.#scan(), { onError })
    this.#reports = new Worker(() => this.#report(), { onError })
  }

  start(): void {
    this.#scans.request(this.#options.intervalMs)
  }

  /** Asks for a report before the next scan, at most once in each interval. */
  requestReport(): void {
    const earliestMs = this.#reportedAt + this.#options.intervalMs - performance.now()
    this.#reports.request(Math.max(auditPartsMs, earliestMs))
  }

  stop(): void {
    void this.#scans.close()
    void this.#reports.close()
  }

  async #scan(): Promise<void> {
    const found = { more: false }
    await this.#options.queue.run(async () => {
      const beganMs = performance.now()
      try {
        found.more = await this.#options.scan()
      } finally {
        this.#interval.scanned(beganMs, performance.now(), found.more)
      }
    })
    const waitMs = Math.max(this.#options.intervalMs, this.#interval.waitMs(performance.now()))
    this.#scans.request(found.more ? 0 : waitMs)
  }

  async #report(): Promise<void> {
    this.#reportedAt = performance.now()
    await this.#options.queue.run(() => {
      this.#options.report()
      return Promise.resolve()
    })
  }
}
