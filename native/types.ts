/**
 * The recorder's typed face. It imports nothing: numbers go out, names are given by src/seccomp.
 * All times are nanoseconds of CLOCK_MONOTONIC as bpf_ktime_get_ns() gives them.
 */

/** Which numbering a call used: TS_COMPAT calls are `compat`, numbers with bit 30 are `x32`. */
export type AbiClass = 'native' | 'compat' | 'x32'

export interface RecorderOptions {
  /** Containers that can be held at once (default 1024). */
  slots?: number
  /** 'auto' takes tp_btf where it loads, else raw_tp. */
  hook?: 'auto' | 'tp_btf' | 'raw_tp'
  /** BTF file of the running kernel, where /sys/kernel/btf/vmlinux is missing. */
  btf?: string
}

export interface RecorderCounters {
  /** Containers that found no free slot. */
  tableFull: number
  /** Calls whose number is outside the table (also visible per slot). */
  unknownSyscalls: number
  /** Runs that the kernel skipped because the program was already running on that CPU. */
  recursionMisses: number
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
  /** Changes whenever a syscall is counted here for the first time. Cheap to poll. */
  distinct: number
}

/** Exact counts: number → calls, for numbers that were called at least once. */
export interface SlotCounts {
  native: Map<number, number>
  compat: Map<number, number>
  x32: Map<number, number>
  /** Calls with a number outside the table. */
  unknown: number
}

export interface SelfTest {
  expected: number
  counted: number
  ok: boolean
}

/** Owns the kernel maps and links. `stop()` detaches and frees; calling it twice is safe. */
export interface Recorder {
  readonly hook: 'tp_btf' | 'raw_tp'
  attach(): void
  detach(): void
  readonly attached: boolean
  counters(): RecorderCounters
  /** All occupied slots. */
  slots(): Slot[]
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
  /** A filtered child makes a known number of marker calls; the count must be that number. */
  selfTest(): Promise<SelfTest>
  stop(): void
}
