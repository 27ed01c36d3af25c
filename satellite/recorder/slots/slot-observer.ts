import type { Recorder, RecorderCounters, Slot, SlotCounts } from '../../../native/types.js'
import type {
  AbiCounts,
  AbiNames,
  Condition,
  Observation,
  RefusedCalls,
  SyscallCount
} from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import type { AuditedCalls } from '../../denials/audited-calls.js'
import type { BlockedCalls } from './blocked.js'
import type { Container } from '../../containers/runtime.js'
import { createDenialWatch } from '../../denials/denial-watch.js'
import {
  containerRef,
  namedCounts,
  observationId,
  revisionOf,
  toObservation
} from './observation.js'
import { createPhases, type Phases, readyAfterMs } from './phases.js'
import { pidsOfPart } from './slot-parts.js'
import { keyOf } from './tracked.js'
import { unprovenNames } from './unproven.js'

/** What the recorder loop knows of a slot that has a name. */
export interface Named {
  slot: Slot
  container: Container
  blocked: BlockedCalls | undefined
  sequence: number
  inexact: boolean
  /** `lost()` before the slot was met. */
  lostBefore: number
}

/** Makes observations of slots, and says when one is due although no new syscall was counted. */
export interface SlotObserver {
  /**
   * Reads what the kernel side noted of denials since; nothing where that is nothing. `counters`: and takes what it lost so
   * far; before slots are observed.
   */
  refresh(counters?: RecorderCounters): void
  /** To be told of a slot as soon as its container is known. */
  follow(slot: Slot, container: Container): void
  /** The same of one that is over: nothing of it changes any more. */
  meet(slot: Slot): void
  /** Slots whose refused calls grew since this was asked last: `index.generation`. */
  more(): string[]
  /** The next `more` gives every slot with refused calls. */
  fromBeginning(): void
  /** Slots whose refused calls grew, and it is time to say so: `index.generation`. Each is said once. */
  grown(nowMs: number): string[]
  /** What was refused in a slot, cumulative. */
  refused(one: Named): RefusedCalls | undefined
  /** It is time to look whether a slot that waits for nothing is ready by age. */
  isReadyByAge(slot: Slot): boolean
  /** Milliseconds until that; Infinity for what is ready, or never is. */
  readyInMs(slot: Slot): number
  /** Its processes that belong to the slot's part, for blocked calls. */
  ownPids(slot: Slot, container: Container, pids: readonly number[]): Promise<number[]>
  /** True when it became ready, or a syscall served for the first time. */
  moved(one: Named): boolean
  observe(one: Named, ended: boolean): Observation | undefined
  /** What found no room in the whole recorder, as of the last `refresh`. */
  lost(): number
  forget(slot: Slot): void
  conditions(): Condition[]
}

export interface SlotObserverOptions {
  recorder: Recorder
  /** node/boot of this machine. */
  prefix: string
  machine: Abi
  logger: Logger
  held: () => ReadonlySet<string>
  timeOf: (monotonic: bigint) => string
  audited?: AuditedCalls
}

interface State {
  phases: Phases | undefined
  /** The same for all parts of one container. */
  container: string
}

interface Looked {
  counts: SlotCounts
  abis: AbiCounts[]
}

const hasBlocked = (blocked: BlockedCalls | undefined): boolean =>
  blocked !== undefined && blocked.native.size + blocked.compat.size + blocked.x32.size > 0
const containerKey = (slot: Slot): string => `${slot.mntns}.${slot.cgroupId}`

