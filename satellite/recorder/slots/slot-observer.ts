import type { Recorder, RecorderCounters, Slot, SlotCounts } from '../../../native/types.js'
import type {
  AbiCounts,
  AbiNames,
  Condition,
  Observation,
  DeniedCalls,
  SyscallCount
} from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { containerRef } from '../../containers/container-ref.js'
import type { Container } from '../../containers/runtime.js'
import { revisionOf } from '../../containers/seccomp-digest.js'
import type { AuditedCalls } from '../../denials/audited-calls.js'
import { DenialWatch } from '../../denials/denial-watch.js'
import { slotKey } from '../../lib/slot-key.js'
import type { BlockedCalls } from './blocked-calls.js'
import { namedCounts, observationId, toObservation } from './observation.js'
import { readyAfterMs, Phases } from './phases.js'
import { possibleDenials } from './possible-denials.js'
import { pidsOfPart } from './slot-parts.js'
import type { NamedSlot } from './tracked-slot.js'

/** What an observation is made from. */
type ObservedSlot = Pick<
  NamedSlot,
  'slot' | 'container' | 'blocked' | 'sequence' | 'inexact' | 'lostBefore'
>

export interface SlotObserverOptions {
  recorder: Recorder
  /** node/boot of this machine. */
  prefix: string
  machine: Abi
  logger: Logger
  /** Digests of the revisions on this node. */
  held: () => ReadonlySet<string>
  timeOf: (monotonic: bigint) => string
  /** Before this time of CLOCK_MONOTONIC ends of processes may have been missed: the recorder was detached. */
  blindUntil?: () => bigint
  audited?: AuditedCalls | undefined
}

interface SlotState {
  phases: Phases | undefined
  /** Its program had not begun when `phases` was made: the phases are those of the program. */
  isOnlyCreated: boolean
  /** The same for all parts of one container. */
  container: string
}

interface Counted {
  counts: SlotCounts
  abis: AbiCounts[]
}

const hasBlocked = (blocked: BlockedCalls | undefined): boolean =>
  blocked !== undefined && blocked.native.size + blocked.compat.size + blocked.x32.size > 0

const containerKey = (slot: Slot): string => `${slot.mntns}.${slot.cgroupId}`

const ageMs = (slot: Slot): number =>
  Number((process.hrtime.bigint() - slot.firstSeen) / 1_000_000n)

const lostIn = (counters: RecorderCounters): number =>
  counters.recursionMisses + counters.detailsLost

/** SlotObserver makes observations of slots, and finds slots that need one although no new syscall was counted. */
export class SlotObserver {
  readonly #options: SlotObserverOptions
  readonly #denials: DenialWatch
  readonly #states = new Map<string, SlotState>()
  /** Containers of the slots: a probe that was seen counts even after its slot ended. */
  readonly #containers = new Map<string, { slots: number; probed: boolean }>()
  #lost: number

  constructor(options: SlotObserverOptions) {
    this.#options = options
    this.#denials = new DenialWatch(options)
    this.#lost = lostIn(options.recorder.counters())
  }

  /** What found no room in the whole recorder, as of the last `refresh` with counters. */
  get lost(): number {
    return this.#lost
  }

  /** Reads what the kernel side noted of denials; cheap if there is nothing new. Call it before slots are observed. */
  refresh(counters?: RecorderCounters): void {
    if (counters !== undefined) this.#lost = lostIn(counters)
    this.#denials.refresh()
  }

  /** Starts to watch a slot's denials; to be called as soon as its container is known. */
  follow(slot: Slot, container: Container): void {
    this.add(slot)
    this.#denials.follow(slot, container)
  }

  /** Adds a slot that has ended, whose denials do not change any more. */
  add(slot: Slot): void {
    this.#stateOf(slot)
    this.#options.audited?.addProcesses(slot, [slot.pid])
  }

  /** Keys of the slots with more denials than at the last call. */
  grown(): string[] {
    return this.#denials.grown()
  }

  /** Makes the next `grown` return every slot with denials. */
  restartDenials(): void {
    this.#denials.restart()
  }

  /** Keys of the slots with more denials than reported, if it is time to report them; each is returned once. */
  dueForReport(nowMs: number): string[] {
    return this.#denials.dueForReport(nowMs)
  }

  /** The denials of a slot, cumulative. */
  denialsOf({ slot, container, blocked }: ObservedSlot): DeniedCalls | undefined {
    const { recorder, prefix, machine, held } = this.#options
    const counts = recorder.read(slot.index, slot.generation)
    if (counts === undefined) return undefined
    return {
      instance: observationId(prefix, slot),
      container: containerRef(container),
      revision: revisionOf(container.seccomp, held()),
      denied: this.#denied(slot, namedCounts(counts, blocked, machine), container)
    }
  }

  /** True when a slot that never waited for work is old enough to count as ready. */
  isReadyByAge(slot: Slot): boolean {
    return this.#stateOf(slot).phases?.ready === false && ageMs(slot) >= readyAfterMs
  }

  /** Milliseconds until that; Infinity for a slot that is ready already, or has no phases. */
  readyInMs(slot: Slot): number {
    const isWaiting = this.#stateOf(slot).phases?.ready === false
    return isWaiting ? Math.max(0, readyAfterMs - ageMs(slot)) : Infinity
  }

