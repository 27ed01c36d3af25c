/**
 * The recorder's typed face. It imports nothing: numbers go out, names are given by src/seccomp.
 * All times are nanoseconds of CLOCK_MONOTONIC as bpf_ktime_get_ns() gives them.
 */

/** Which numbering a call used: TS_COMPAT calls are `compat`, numbers with bit 30 are `x32`. */
export type AbiClass = 'native' | 'compat' | 'x32'

/**
 * Which processes of a container a slot is about: the entry point's tree, an exec without a terminal
 * (a probe, a health check, a script), an exec on a terminal (somebody's session).
 */
export type SlotPart = 'entry' | 'probe' | 'session'

export interface RecorderOptions {
  /** Slots that can be held at once; a container takes one for each of its parts that was seen. */
  slots?: number | undefined
  /**
   * Folder on a bpf file system where maps and links are pinned, so that recording goes on while
   * nobody reads. What an earlier process left there in the same layout is adopted; another layout's (of
   * another release, hook or number of slots) is counted and removed by `leftovers()`.
   */
  pin?: string | undefined
  /** 'auto' takes tp_btf where it loads, else raw_tp. */
  hook?: 'auto' | 'tp_btf' | 'raw_tp'
  /** BTF file of the running kernel, used where /sys/kernel/btf/vmlinux is missing. */
  btf?: string | undefined
  /**
   * Rows of counters that a slot has at most. Fewer than CPUs share them by atomic additions, as large
   * tables do on machines with many CPUs. Default: what sizes.h gives.
   */
  stripes?: number
}

export interface RecorderCounters {
  /** Containers that found no free slot. */
  tableFull: number
  /** Calls whose number is outside the table (also visible per slot). */
  unknownSyscalls: number
  /** Runs that the kernel skipped because the program was already running on that CPU. */
  recursionMisses: number
  /** Argument values, denial details and rarer ABIs' rows that found no room. */
  detailsLost: number
  /** Calls told apart by their arguments that found no room: no count and no set lacks anything by that. */
  argumentsLost: number
}

/** One container instance that the kernel side met. */
export interface Slot {
  index: number
  /** Grows each time the slot is reused; (index, generation) is unique while the recorder lives. */
  generation: number
  /** Inode number of the mount namespace. */
  mntns: number
  /** cgroup id in the unified hierarchy (kernfs node id); 1n where only cgroup v1 exists. */
  cgroupId: bigint
  /** Of that mount namespace, and of no other one ever; a younger one's is greater. 0n: not known. */
  nsId: bigint
  /** Name of that cgroup and of its parent: a container's id is usually in one of the two. */
  cgroupName: string
  cgroupParent: string
  /** Thread group id (host pid namespace) and comm of the task that was met first. */
  pid: number
  comm: string
  firstSeen: bigint
  lastSeen: bigint
  /** Its tasks run under a seccomp filter; else counting began at an execve. */
  filtered: boolean
  /** Counting began at the first instruction that matters (boundary call or execve seen). */
  complete: boolean
  /** Nobody's workload, as `ignore()` was told: nothing is counted. */
  ignored: boolean
  /** Changes whenever a syscall, or an unknown number, is counted here for the first time. Cheap to poll. */
  distinct: number
  part: SlotPart
  /** Moves when a process of the container ends: the time to look whether any is left. */
  exits: number
  /** Calls of 32-bit programs were counted. */
  hasCompat: boolean
}

/** A value that one argument of one call had in a container, masked as src/seccomp/arguments/learned-arguments.ts says. */
export interface ArgumentValue {
  abi: AbiClass
  nr: number
  /** Which argument, from 0. */
  index: number
  value: bigint
}

export interface Arguments {
  values: ArgumentValue[]
  /** Calls (abi, nr) that had more distinct values than are kept. */
  many: { abi: AbiClass; nr: number }[]
}

/** Numbers of a profile whose arguments decide what becomes of a call. */
export interface Deciding {
  /** Bit n of `asked`: the rules ask for argument n. */
  calls: readonly { abi: AbiClass; nr: number; asked: number }[]
  /** They are told of although they were let through (LOG); else those alone that may have been refused. */
  anyResult: boolean
}

/**
 * How a refused call ended, for one number of one slot since watchDenials(). With `arguments` it may have been
 * let through as well: the rules tell, and these are the ones that were asked for.
 */
export interface DenialDetail {
  index: number
  generation: number
  abi: AbiClass
  nr: number
  arguments?: readonly (bigint | undefined)[]
  count: number
  /** The newest return value: -errno for ERRNO; the number itself for KILL and TRAP. */
  result: number
  /** Times it came back with success, which no filter that refuses it can give. */
  succeeded: number
  /** The newest caller: thread group id (host) and comm. */
  pid: number
  comm: string
  at: bigint
}

