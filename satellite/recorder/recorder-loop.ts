import type { Recorder, SelfTest } from '../../native/types.js'
import type { Condition, Losses, Observation, DeniedCalls } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import type { AuditedCalls } from '../denials/audited-calls.js'
import { TaskQueue } from '../lib/task-queue.js'
import { removeLeftovers, adoptRunning } from './adoption.js'
import { LossLog, lossesOf } from './losses.js'
import { ScanTimer } from './scan-timer.js'
import { SelfCheck } from './self-check.js'
import { SlotTracker } from './slots/slot-tracker.js'

export interface RecorderLoopOptions {
  recorder: Recorder
  registry: ContainerRegistry
  node: string
  bootId: string
  machine: Abi
  logger: Logger
  onObservation: (observation: Observation) => void
  /** Containers to record; the kernel side ignores the others. Default: all. */
  only?: (container: Container) => boolean
  /** Digests of the revisions on this node. */
  held?: () => ReadonlySet<string>
  /** Milliseconds between two scans of the slots (default 250); a busy node is scanned less often (scan-interval.ts). */
  intervalMs?: number
  selfTest?: boolean
  /** A self-test that this recorder passed just now: the first one is not repeated. */
  tested?: SelfTest | undefined
  /** What the audit log reports of denials, if it can be read. */
  audited?: AuditedCalls | undefined
  /** False: starts detached, until `attach()`. */
  attach?: boolean
  /**
   * Resolves when what was given to onObservation survives this process. Only then a slot is freed: whatever
   * kills the satellite, the slot's set is in the kernel or on disk.
   */
  durable?: () => Promise<void>
  /** Called with the denials of slots that have more of them, as soon as they are seen. */
  onDenials?: (calls: readonly DeniedCalls[]) => void
  /** Called when a slot got its container. */
  onNamed?: (container: Container) => void
  /** Number of containers that were not recorded, as counted by the code that attaches and detaches. */
  missed?: () => number
  /** Number of observations that found no room on their way to the hub. */
  givenUp?: () => number
}

/**
 * Starts a loop that owns a recorder: attaches it, follows its slots, identifies them, sends what changes, and
 * frees slots that ended. A scan costs next to nothing while nothing changes, and its work is done in slices.
 */
export async function startRecorderLoop(options: RecorderLoopOptions): Promise<RecorderLoop> {
  const loop = new RecorderLoop(options)
  await loop.start()
  return loop
}

/**
 * Returns what distinguishes the observations of a recorder from those of the next one, which counts from zero and whose
 * slots can have the same numbers: when it began. Pins go on through restarts of the program, and new ones are made where a
 * release has another layout: its counts must not be taken for those that are known.
 */
function epochOf({ pinning }: Recorder): string {
  return `+${(pinning.since ?? Date.now()).toString(36)}`
}

/** RecorderLoop turns what a recorder counts into observations. */
export class RecorderLoop {
  readonly #options: RecorderLoopOptions
  readonly #recorder: Recorder
  readonly #check: SelfCheck
  readonly #slots: SlotTracker
  readonly #queue: TaskQueue
  readonly #timer: ScanTimer
  readonly #lossLog: LossLog
  /** Containers that another release recorded in a layout that this one cannot read. */
  #unread = 0
  #stopped = false
  /** When the recorder was attached again after it had been detached. */
  #blindUntil = 0n
  /** The losses when the recorder was stopped: afterwards they cannot be read. */
  #lastLosses: Losses | undefined

