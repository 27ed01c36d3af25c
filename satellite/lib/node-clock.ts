import { uptime } from 'node:os'
import { errnoOf, replaceSync } from '../../src/lib/durable-file.js'
import type { Logger } from '../../src/lib/log.js'
import { bootId } from './boot-id.js'
import { readPlainFileSync } from './plain-file.js'

/**
 * The kernel reports times since the boot. To turn them into dates, a process measures when these clocks stood at zero, and
 * each process measures it some milliseconds differently. So the first one of a boot writes down what it measured, and the
 * next ones use that: a container that runs keeps its dates when Secco is restarted.
 */

/** The clocks of a machine, in milliseconds. */
export interface Clocks {
  /** Since 1970 (CLOCK_REALTIME). */
  now: () => number
  /** Since the boot, without times of suspension (CLOCK_MONOTONIC). */
  monotonic: () => number
  /** Since the boot (/proc/uptime, in steps of 10 ms). */
  uptime: () => number
}

/** When the clocks stood at zero, in milliseconds since 1970. */
interface Zeros {
  monotonic: number
  uptime: number
}

interface Saved extends Zeros {
  boot: string
}

const machineClocks: Clocks = {
  now: Date.now,
  monotonic: () => Number(process.hrtime.bigint()) / 1_000_000,
  uptime: () => uptime() * 1000
}

/** Two measurements that differ by more say that somebody has set the clock, or that the machine was suspended. */
const toleranceMs = 50

const isNear = (one: number, other: number): boolean => Math.abs(one - other) <= toleranceMs

/** Returns what was saved; undefined when it cannot be used. */
function savedIn(text: string): Saved | undefined {
  try {
    const { boot, monotonic, uptime } = (JSON.parse(text) ?? {}) as Partial<Saved>
    const isWhole = Number.isFinite(monotonic) && Number.isFinite(uptime)
    if (typeof boot !== 'string' || !isWhole) return undefined
    return { boot, monotonic: monotonic as number, uptime: uptime as number }
  } catch {
    return undefined
  }
}

interface NodeClockOptions {
  /** A file that outlives this process; without it the next process measures again. */
  path?: string
  bootId?: string
  clocks?: Clocks
  logger?: Logger
}

/** NodeClock turns times since the boot into dates. */
export class NodeClock {
  readonly #options: NodeClockOptions
  readonly #clocks: Clocks
  #zeros: Zeros | undefined
  /** What was saved is compared with the present before it is used: a file can say anything. */
  #isMeasured = false

  constructor(options: NodeClockOptions = {}) {
    this.#options = options
    this.#clocks = options.clocks ?? machineClocks
    this.#zeros = this.#saved()
  }

  /** Converts nanoseconds of CLOCK_MONOTONIC, as the kernel reports them, to RFC 3339. */
  timeOf(monotonic: bigint): string {
    return new Date(this.#current().monotonic + Number(monotonic) / 1_000_000).toISOString()
  }

  /**
   * Turns a start time in ticks into RFC 3339; a tick is 10 ms for user space on every Linux (USER_HZ). It uses the
   * uptime, because /proc/stat's btime is in whole seconds: that could attribute an earlier run of the same id to
   * this one.
   */
  timeOfTicks(ticks: number): string {
    return new Date(this.#current().uptime + ticks * 10).toISOString()
  }

  /** Returns the zeros that are kept, or new ones if the clock was set since they were measured. */
  #current(): Zeros {
    const { now, monotonic } = this.#clocks
    const kept = this.#zeros
    const isKept = kept !== undefined && isNear(now() - monotonic(), kept.monotonic)
    if (isKept && this.#isMeasured) return kept
    this.#isMeasured = true
    // The measurement above may have been interrupted, and a suspension moves only one of them.
    const zeroOf = (clock: keyof Zeros): number => {
      const measured = this.#zeroOf(clock)
      return kept !== undefined && isNear(measured, kept[clock]) ? kept[clock] : measured
    }
    const zeros = { monotonic: zeroOf('monotonic'), uptime: zeroOf('uptime') }
    this.#zeros = zeros
    if (zeros.monotonic !== kept?.monotonic || zeros.uptime !== kept.uptime) this.#save(zeros)
    return zeros
  }

  /** Measures when a clock stood at zero. Tries again if it is interrupted between the two clocks. */
  #zeroOf(clock: keyof Zeros): number {
    const { now, [clock]: read } = this.#clocks
    let closest = { spanMs: Number.POSITIVE_INFINITY, zeroMs: 0 }
    for (let tries = 0; tries < 10 && closest.spanMs > 0; tries += 1) {
      const before = now()
      const sinceBoot = read()
      const spanMs = now() - before
      if (spanMs < closest.spanMs) closest = { spanMs, zeroMs: before - sinceBoot }
    }
    return closest.zeroMs
  }

  #saved(): Zeros | undefined {
    const { path, bootId, logger } = this.#options
    if (path === undefined) return undefined
    try {
      const saved = savedIn(readPlainFileSync(path).bytes?.toString() ?? '')
      if (saved === undefined) logger?.warn({ path }, 'earlier clock is not known; measuring again')
      return saved?.boot === bootId ? saved : undefined
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT')
        logger?.warn({ err: error }, 'earlier clock is not known; measuring again')
      return undefined
    }
  }

  /** Only a boot loses what is not synced, and after it nothing of this is needed. */
  #save({ monotonic, uptime }: Zeros): void {
    const { path, bootId, logger } = this.#options
    if (path === undefined) return
    try {
      const saved = { boot: bootId, monotonic, uptime }
      replaceSync(path, JSON.stringify(saved), 0o600)
    } catch (error) {
      logger?.warn({ err: error }, 'clock could not be saved')
    }
  }
}

let clock = new NodeClock()

/** Keeps the dates of this process in a file, for the next one of this boot. */
export function keepClock(path: string, logger: Logger): void {
  clock = new NodeClock({ path, bootId: bootId(), logger })
}

export const timeOf = (monotonic: bigint): string => clock.timeOf(monotonic)

export const timeOfTicks = (ticks: number): string => clock.timeOfTicks(ticks)
