import type { RecorderCounters } from '../../../native/types.js'
import type { Condition, Observation, DeniedCalls } from '../../../src/api/gen/hub.js'
import type { Container } from '../../containers/runtime.js'
import { timeOf } from '../../lib/node-clock.js'
import { slotKey } from '../../lib/slot-key.js'
import { timeSlices } from '../../lib/time-slices.js'
import { addBlockedCalls, noBlockedCalls } from './blocked-calls.js'
import { DueSlots } from './due-slots.js'
import { EndedSlots } from './ended-slots.js'
import { resendInexact, resendObservations } from './resend.js'
import {
  aliveMs,
  askEveryMs,
  recheckMs,
  reportAfterMs,
  retryMs,
  settleMs
} from './slot-intervals.js'
import { SlotNaming, type SlotNamingOptions } from './slot-naming.js'
import { SlotObserver, type SlotObserverOptions } from './slot-observer.js'
import { isSlotAlive, isSlotAliveNow, pidsOfSlot } from './slot-processes.js'
import { supersedeOlder } from './superseded.js'
import { changesAtOnce, takeAll } from './take-all.js'
import {
  cgroupFolderIn,
  isNamed,
  isWaiting,
  type NamedSlot,
  type TrackedSlot,
  trackSlot,
  wholeSlot,
  withExactness
} from './tracked-slot.js'

interface SlotTrackerOptions extends SlotNamingOptions, Omit<SlotObserverOptions, 'timeOf'> {
  /** False while the recorder may miss calls. */
  isExact: () => boolean
  onObservation: (observation: Observation) => void
  onDenials?: (calls: readonly DeniedCalls[]) => void
  /** Resolves when what was given to onObservation survives this process. */
  durable: () => Promise<void>
}

/** SlotTracker follows the recorder's slots: names them, sends observations of them, and frees those that ended. */
export class SlotTracker {
  readonly #options: SlotTrackerOptions
  readonly #tracked = new Map<string, TrackedSlot>()
  readonly #due = new DueSlots(this.#tracked)
  readonly #naming: SlotNaming
  readonly #observer: SlotObserver
  readonly #ended: EndedSlots
  /** A restarted satellite continues above every sequence it used before: at most four a second are used. */
  readonly #firstSequence = Date.now()

