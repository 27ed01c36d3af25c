import type { Arguments, Slot, SlotCounts } from '../native/types.js'
import type {
  AbiCounts,
  AbiNames,
  ContainerRef,
  Observation,
  SyscallCount
} from '../src/api/gen/hub.js'
import { annotations } from '../src/api/names.js'
import type { LinuxSeccomp } from '../src/api/seccomp-profile.js'
import type { Abi } from '../src/seccomp/abi.js'
import { syscallName } from '../src/seccomp/syscall-table.js'
import { abiClasses, abiOf } from './abi-of.js'
import type { BlockedCalls } from './blocked.js'
import type { Container } from './containers/runtime.js'
import { eventsOf, type Phases } from './phases.js'
import { digestOfSeccomp } from './seccomp-digest.js'
import { namedArguments } from './slot-arguments.js'

const byName = (left: SyscallCount, right: SyscallCount): number =>
  left.name < right.name ? -1 : 1

/**
 * Names and exact counts per ABI, sorted by name. A call that was seen blocked and has not been
 * counted yet was made once. Calls outside the table appear as `syscall_unknown`.
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
    const syscalls: SyscallCount[] = []
    const add = (name: string, count: number) =>
      syscalls.push({ name, count, action: '', detail: undefined })
    // forEach: iterators make an object for each, and most containers have counts of one ABI, and nothing blocked.
    counted.forEach((count, number) => add(syscallName(abi, number), count))
    blocked?.[kind].forEach((number) => {
      if (!counted.has(number)) add(syscallName(abi, number), 1)
    })
    if (kind === 'native' && counts.unknown > 0) add('syscall_unknown', counts.unknown)
    if (syscalls.length === 0) continue
    syscalls.sort(byName)
    result.push({ abi, syscalls })
  }
  return result
}

/** The runtime copies a revision's JSON into the container's configuration: same value, same digest. */
export function revisionOf(seccomp: LinuxSeccomp | undefined, held: ReadonlySet<string>): string {
  const digest = seccomp === undefined ? '' : digestOfSeccomp(seccomp)
  return held.has(digest) ? digest : ''
}

export function containerRef(container: Container): ContainerRef {
  return {
    id: container.id,
    runtime: container.runtime,
    name: container.name,
    image: container.image ?? '',
    podNamespace: container.pod?.namespace ?? '',
    podName: container.pod?.name ?? '',
    podUid: container.pod?.uid ?? '',
    labels: container.labels,
    profile: container.labels[annotations.profile] ?? ''
  }
}

export interface ObservationInput {
  /** node/boot of this machine. */
  prefix: string
  sequence: number
  slot: Slot
  /** Counted and blocked, by name. */
  abis: AbiCounts[]
  container: Container
  machine: Abi
  ended: boolean
  held: ReadonlySet<string>
  /** Turns CLOCK_MONOTONIC nanoseconds into RFC 3339. */
  timeOf: (monotonic: bigint) => string
  /** Of the entry point alone; taken up to now. */
  phases: Phases | undefined
  arguments: Arguments | undefined
  denied: (abis: readonly AbiCounts[]) => SyscallCount[]
  /** Of a container whose filter is not known. */
  unproven: AbiNames[]
  /** What found no room since this slot was met, and what no table knows. */
  lost: number
  /** A probe was seen in the same container. */
  probed: boolean
}

/** Parts of a container are observed apart: each has an id of its own. */
export function observationId(prefix: string, slot: Slot): string {
  const own = `${prefix}/${slot.mntns}.${slot.cgroupId}.${slot.generation}`
  return slot.part === 'entry' ? own : `${own}.${slot.part}`
}

/** The message for one slot as it stands. */
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
    part: slot.part,
    arguments: input.arguments === undefined ? [] : namedArguments(input.arguments, input.machine),
    startup: input.phases?.startup() ?? [],
    serving,
    readyAt: input.phases?.readyAt() ?? '',
    lost: input.lost,
    events: eventsOf({
      complete: slot.complete && slot.part === 'entry',
      serves: serving.length > 0,
      ended,
      probed: input.probed
    })
  }
}