  constructor(options: RecorderLoopOptions) {
    const { recorder, logger, selfTest: tests = true, tested, intervalMs = 250 } = options
    this.#options = options
    this.#recorder = recorder
    this.#check = new SelfCheck(recorder, logger, { tests, tested })
    this.#slots = new SlotTracker({
      ...options,
      prefix: `${options.node}/${options.bootId}${epochOf(recorder)}`,
      isExact: () => this.#check.isExact(),
      held: () => options.held?.() ?? new Set(),
      durable: () => options.durable?.() ?? Promise.resolve(),
      blindUntil: () => this.#blindUntil
    })
    this.#queue = new TaskQueue(logger, 'recorder loop failed; continuing')
    this.#timer = new ScanTimer({
      queue: this.#queue,
      intervalMs,
      scan: () => this.#scan(),
      report: () => this.#slots.reportDenials()
    })
    this.#lossLog = new LossLog(() => this.losses(), logger)
  }

  async start(): Promise<void> {
    const { attach = true, registry, audited, intervalMs = 250 } = this.#options
    if (attach) {
      await this.#attach()
      await this.#check.update(this.#recorder.counters().recursionMisses)
    } else {
      await registry.refresh()
    }
    this.#timer.start()
    const requestReport = (): void => this.#timer.requestReport()
    this.#recorder.notifyDenials(intervalMs, requestReport)
    audited?.onCall(requestReport)
  }

  /** What is known of every container now, with counts as of this call. @param only limits it to some containers */
  async current(only?: (container: Container) => boolean): Promise<Observation[]> {
    await this.#queue.settled()
    return this.#stopped ? [] : this.#slots.current(only)
  }

  /** Sends what changed until now, as soon as no scan runs. */
  async collect(): Promise<void> {
    await this.#queue.run(async () => {
      if (!this.#stopped) await this.#slots.visitAll(true)
    })
  }

  /** Sends observations of running containers again, because they were lost. @param ids of observations */
  resend(ids: readonly string[]): void {
    this.#slots.resend(ids)
  }

  /** Reports all denials of running containers: a new hub knows none of them. */
  resendDenials(): void {
    this.#slots.restartDenials()
    this.#timer.requestReport()
  }

  losses(): Losses {
    const { missed, givenUp } = this.#options
    return (
      this.#lastLosses ??
      lossesOf(this.#recorder.counters(), {
        unidentified: this.#slots.unidentified,
        missed: (missed?.() ?? 0) + this.#unread,
        givenUp: givenUp?.() ?? 0
      })
    )
  }

  conditions(): Condition[] {
    return [...this.#check.conditions(), ...this.#slots.conditions()]
  }

  /** Attaches at once, then adopts what runs already. */
  async attach(): Promise<void> {
    await this.#attach()
    this.#blindUntil = process.hrtime.bigint()
    // Resolves when what was adopted has its name.
    await this.#queue.run(async () => {
      while (await this.#scan());
    })
  }

  /** Visits everything a last time, then detaches unless `isWanted` returns true by then. */
  async detach(isWanted: () => boolean = () => false): Promise<void> {
    await this.#queue.run(() => this.#slots.visitAll())
    if (!isWanted()) this.#recorder.detach()
  }

  /** Visits everything a last time, then ends the recorder. With `keep`, pinned programs continue to record. */
  async stop({ keep = false }: { keep?: boolean } = {}): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#timer.stop()
    await this.#queue.run(() => this.#slots.visitAll())
    await this.#slots.free()
    this.#lastLosses = this.losses()
    // If the recorder is detached, there is nothing to keep.
    this.#recorder.stop({ keep: keep && this.#recorder.attached })
  }

  async #attach(): Promise<void> {
    const { registry, logger, only } = this.#options
    this.#recorder.attach()
    this.#unread += removeLeftovers(this.#recorder, logger)
    await registry.refresh()
    await adoptRunning(this.#recorder, registry.all(), only)
  }

  /** One scan. Returns whether the kernel side has more changes. */
  async #scan(): Promise<boolean> {
    this.#options.registry.take()
    const more = this.#slots.takeChanges()
    this.#slots.reportDenials()
    // Reading the counters is a syscall: once per scan for all slots.
    const counters = this.#recorder.counters()
    this.#slots.refresh(counters)
    await this.#check.update(counters.recursionMisses)
    if (!this.#check.isExact()) this.#slots.resendInexact()
    await this.#slots.visitDue()
    // Denials from before their containers were named.
    this.#slots.reportDenials()
    void this.#slots.free()
    this.#lossLog.update(performance.now())
    return more
  }
}