  /** Those of `pids` that belong to the slot's part of the container, for blocked calls. */
  async ownPids(slot: Slot, container: Container, pids: readonly number[]): Promise<number[]> {
    const entry = container.pid > 0 ? container.pid : slot.part === 'entry' ? slot.pid : 0
    const own = await pidsOfPart(pids, slot.part, entry)
    this.#options.audited?.addProcesses(slot, own)
    return own
  }

  /** Updates the slot's phases. Returns true when it became ready, or used a syscall for the first time since. */
  updatePhases(observed: ObservedSlot): boolean {
    return this.#count(observed).moved
  }

  /** The observation of a slot; undefined if the recorder has no such slot any more. */
  observe(observed: ObservedSlot, ended: boolean): Observation | undefined {
    const { counted } = this.#count(observed)
    if (counted === undefined) return undefined
    const { slot, container, sequence, inexact } = observed
    const { recorder, prefix, machine, held, timeOf } = this.#options
    const { phases, container: key } = this.#stateOf(slot)
    const lost = Math.max(0, this.#lost - observed.lostBefore)
    return toObservation({
      prefix,
      sequence,
      slot,
      abis: counted.abis,
      container,
      machine,
      ended,
      blindUntil: recorder.attached ? (this.#options.blindUntil?.() ?? 0n) : slot.lastExit,
      held: held(),
      timeOf,
      phases,
      arguments: recorder.readArguments(slot.index, slot.generation),
      denied: (abis) => this.#denied(slot, abis, container),
      unproven: this.#unproven(observed, counted.abis, lost),
      // Also set if an earlier observation said `complete`: that is never taken back, so the loss has to show here.
      lost: Math.max(counted.counts.unknown + lost, inexact ? 1 : 0),
      probed: slot.part !== 'session' && this.#containers.get(key)?.probed === true
    })
  }

  /** Forgets a slot that the recorder freed. */
  forget(slot: Slot): void {
    const key = slotKey(slot)
    const state = this.#states.get(key)
    this.#denials.forget(slot)
    this.#states.delete(key)
    const whole = state === undefined ? undefined : this.#containers.get(state.container)
    if (state === undefined || whole === undefined) return
    whole.slots -= 1
    if (whole.slots === 0) this.#containers.delete(state.container)
  }

  conditions(): Condition[] {
    return this.#denials.conditions()
  }

  #stateOf(slot: Slot): SlotState {
    const key = slotKey(slot)
    const known = this.#states.get(key)
    if (known?.isOnlyCreated === true && !slot.isOnlyCreated) {
      known.isOnlyCreated = false
      known.phases = this.#phasesOf(slot)
    }
    if (known !== undefined) return known
    const { isOnlyCreated } = slot
    const state = { phases: this.#phasesOf(slot), isOnlyCreated, container: containerKey(slot) }
    this.#states.set(key, state)
    const whole = this.#containers.get(state.container) ?? { slots: 0, probed: false }
    whole.slots += 1
    whole.probed ||= slot.part === 'probe'
    this.#containers.set(state.container, whole)
    return state
  }

  #phasesOf(slot: Slot): Phases | undefined {
    if (slot.part !== 'entry') return undefined
    // The start-up of a slot that was seen late (adopted, or after a restart of the satellite) is not known.
    const fromStart = slot.complete && ageMs(slot) < readyAfterMs
    return new Phases(fromStart, (age) =>
      this.#options.timeOf(slot.firstSeen + BigInt(Math.round(age)) * 1_000_000n)
    )
  }

  /** Reads the counts and updates the phases with them. */
  #count({ slot, blocked }: ObservedSlot): { counted: Counted | undefined; moved: boolean } {
    const { recorder, machine } = this.#options
    const { phases } = this.#stateOf(slot)
    const counts = recorder.read(slot.index, slot.generation)
    if (counts === undefined) return { counted: undefined, moved: false }
    const abis = namedCounts(counts, blocked, machine)
    const exact = hasBlocked(blocked) ? namedCounts(counts, undefined, machine) : abis
    return {
      counted: { counts, abis },
      moved: phases?.update(exact, abis, ageMs(slot)) ?? false
    }
  }

  /** Must run after the counts were read: the kernel side notes a failed call before it counts it. */
  #unproven({ slot, container }: ObservedSlot, abis: AbiCounts[], lost: number): AbiNames[] {
    if (!slot.filtered || this.#denials.knowsFilter(container)) return []
    // If notes found no room, nothing is proven.
    if (lost > 0) {
      return abis.map(({ abi, syscalls }) => ({ abi, names: syscalls.map(({ name }) => name) }))
    }
    const { recorder, machine } = this.#options
    return possibleDenials(abis, recorder.denials(slot), machine)
  }

  /** If the process of a denial is not known here yet, the kernel side has noted it in the meantime: it notes before it counts. */
  #denied(slot: Slot, abis: readonly AbiCounts[], container: Container): SyscallCount[] {
    const known = this.#denials.denied(slot, abis, container)
    if (known.every(({ detail }) => (detail?.pid ?? 0) > 0)) return known
    this.#denials.refresh()
    return this.#denials.denied(slot, abis, container)
  }
}
