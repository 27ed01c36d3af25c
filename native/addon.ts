import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { nativeBuild } from './paths.js'
import type { DenialDetail, Leftover, RecorderCounters } from './types.js'

/** Tracing cannot work here. `reason` is one sentence. */
export class NativeUnavailable extends Error {
  override readonly name = 'NativeUnavailable'
  readonly reason: string

  constructor(reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/** The class of native/addon/recorder-class.cc. It has numbers only; kernel-recorder.ts gives them their types. */
export interface AddonRecorder {
  attach(): void
  detach(): void
  attached(): boolean
  counters(): RecorderCounters
  snapshot(index?: number): ArrayBuffer
  /** Returns changed slots, [index, generation, …] of those that are gone, and whether there are more. */
  changes(atMost: number): [ArrayBuffer, Uint32Array, boolean]
  /** Returns [number, count, …] of each ABI, and the calls with unknown numbers. */
  read(
    index: number,
    generation: number
  ):
    | [Float64Array | undefined, Float64Array | undefined, Float64Array | undefined, number]
    | undefined
  adopt(
    mntns: number,
    cgroupId: bigint,
    pid: number,
    filtered: boolean,
    comm: string,
    cgroupName: string,
    cgroupParent: string
  ): number
  release(index: number, generation: number): boolean
  name(index: number, generation: number): boolean
  ignore(index: number, generation: number): boolean
  /** Returns the inode number of the machine's own mount namespace, or of this process' if that is unknown. */
  hostMntns(): number
  /** Returns the id of this process' cgroup as the kernel side sees it; 0n if unknown. */
  ownCgroup(): bigint
  admit(pid: number): boolean
  seen(): BigUint64Array
  /** Returns [abi, number, argument, value, …], and [abi, number, …] of calls with more values. */
  arguments(index: number, generation: number): [Float64Array, Float64Array] | undefined
  /** `deciding`: place in `seen`, arguments as bits, … */
  watch(
    index: number,
    generation: number,
    denied: BigUint64Array,
    deciding: Uint32Array,
    anyResult: boolean
  ): boolean
  denials(index?: number, generation?: number): AddonDenial[]
  newDenials(): AddonDenial[]
  noted(): number
  notifyDenials(intervalMs: number, noted: () => void): void
  stop(keep: boolean): void
  adopted(): boolean
  /** The folder of this layout's pins; empty while nothing is pinned. */
  pins(): string
  leftovers(): Leftover[]
}

/** A DenialDetail whose `abi` is a number: 0 native, 1 compat, 2 x32. */
export type AddonDenial = Omit<DenialDetail, 'abi'> & { abi: number }

/** A container's state.json as runc wrote it, and parts of its bundle's config.json; JSON as it stands in the files. */
export interface RuncStateText {
  /** Tells contents of the file apart: runc replaces the file as a whole. */
  stamp: string
  /** Process id of the container's first process, and field 22 of its /proc/PID/stat. */
  pid: number
  startTime: number
  /** Folder of its cgroup in the unified hierarchy; empty if there is none. */
  cgroup: string
  /** 0n if unknown. */
  cgroupId: bigint
  /** An array of `KEY=VALUE`; empty if there is none. */
  labels: string
  /** An object; empty if there is none. */
  annotations: string
  /** The arrays `process.capabilities.bounding` and `linux.maskedPaths`; empty if there are none. */
  bounding: string
  masked: string
  /**
   * Why it is not known who the container is: its bundle is where no runtime of the node writes it, or parsers could
   * differ about its configuration. Empty if there is no doubt.
   */
  doubt: '' | 'bundle' | 'config'
  /** The same number stands for the same text of `linux.seccomp`; 0: none. */
  seccompNumber: number
  /** The text, when its number appears for the first time. */
  seccomp?: string
}

/** A container's newest state, or its end. */
export interface StateNews {
  root: string
  folder: string
  /** The folder no longer exists; `state` is its last state, if that was not reported yet. */
  gone: boolean
  state?: RuncStateText
}

/** The class of native/addon/state/state-watch-class.cc. */
export interface AddonStateWatch {
  start(appeared: () => void): boolean
  notify(wanted: boolean): void
  take(): [boolean, ...StateNews[]] | []
  read(folder: string, stamp: string | undefined): RuncStateText | true | undefined
  close(): void
}

/** A row of native/shared/arguments.h. `masks` are those of arguments 0 to 2; 0: not learned. */
export interface LearnedCall {
  abi: number
  nr: number
  name: string
  firstSet: number
  masks: [number, number, number]
}

/** What native/shared/sizes.h computes from slots and possible CPUs. `bytes` is the kernel memory in total. */
interface RecorderSizes {
  stripes: number
  oneStripePerCpu: boolean
  rows: number
  denials: number
  argumentDenials: number
  bytes: number
}

/** Byte offsets of a slot's fields in `snapshot()`, and the bits of its flags. */
export interface SlotLayout {
  size: number
  index: number
  generation: number
  mntns: number
  cgroupId: number
  cgroupName: number
  cgroupParent: number
  pid: number
  comm: number
  nsId: number
  firstSeen: number
  lastSeen: number
  lastExit: number
  flags: number
  distinct: number
  part: number
  exits: number
  ending: number
  compatRow: number
  /** Words of a slot's bitmaps in `seen()`, and the first bits of compat and x32 in them. */
  seenWords: number
  compatAt: number
  x32At: number
  nameBytes: number
  commBytes: number
  filteredFlag: number
  completeFlag: number
  startedFlag: number
  begunFlag: number
  adoptedFlag: number
  ignoredFlag: number
  endedFlag: number
}

export interface Addon {
  Recorder: new (
    object: string,
    btf: string,
    slots: number,
    typed: boolean,
    pin: string,
    /** 0: as sizes.h computes it */
    stripes: number
  ) => AddonRecorder
  StateWatch: new (roots: string[]) => AddonStateWatch
  /** Returns undefined if the kernel or the rights do not allow it. */
  cgroupMembers(mount: string, id: bigint): number[] | undefined
  /** Returns pid, tid, 1 for a 32-bit program, and number, call after call. */
  blockedCalls(pids: readonly number[], mntns: number, mayBeCompat: boolean): Float64Array
  /** Returns 0 if the process is gone. */
  mntnsOf(pid: number): number
  isThere(pid: number): boolean
  /** Returns field 22 of /proc/PID/stat; 0 if the process is gone, or dead and not reaped. */
  startTimeOf(pid: number): number
  /** Gives free pages of malloc back to the system, and returns whether there were any. */
  trimMemory(): boolean
  /** Keeps malloc from holding free memory from now on, and returns whether malloc accepted that. */
  keepMallocSmall(): boolean
  /** Both reject with `errno` and the name of the `file`. */
  writeFiles(folder: string, names: string[], contents: Uint8Array[], mode: number): Promise<void>
  removeFiles(folder: string, names: string[]): Promise<void>
  mountPins(folder: string): void
  cleanPins(folder: string): string[]
  /** Attaches any object, for comparisons. `events()` returns how many events were read. */
  attachObject(object: string): { stop(): void; events(): number }
  layout: SlotLayout
  learned: LearnedCall[]
  sizes: (slots: number, cpus: number) => RecorderSizes
  slotsDefault: number
  slotsMax: number
}

let loaded: Addon | undefined

/**
 * Returns the addon, which is loaded at first use.
 * @throws NativeUnavailable if it is not built or its libraries are missing.
 */
export function loadAddon(): Addon {
  loaded ??= load()
  return loaded
}

function load(): Addon {
  const file = nativeBuild('Release', 'secco_recorder.node')
  if (process.platform !== 'linux') {
    throw new NativeUnavailable(
      `syscalls are traced on Linux only, this is ${process.platform}: run it on a Linux node`
    )
  }
  if (!existsSync(file)) {
    throw new NativeUnavailable('the native addon is not built: run `make -C native`')
  }
  try {
    return createRequire(import.meta.url)(file) as Addon
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new NativeUnavailable(
      `the native addon cannot be loaded: ${message}; install libbpf and libseccomp, then run \`make -C native\``,
      error
    )
  }
}