export function createSlotObserver(options: SlotObserverOptions): SlotObserver {
  const { recorder, machine, timeOf, audited } = options
  const states = new Map<string, State>()
  /** Containers by their slots: a probe that was seen stays true when its slot ends first. */
  const containers = new Map<string, { slots: number; probed: boolean }>()
  const watch = createDenialWatch(options)
  const ageMs = (slot: Slot): number =>
    Number((process.hrtime.bigint() - slot.firstSeen) / 1_000_000n)
  const lostOf = (counters: RecorderCounters): number =>
    counters.recursionMisses + counters.detailsLost
  let lostNow = lostOf(recorder.counters())

  function stateOf(slot: Slot): State {
    const key = keyOf(slot)
    const known = states.get(key)
    if (known !== undefined) return known
    // Met late (an adopted one, a restart of the satellite): what it used to get ready is not known.
    const fromStart = slot.complete && ageMs(slot) < readyAfterMs
    const timeAt = (age: number) => timeOf(slot.firstSeen + BigInt(Math.round(age)) * 1_000_000n)
    const phases = slot.part === 'entry' ? createPhases(fromStart, timeAt) : undefined
    const made = { phases, container: containerKey(slot) }
    states.set(key, made)
    const whole = containers.get(made.container) ?? { slots: 0, probed: false }
    whole.slots += 1
    whole.probed ||= slot.part === 'probe'
    containers.set(made.container, whole)
    return made
  }

  /** Counts and names as of now, and the phases taken up to them. */
  function look(one: Named): { looked: Looked | undefined; moved: boolean } {
    const { phases } = stateOf(one.slot)
    const counts = recorder.read(one.slot.index, one.slot.generation)
    if (counts === undefined) return { looked: undefined, moved: false }
    const abis = namedCounts(counts, one.blocked, machine)
    const exact = hasBlocked(one.blocked) ? namedCounts(counts, undefined, machine) : abis
    return {
      looked: { counts, abis },
      moved: phases?.look(exact, abis, ageMs(one.slot)) ?? false
    }
  }

  /** After the counts were read: no call is in them that the kernel side has not noted before. */
  function unproven({ slot, container }: Named, abis: AbiCounts[], lost: number): AbiNames[] {
    if (!slot.filtered || watch.knows(container)) return []
    // Where notes found no room, nothing proves anything.
    if (lost > 0) {
      return abis.map(({ abi, syscalls }) => ({ abi, names: syscalls.map(({ name }) => name) }))
    }
    return unprovenNames(abis, recorder.denials(slot), machine)
  }

  /** The kernel side notes who asks before it counts: of whom nothing is known here yet, it is noted meanwhile. */
  function denied(slot: Slot, abis: readonly AbiCounts[], container: Container): SyscallCount[] {
    const known = watch.denied(slot, abis, container)
    if (known.every(({ detail }) => (detail?.pid ?? 0) > 0)) return known
    watch.refresh()
    return watch.denied(slot, abis, container)
  }

  function meet(slot: Slot): void {
    stateOf(slot)
    audited?.meet(slot, [slot.pid])
  }

  return {
    refresh(counters) {
      if (counters !== undefined) lostNow = lostOf(counters)
      watch.refresh()
    },
    follow(slot, container) {
      meet(slot)
      watch.follow(slot, container)
    },
    meet,
    more: () => watch.more(),
    fromBeginning: () => watch.fromBeginning(),
    grown: (nowMs) => watch.grown(nowMs),
    refused({ slot, container, blocked }) {
      const counts = recorder.read(slot.index, slot.generation)
      if (counts === undefined) return undefined
      return {
        instance: observationId(options.prefix, slot),
        container: containerRef(container),
        revision: revisionOf(container.seccomp, options.held()),
        denied: denied(slot, namedCounts(counts, blocked, machine), container)
      }
    },
    isReadyByAge: (slot) => stateOf(slot).phases?.ready === false && ageMs(slot) >= readyAfterMs,
    readyInMs: (slot) =>
      stateOf(slot).phases?.ready === false ? Math.max(0, readyAfterMs - ageMs(slot)) : Infinity,
    async ownPids(slot, container, pids) {
      const entry = container.pid > 0 ? container.pid : slot.part === 'entry' ? slot.pid : 0
      const own = await pidsOfPart(pids, slot.part, entry)
      audited?.meet(slot, own)
      return own
    },
    moved: (one) => look(one).moved,
    observe(one, ended) {
      const { slot, container, sequence, inexact } = one
      const { looked } = look(one)
      if (looked === undefined) return undefined
      const { counts, abis } = looked
      const { phases, container: key } = stateOf(slot)
      const lost = Math.max(0, lostNow - one.lostBefore)
      return toObservation({
        prefix: options.prefix,
        sequence,
        slot,
        abis,
        container,
        machine,
        ended,
        held: options.held(),
        timeOf,
        phases,
        arguments: recorder.readArguments(slot.index, slot.generation),
        denied: (abis) => denied(slot, abis, container),
        unproven: unproven(one, abis, lost),
        // Said of what was told to be complete before, too: that is never taken back, a loss counts all the same.
        lost: Math.max(counts.unknown + lost, inexact ? 1 : 0),
        probed: slot.part !== 'session' && containers.get(key)?.probed === true
      })
    },
    lost: () => lostNow,
    forget(slot) {
      const state = states.get(keyOf(slot))
      watch.forget(slot)
      states.delete(keyOf(slot))
      const whole = state === undefined ? undefined : containers.get(state.container)
      if (state === undefined || whole === undefined) return
      whole.slots -= 1
      if (whole.slots === 0) containers.delete(state.container)
    },
    conditions: () => watch.conditions()
  }
}
