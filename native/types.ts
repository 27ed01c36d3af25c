/**
 * The recorder's types. This file imports nothing: syscalls are numbers here, src/seccomp gives them names.
 * All times are nanoseconds of CLOCK_MONOTONIC, as bpf_ktime_get_ns() gives them.
 */

/** The numbering that a call used: calls with TS_COMPAT are `compat`, numbers with bit 30 are `x32`. */
export type AbiClass = 'native' | 'compat' | 'x32'

/**
 * The processes of a container that a slot covers: the entry point's tree, execs without a terminal (probes, health
 * checks, scripts), or execs on a terminal (sessions of people).
 */
export type SlotPart = 'entry' | 'probe' | 'session'

export interface RecorderOptions {
  /** Slots that can be held at once; a container takes one for each of its parts that was seen. */
  slots?: number | undefined
  /**
   * Folder on a bpf file system where maps and links are pinned, so that recording goes on while no process reads.
   * What an earlier process left there in the same layout is adopted. What it left in another layout (of another
   * release, hook or number of slots) is counted and removed by `leftovers()`.
   */
  pin?: string | undefined
  /** 'auto' takes tp_btf if it loads, else raw_tp. */
  hook?: 'auto' | 'tp_btf' | 'raw_tp'
  /** BTF file of the running kernel, used if /sys/kernel/btf/vmlinux is missing. */
  btf?: string | undefined
  /**
   * Rows of counters that a slot has at most. CPUs share them by atomic additions if there are fewer rows than CPUs, as
   * in large tables on machines with many CPUs. Default: native/shared/sizes.h computes it.
   */
  stripes?: number
}

export interface RecorderCounters {
  /** Containers that found no free slot. */
  tableFull: number
  /** Calls whose number is outside the table; slots have them too. */
  unknownSyscalls: number
  /** Runs that the kernel skipped because the program was already running on that CPU. */
  recursionMisses: number
  /** Argument values, notes of denials and rows of rarer ABIs that found no room. */
  detailsLost: number
  /** Notes with arguments that found no room; counts and sets lack nothing by that. */
  argumentsLost: number
}

/** One container instance that the kernel side saw. */
export interface Slot {
  index: number
  /** Grows each time the slot is reused; (index, generation) is unique while the recorder lives. */
  generation: number
  /** Inode number of the mount namespace. */
  mntns: number
  /** cgroup id in the unified hierarchy (kernfs node id); 1n if only cgroup v1 exists. */
  cgroupId: bigint
  /** Mount namespace id. Never reused; later namespaces have greater ids. 0n if unknown. */
  nsId: bigint
  /** Names of that cgroup and of its parent: a container's id is usually in one of the two. */
  cgroupName: string
  cgroupParent: string
  /** Thread group id (host pid namespace) and comm of the task that was seen first. */
  pid: number
  comm: string
  firstSeen: bigint
  lastSeen: bigint
  /** When a process of the container ended last; 0n: none has. */
  lastExit: bigint
  /** Its tasks run under a seccomp filter; otherwise counting began at an execve. */
  filtered: boolean
  /** Counting began with the container's first own call: the end of the filter's installation, or an execve. */
  complete: boolean
  /**
   * The process `pid` had executed nothing when counting began, and then executed a program: if it is the container's first
   * process, all calls of the container's program were counted. `complete` may be false: the container was created before
   * the recorder was attached.
   */
  started: boolean
  /**
   * `complete`, and the process `pid` of the entry point has executed no program since: the container was created, its own
   * program has not begun, and all calls are the runtime's.
   */
  isOnlyCreated: boolean
  /** Nothing is counted, because of `ignore()`. */
  ignored: boolean
  /** Changes whenever a syscall, or an unknown number, is counted here for the first time. Cheap to poll. */
  distinct: number
  part: SlotPart
  /** Changes when a process of the container ends: a reader looks then whether any is left. */
  exits: number
  /** How the process `pid` ended: its status, as wait(2) has it. Undefined while it runs, or if nobody saw its end. */
  ending: number | undefined
  /** Calls of 32-bit programs were counted. */
  hasCompat: boolean
}

/** The changes of slots since the last call. */
export interface SlotChanges {
  slots: Slot[]
  /** Slots that were returned before and have no owner now. */
  gone: { index: number; generation: number }[]
  /** There are other changed slots. */
  more: boolean
}

/** A value that an argument of a call had in a container, masked as src/seccomp/arguments/learned-arguments.ts does. */
export interface ArgumentValue {
  abi: AbiClass
  nr: number
  /** Index of the argument, from 0. */
  index: number
  value: bigint
}

export interface Arguments {
  values: ArgumentValue[]
  /** Calls that had more distinct values than are kept. */
  many: { abi: AbiClass; nr: number }[]
}

/** Numbers of a profile whose arguments decide what happens to a call. */
export interface Deciding {
  /** Bit n of `asked`: the rules read argument n. */
  calls: readonly { abi: AbiClass; nr: number; asked: number }[]
  /** Calls are noted whatever their result (LOG); otherwise only those that may have been denied. */
  anyResult: boolean
}

/**
 * How denied calls with one number ended in one slot since watchDenials(). With `arguments` a filter may have allowed
 * them as well: the rules decide by the arguments.
 */