  constructor(options: SlotTrackerOptions) {
    this.#options = options
    this.#naming = new SlotNaming(options)
    this.#observer = new SlotObserver({ ...options, timeOf })
    this.#ended = new EndedSlots({
      durable: options.durable,
      free: (tracked) => {
        options.recorder.release(tracked.slot.index, tracked.slot.generation)
        this.#forget(tracked)
      },
      logger: options.logger
    })
  }

  /** How many slots belong to containers that could not be identified. */
  get unidentified(): number {
    return this.#naming.unidentified
  }

  conditions(): Condition[] {
    return this.#observer.conditions()
  }

  /** Reads the losses and the kernel's notes of denials. */
  refresh(counters: RecorderCounters): void {
    this.#observer.refresh(counters)
  }

  /** Takes what the kernel side changed since the last call. Returns whether there is more. */
  takeChanges(): boolean {
    const { recorder, isExact } = this.#options
    const { slots, gone, more } = recorder.changes(changesAtOnce)
    for (const slot of gone) this.#forget(this.#tracked.get(slotKey(slot)))
    if (slots.length > 0) this.#due.rescan()
    const at = performance.now()
    for (const slot of slots) {
      const known = this.#tracked.get(slotKey(slot))
      if (known === undefined) {
        const facts = { inexact: !isExact(), lostBefore: this.#observer.lost }
        this.#tracked.set(slotKey(slot), trackSlot(slot, this.#firstSequence, at, facts))
        continue
      }
      if (known.slot.exits !== slot.exits) known.checkAt = at
      known.slot = slot
      known.ignored ||= slot.ignored // its calls were a runtime's hook: claim() in native/bpf/slots.bpf.h
      known.dueAt = at
    }
    supersedeOlder(this.#tracked, slots, at)
    return more
  }

  /** Reports new denials. Called often, also between slow steps: a person may be watching. */
  reportDenials(): void {
    this.#observer.refresh()
    const { onDenials } = this.#options
    if (onDenials === undefined) return
    const calls = this.#observer.grown().flatMap((key) => {
      const tracked = this.#tracked.get(key)
      if (tracked === undefined || !isNamed(tracked) || tracked.ended) return []
      return this.#observer.denialsOf(withExactness(tracked)) ?? []
    })
    if (calls.length > 0) onDenials(calls)
  }

  /** Makes the next `reportDenials` report all denials of running containers. */
  restartDenials(): void {
    this.#observer.restartDenials()
  }

  /** Sends everything that is alive again as inexact. */
  resendInexact(): void {
    resendInexact(this.#tracked, this.#due)
  }

  /** Sends these observations again. */
  resend(ids: readonly string[]): void {
    resendObservations(this.#tracked, this.#due, this.#options.prefix, ids)
  }

  /** Frees ended slots whose observations are durable; never rejects. */
  free(): Promise<void> {
    return this.#ended.free()
  }

  /** Visits the slots that are due: checks whether they are alive, names them, sends what changed. */
  async visitDue(): Promise<void> {
    const { recorder, registry } = this.#options
    const at = performance.now()
    const denying = new Set(this.#observer.dueForReport(at))
    const due = this.#due.take(at, denying)
    await this.#checkAlive(due, at)
    // The last denials of slots that ended; while they lived, these were not final.
    if (due.some(({ dead, ignored }) => dead && !ignored)) {
      this.#observer.refresh(recorder.counters())
      // Its end came after the last changes were taken: when and how it ended is in the slot since then.
      takeAll(recorder, () => this.takeChanges())
    }
    registry.take()
    const slices = timeSlices()
    for (const tracked of due) {
      await slices.pause()
      if (!tracked.ended) await this.#visit(tracked, denying.has(slotKey(tracked.slot)))
    }
    this.#due.finish()
  }

  /** Visits every slot, and sends it as it is now, blocked calls included. @param onlyNews sends what changed */
  async visitAll(onlyNews = false): Promise<void> {
    const { recorder, registry } = this.#options
    registry.take()
    takeAll(recorder, () => this.takeChanges())
    this.#observer.refresh(recorder.counters())
    const slices = timeSlices()
    for (const tracked of [...this.#tracked.values()]) {
      await slices.pause()
      if (tracked.ended || tracked.ignored) continue
      if (!(await this.#naming.name(tracked, true)) || !isNamed(tracked)) continue
      if (!this.#naming.update(tracked)) continue
      if (tracked.superseded || !(await this.#isAlive(tracked))) {
        await this.#end(tracked)
        continue
      }
      const isNews = (await this.#readBlocked(tracked)) > 0
      if (!onlyNews || isNews || tracked.slot.distinct !== tracked.sent) this.#send(tracked, false)
      // A detached recorder does not report the end of a slot.
      tracked.checkAt = tracked.dueAt = performance.now()
      this.#due.rescan()
    }
  }

  /** Observations of every slot that has not ended, with counts as of now. @param only limits them to some containers */
  current(only: (container: Container) => boolean = () => true): Observation[] {
    const { recorder } = this.#options
    takeAll(recorder, () => this.takeChanges())
    this.#observer.refresh(recorder.counters())
    return [...this.#tracked.values()].flatMap((tracked) =>
      tracked.ended || (tracked.container !== undefined && !only(tracked.container))
        ? []
        : (this.#observe(tracked, false) ?? [])
    )
  }

  async #checkAlive(due: readonly TrackedSlot[], at: number): Promise<void> {
    const slices = timeSlices()
    for (const tracked of due) {
      if (tracked.checkAt > at) continue
      await slices.pause()
      // Most are decided at once: a promise for each would be most of the work.
      const isAlive =
        !tracked.superseded &&
        (isSlotAliveNow(tracked.slot, tracked) ?? (await this.#isAlive(tracked)))
      tracked.dead = !isAlive
      const now = performance.now()
      const { attached } = this.#options.recorder
      tracked.checkAt = now + aliveMs(now - tracked.firstSeenAt, attached)
      // A process that was just ending may still have been there.
      if (tracked.slot.exits > 0 && isAlive) {
        tracked.checkAt = Math.min(tracked.checkAt, now + recheckMs)
      }
    }
  }

  async #visit(tracked: TrackedSlot, hasDenials: boolean): Promise<void> {
    try {
      if (tracked.dead) await this.#end(tracked)
      else await this.#update(tracked, hasDenials)
      this.#due.reschedule(tracked, this.#dueAt(tracked))
    } catch (error) {
      const { mntns } = tracked.slot
      this.#options.logger.error({ err: error, mntns }, 'container could not be read; trying again')
      this.#due.reschedule(tracked, performance.now() + retryMs)
    }
  }

  /** Sends a live slot if something of it changed, and scans for blocked calls if that is due. */
  async #update(tracked: TrackedSlot, hasDenials: boolean): Promise<void> {
    const at = performance.now()
    if (!(await this.#naming.name(tracked, false)) || !isNamed(tracked)) return
    if (!this.#naming.update(tracked)) return
    this.#observer.follow(wholeSlot(tracked), tracked.container)
    if (tracked.sent < 0 && !hasDenials && at - tracked.firstSeenAt < reportAfterMs) return
    const changed =
      tracked.slot.distinct !== tracked.sent || this.#observer.isReadyByAge(tracked.slot)
    if (!changed && at < tracked.settleAt) {
      if (hasDenials) this.#send(tracked, false)
      return
    }
    const blocked = await this.#readBlocked(tracked)
    const moved = this.#observer.updatePhases(tracked)
    if (changed || hasDenials || moved || blocked > 0) this.#send(tracked, false)
    tracked.settleStep = changed ? 0 : tracked.settleStep + 1
    tracked.settleAt = at + settleMs(tracked.settleStep)
  }

  /** Sends the last observation of a slot that has ended. */
  async #end(tracked: TrackedSlot): Promise<void> {
    await this.#naming.name(tracked, true)
    if (isNamed(tracked) && this.#naming.update(tracked)) this.#observer.add(wholeSlot(tracked))
    if (!tracked.ignored) this.#send(tracked, true)
    tracked.ended = true
    await this.#ended.add(tracked)
  }

  /** When the slot has to be visited if nothing happens before. */
  #dueAt(tracked: TrackedSlot): number {
    if (tracked.ignored) return tracked.checkAt
    const now = performance.now()
    if (!isNamed(tracked)) return Math.min(tracked.checkAt, now + askEveryMs)
    const readyAt = now + this.#observer.readyInMs(tracked.slot)
    return Math.min(tracked.checkAt, tracked.settleAt, readyAt)
  }

  #send(tracked: TrackedSlot, ended: boolean): void {
    if (!ended && isNamed(tracked) && isWaiting(tracked)) return
    tracked.sequence += 1
    const observation = this.#observe(tracked, ended)
    tracked.sent = tracked.slot.distinct
    if (observation !== undefined) this.#options.onObservation(observation)
  }

  #observe(tracked: TrackedSlot, ended: boolean): Observation | undefined {
    return isNamed(tracked) ? this.#observer.observe(withExactness(tracked), ended) : undefined
  }

  /** Adds the calls that are blocked now in the slot's own part; must run before the counts are read. */
  async #readBlocked(named: NamedSlot): Promise<number> {
    const all = await pidsOfSlot(named.slot, named, () => this.#knownFolder(named))
    const pids = await this.#observer.ownPids(named.slot, named.container, all)
    named.blocked ??= noBlockedCalls()
    return addBlockedCalls(named.blocked, pids, named.slot)
  }

  #isAlive(tracked: TrackedSlot): Promise<boolean> {
    return isSlotAlive(tracked.slot, tracked, () => this.#knownFolder(tracked))
  }

  #knownFolder({ container, slot }: TrackedSlot): string | undefined {
    return cgroupFolderIn(container ?? this.#options.registry.find(slot), slot)
  }

  #forget(tracked: TrackedSlot | undefined): void {
    if (tracked === undefined) return
    this.#observer.forget(tracked.slot)
    this.#tracked.delete(slotKey(tracked.slot))
  }
}