/** Number → calls; what a map has of that. */
export type CountTable = Pick<ReadonlyMap<number, number>, 'size' | 'get' | 'has'> & {
  forEach(each: (count: number, number: number) => void): void
}

/** Exact counts of numbers that were called at least once. */
export interface SlotCounts {
  native: CountTable
  compat: CountTable
  x32: CountTable
  /**
   * Calls with a number outside the table, and those of the rarer ABIs that found no room for their
   * counts (their numbers are there with a count of 1).
   */
  unknown: number
}

/** Which numbers every slot has used, without names and counts: cheap enough to read all of a node at once. */
export interface SeenSets {
  /** A slot's index in the lower half and its generation in the upper half, then its words; slot after slot. */
  words: BigUint64Array
  /** Words of one slot, the first one included. */
  stride: number
  /** The bit, from the second word on, with which each ABI begins. */
  first: Record<AbiClass, number>
}

export interface SelfTest {
  expected: number
  counted: number
  ok: boolean
}

/** Owns the kernel maps and links. `stop()` detaches and frees; calling it twice is safe. */
/** Pins of another layout, removed. */
export interface Leftover {
  layout: string
  /** Containers that were recorded in it: what it knew of them is gone. */
  missed: number
  /** Why they could not be counted, then nobody knows how many they were; empty when they could. */
  problem: string
}

/** Whether recording survives this process. */
export interface Pinning {
  /** Folder that holds the pins; undefined while nothing is pinned. */
  folder?: string
  /** One sentence when it was asked for and does not work; recording goes on without it. */
  problem?: string
  /** What an earlier process pinned goes on: its slots, its counts, its hooks. */
  adopted: boolean
}

export interface Recorder {
  readonly pinning: Pinning
  /**
   * Counts the containers that other layouts in the pin folder hold and removes those pins. Call it after
   * `attach()`: until then the other layout's programs record.
   */
  leftovers(): Leftover[]
  readonly hook: 'tp_btf' | 'raw_tp'
  attach(): void
  detach(): void
  readonly attached: boolean
  counters(): RecorderCounters
  /** All occupied slots. */
  slots(): Slot[]
  /**
   * Slots that are new or changed since they were given last, at most so many (`more`: there are others),
   * and those that were given and are gone. Costs next to nothing while nothing changes.
   */
  changes(most: number): {
    slots: Slot[]
    gone: { index: number; generation: number }[]
    more: boolean
  }
  /** The sets of all occupied slots; `words` are written again by the next call. */
  seen(): SeenSets
  /** undefined when the slot has another generation now. */
  read(index: number, generation: number): SlotCounts | undefined
  /**
   * Registers a container that already runs (so `complete` is false), whether it has a filter or not.
   * Returns its slot; the existing one when it is known already. undefined: table full.
   */
  adopt(mntns: number, cgroupId: bigint, pid: number): Slot | undefined
  /** Frees a slot after it was drained. False when the generation is another one. */
  release(index: number, generation: number): boolean
  /** Stops counting for a mount namespace that is no container; the slot stays taken, silent. */
  ignore(index: number, generation: number): boolean
  /** Argument values seen in a slot; undefined when the slot has another generation now. */
  readArguments(index: number, generation: number): Arguments | undefined
  /**
   * Notes how calls with these numbers end in this slot (those that its profile refuses by number, and
   * with their arguments those where they decide, as far as the hook can read them: tp_btf).
   * Counting does not depend on it. False when the generation is another one.
   */
  watchDenials(
    index: number,
    generation: number,
    refused: Record<AbiClass, number[]>,
    deciding?: Deciding
  ): boolean
  /** Details of everything watched, newest state; `of`: of that slot alone. */
  denials(of?: Pick<Slot, 'index' | 'generation'>): DenialDetail[]
  /** Those of all slots that are new, or were counted again, since this was asked last. */
  newDenials(): DenialDetail[]
  /** Moves with whatever `denials` tells of a slot that is in use: unmoved, it would tell the same. */
  noted(): number
  /**
   * Calls back when a call was noted that a watched slot's profile refuses, at most once in so many milliseconds,
   * until `stop`; the newest caller alone.
   * @throws Error when the recorder was stopped, or no thread can be started (pthread_create(3), `errno` is set).
   */
  notifyDenials(intervalMs: number, noted: () => void): void
  /**
   * To be called before a child of this process makes calls that are to be counted: where it has no mount namespace
   * of its own, it gets a slot of its own in this process' container, which is ignored else. That slot says it is, too.
   * @throws Error where it could not be told from the machine's own processes, or there is no room.
   */
  admit(child: { pid: number; mntns: number }): void
  /** A filtered child makes a known number of marker calls; the count must be that number. */
  selfTest(): Promise<SelfTest>
  /** Detaches and frees. `keep`: what is pinned goes on recording for the next process. */
  stop(options?: { keep?: boolean }): void
}