export interface DenialDetail {
  index: number
  generation: number
  abi: AbiClass
  nr: number
  /** The arguments that the rules read; undefined in the place of the others. */
  arguments?: readonly (bigint | undefined)[]
  count: number
  /** The newest return value: -errno for ERRNO, the number itself for KILL and TRAP. */
  result: number
  /** How often the call succeeded, which no filter that denies it can cause. */
  succeeded: number
  /** The newest caller: thread group id (host) and comm. */
  pid: number
  comm: string
  /** When the newest and the first call ended, by the monotonic clock (ns). */
  at: bigint
  firstAt: bigint
}

/** Number → calls, as far as it is read like a map. */
export type CountTable = Pick<ReadonlyMap<number, number>, 'size' | 'get' | 'has'> & {
  forEach(each: (count: number, number: number) => void): void
}

/** Exact counts of numbers that were called at least once. */
export interface SlotCounts {
  native: CountTable
  compat: CountTable
  x32: CountTable
  /**
   * Calls with a number outside the table, and calls of the rarer ABIs that found no room for their counts (their
   * numbers are in the tables with a count of 1).
   */
  unknown: number
}

/** The numbers that every slot has used, without names and counts: cheap enough to read a whole node at once. */
export interface SeenSets {
  /** For each slot: index in the lower half and generation in the upper half of one word, then its bitmaps. */
  words: BigUint64Array
  /** Words of one slot, the first one included. */
  stride: number
  /** The first bit of each ABI, counted from a slot's second word. */
  first: Record<AbiClass, number>
}

export interface SelfTest {
  expected: number
  counted: number
  ok: boolean
}

/** Pins of another layout that were removed. */
export interface Leftover {
  layout: string
  /** Containers that were recorded in it. What it had of them is lost. */
  missed: number
  /** Why the containers could not be counted; empty if they could. */
  problem: string
}

/** Whether recording survives this process. */
export interface Pinning {
  /** Folder that holds the pins; undefined while nothing is pinned. */
  folder?: string
  /** When the pins were made, in milliseconds since the epoch: what is counted in them began then, at zero. */
  since?: number
  /** One sentence if pins were asked for and do not work; recording goes on without them. */
  problem?: string
  /** What an earlier process pinned goes on: its slots, its counts, its hooks. */
  adopted: boolean
}

/** Owns the kernel maps and links. `stop()` detaches and frees; calling it twice is safe. */
export interface Recorder {
  readonly pinning: Pinning
  /**
   * Counts the containers that other layouts in the pin folder hold, and removes those pins. Call it after `attach()`:
   * until then the other layout's programs record.
   */
  leftovers(): Leftover[]
  readonly hook: 'tp_btf' | 'raw_tp'
  attach(): void
  detach(): void
  readonly attached: boolean
  counters(): RecorderCounters
  /** Returns all occupied slots. */
  slots(): Slot[]
  /** Returns at most so many slots that are new or changed since the last call. Costs little while nothing changes. */
  changes(atMost: number): SlotChanges
  /** Returns the sets of all occupied slots; the next call overwrites `words`. */
  seen(): SeenSets
  /** Returns undefined if the slot has another generation now. */
  read(index: number, generation: number): SlotCounts | undefined
  /**
   * Registers a container that already runs (so it is not `complete`), with or without a filter. Returns its slot, the
   * existing one if there is one; undefined if the table is full.
   */
  adopt(mntns: number, cgroupId: bigint, pid: number): Slot | undefined
  /** Frees a slot after it was read. Returns false if the slot has another generation. */
  release(index: number, generation: number): boolean
  /** Notes that a slot is of a container: what its processes start in other cgroups is recorded too. */
  name(index: number, generation: number): boolean
  /** Stops counting in a slot, which stays taken: its mount namespace is no container's. */
  ignore(index: number, generation: number): boolean
  /** Returns the argument values seen in a slot; undefined if the slot has another generation now. */
  readArguments(index: number, generation: number): Arguments | undefined
  /**
   * Makes the kernel side note how calls with these numbers end in a slot: numbers that the profile denies, and numbers
   * whose arguments decide, with these arguments if the hook can read them (tp_btf). Counting does not depend on it.
   * Returns false if the slot has another generation.
   */
  watchDenials(
    index: number,
    generation: number,
    denied: Record<AbiClass, number[]>,
    deciding?: Deciding
  ): boolean
  /** Returns all notes of denials, or those of one slot. */
  denials(of?: Pick<Slot, 'index' | 'generation'>): DenialDetail[]
  /** Returns the notes of all slots that are new or were counted again since the last call. */
  newDenials(): DenialDetail[]
  /** Changes with each change of what `denials` returns for slots in use. */
  noted(): number
  /**
   * Calls `noted`, at most once per interval and until `stop`, after a call was noted that the profile of a watched slot
   * denies. The newest caller replaces the one before.
   * @throws Error if the recorder was stopped, or no thread can be started (pthread_create(3), `errno` is set).
   */
  notifyDenials(intervalMs: number, noted: () => void): void
  /**
   * Makes the calls of a child of this process count. Call it before the child makes them. A child without a mount
   * namespace of its own gets a slot of its own in this process' container, which is otherwise ignored; that slot is
   * `ignored` too.
   * @throws Error if the child cannot be told apart from the machine's own processes, or there is no room.
   */
  admit(child: { pid: number; mntns: number }): void
  /** Starts a filtered child that makes a known number of marker calls and compares the count. */
  selfTest(): Promise<SelfTest>
  /** Detaches and frees. `keep`: what is pinned goes on recording for the next process. */
  stop(options?: { keep?: boolean }): void
}
