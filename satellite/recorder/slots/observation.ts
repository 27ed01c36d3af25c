import type { Arguments, CountTable, Slot, SlotCounts } from '../../../native/types.js'
import type { AbiCounts, AbiNames, Observation, SyscallCount } from '../../../src/api/gen/hub.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { nameOrder, syscallName } from '../../../src/syscalls/syscall-table.js'
import { abiClasses, abiOf } from '../../lib/abi-of.js'
import type { BlockedCalls } from './blocked-calls.js'
import type { Container } from '../../containers/runtime.js'
import { endingOf, eventsOf, type Phases } from './phases.js'
import { containerRef } from '../../containers/container-ref.js'
import { revisionOf } from '../../containers/seccomp-digest.js'
import { namedArguments } from './slot-arguments.js'

const byName = (left: SyscallCount, right: SyscallCount): number =>
  left.name < right.name ? -1 : 1
const called = (name: string, count: number): SyscallCount => ({
  name,
  count,
  action: '',
  detail: undefined
})

/** Size of two buffers that are reused for each container; no kernel has so many calls. */
const mostNames = 1024
const ranks = new Int16Array(mostNames)
const countAt = new Float64Array(mostNames)

/**
 * Returns counts sorted by name, without comparing names: that would be most of the work for each container that
 * ends. Returns undefined if a number has no name.
 */
function sortedCounts(counted: CountTable, abi: Abi): SyscallCount[] | undefined {
  const { names, rankOf } = nameOrder(abi)
  if (counted.size > mostNames || names.length > mostNames) return undefined
  let found = 0
  let unnamed = 0
  counted.forEach((count, number) => {
    const rank = rankOf[number] ?? -1
    if (rank < 0) {
      unnamed += 1
      return
    }
    ranks[found++] = rank
    countAt[rank] = count
  })
  if (unnamed > 0) return undefined
  ranks.subarray(0, found).sort()
  const sorted: SyscallCount[] = []
  for (let nth = 0; nth < found; nth += 1) {
    const rank = ranks[nth] ?? 0
    sorted.push(called(names[rank] ?? '', countAt[rank] ?? 0))
  }
  return sorted
}

/**
 * Returns names and exact counts per ABI, sorted by name. A call that was seen blocked and is not counted yet was
 * made once. Calls outside the table appear as `syscall_unknown`.
 */
export function namedCounts(
  counts: SlotCounts,
  blocked: BlockedCalls | undefined,
  machine: Abi
): AbiCounts[] {
  const result: AbiCounts[] = []
  for (const kind of abiClasses) {
    const abi = abiOf(kind, machine)
    const counted = counts[kind]
    const unknown = kind === 'native' ? counts.unknown : 0
    const waiting = blocked?.[kind].size ?? 0
    // Most containers have counts of one ABI and no blocked calls.
    if (counted.size + unknown + waiting === 0) continue
    let syscalls = unknown + waiting > 0 ? undefined : sortedCounts(counted, abi)
    if (syscalls === undefined) {
      const all: SyscallCount[] = []
      counted.forEach((count, number) => all.push(called(syscallName(abi, number), count)))
      blocked?.[kind].forEach((number) => {
        if (!counted.has(number)) all.push(called(syscallName(abi, number), 1))
      })
      if (unknown > 0) all.push(called('syscall_unknown', unknown))
      syscalls = all.sort(byName)
    }
    result.push({ abi, syscalls })
  }
  return result
}

interface ObservationInput {
  /** node/boot of this machine. */
  prefix: string
  sequence: number
  slot: Slot
  /** Counted and blocked, by name. */
  abis: AbiCounts[]
  container: Container
  machine: Abi
  ended: boolean
  /** Before this time ends of processes may have been missed. */
  blindUntil: bigint
  held: ReadonlySet<string>
  /** Turns CLOCK_MONOTONIC nanoseconds into RFC 3339. */
  timeOf: (monotonic: bigint) => string
  /** Only for the entry point; up to date. */
  phases: Phases | undefined
  arguments: Arguments | undefined
  denied: (abis: readonly AbiCounts[]) => SyscallCount[]
  /** Calls that may have been denied, for a container with an unknown filter. */
  unproven: AbiNames[]
  /** Calls that found no room since the slot was first seen, or are in no table; at least 1 if counting was not exact. */
  lost: number
  /** A probe was seen in the same container. */
  probed: boolean
}

/** The id of a slot's observation; each part of a container has its own. */
export function observationId(prefix: string, slot: Slot): string {
  const place = `${prefix}/${slot.mntns}.${slot.cgroupId}.${slot.generation}`
  // Without its own cgroup, the next container may have the same three numbers, but not the same first process.
  const own = slot.cgroupId > 1n ? place : `${place}.${slot.pid}`
  return slot.part === 'entry' ? own : `${own}.${slot.part}`
}

/** Builds the message for one slot. */
export function toObservation(input: ObservationInput): Observation {
  const { slot, container, ended, abis } = input
  const serving = input.phases?.serving() ?? []
  return {
    id: observationId(input.prefix, slot),
    sequence: input.sequence,
    container: containerRef(container),
    complete: slot.complete,
    ended,
    filtered: slot.filtered,
    abis,
    denied: input.denied(abis),
    unproven: input.unproven,
    revision: revisionOf(container.seccomp, input.held),
    firstSeen: input.timeOf(slot.firstSeen),
    lastSeen: input.timeOf(slot.lastSeen),
    ...(ended && slot.lastExit > input.blindUntil ? { endedAt: input.timeOf(slot.lastExit) } : {}),
    part: slot.part,
    arguments: input.arguments === undefined ? [] : namedArguments(input.arguments, input.machine),
    startup: input.phases?.startup() ?? [],
    serving,
    readyAt: input.phases?.readyAt() ?? '',
    lost: input.lost,
    events: eventsOf({
      complete: slot.complete && slot.part === 'entry',
      serves: input.phases?.served === true,
      ending: ended && slot.part === 'entry' ? endingOf(slot, container) : undefined,
      probed: input.probed
    })
  }
}
