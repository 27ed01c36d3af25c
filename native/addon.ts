import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { nativeBuild } from './paths.js'
import type { RuncStateText, StateNews } from './state-watch.js'
import type { DenialDetail, RecorderCounters } from './types.js'

/** Tracing cannot work here. `reason` is one sentence that says why. */
export class NativeUnavailable extends Error {
  override readonly name = 'NativeUnavailable'
  readonly reason: string

  constructor(reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/** The addon's class (native/addon/recorder-class.cc). Numbers only; recorder.ts gives them their types. */
export interface AddonRecorder {
  attach(): void
  detach(): void
  attached(): boolean
  counters(): RecorderCounters
  snapshot(index?: number): ArrayBuffer
  /** Changed slots, [index, generation …] of those that are gone, and whether there is more. */
  changes(most: number): [ArrayBuffer, Uint32Array, boolean]
  /** Of each ABI [number, count …], and calls with unknown numbers. */
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
  ignore(index: number, generation: number): boolean
  /** Inode number of the machine's own mount namespace; this process' where that is not known. */
  hostMntns(): number
  /** Id of this process' cgroup as the kernel side sees it; 0n: not known. */
  ownCgroup(): bigint
  admit(pid: number): boolean
  seen(): BigUint64Array
  /** [abi, number, argument, value …] and [abi, number …] of calls with more values. */
  arguments(index: number, generation: number): [Float64Array, Float64Array] | undefined
  /** `deciding`: place in `seen`, asked arguments … */
  watch(
    index: number,
    generation: number,
    refused: BigUint64Array,
    deciding: Uint32Array,
    anyResult: boolean
  ): boolean
  /** Of one slot alone, where it is given. */
  denials(index?: number, generation?: number): AddonDenial[]
  newDenials(): AddonDenial[]
  noted(): number
  notifyDenials(intervalMs: number, noted: () => void): void
  stop(keep: boolean): void
  adopted(): boolean
  leftovers(): { layout: string; missed: number; problem: string }[]
}

/** native/addon/state/state-watch-class.cc */
export interface AddonStateWatch {
  start(appeared: () => void): boolean
  notify(wanted: boolean): void
  take(): [boolean, ...StateNews[]] | []
  read(folder: string, stamp: string | undefined): RuncStateText | true | undefined
  close(): void
}

/** A DenialDetail whose `abi` is a number: 0 native, 1 compat, 2 x32. */
export type AddonDenial = Omit<DenialDetail, 'abi'> & { abi: number }

/** A row of native/shared/arguments.h. `masks`: of arguments 0 to 2; 0 is not learned. */
export interface LearnedCall {
  abi: number
  nr: number
  name: string
  firstSet: number
  masks: [number, number, number]
}

/** What native/shared/sizes.h makes of slots and possible CPUs. `bytes`: kernel memory in all. */
export interface RecorderSizes {
  stripes: number
  oneStripePerCpu: boolean
  rows: number
  denials: number
  argumentDenials: number
  bytes: number
}

/** Byte offsets of a slot's fields in `snapshot()`, and the meaning of its flags. */
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
  flags: number
  distinct: number
  part: number
  exits: number
  compatRow: number
  /** 64-bit words of `seen()` a slot, and the first bits of compat and x32 in them. */
  seenWords: number
  compatAt: number
  x32At: number
  nameBytes: number
  commBytes: number
  filteredFlag: number
  completeFlag: number
  ignoredFlag: number
}

export interface Addon {
  Recorder: new (
    object: string,
    btf: string,
    slots: number,
    typed: boolean,
    pin: string,
    /** 0: as sizes.h has it */
    stripes: number
  ) => AddonRecorder
  StateWatch: new (roots: string[]) => AddonStateWatch
  /** undefined: it cannot be asked by number here. */
  cgroupMembers(mount: string, id: bigint): number[] | undefined
  /** pid, tid, 1 for a 32-bit program, number; call after call. */
  blockedCalls(pids: readonly number[], mntns: number, mayBeCompat: boolean): Float64Array
  /** 0: the process is gone. */
  mntnsOf(pid: number): number
  isThere(pid: number): boolean
  /** Field 22 of /proc/PID/stat; 0: the process is gone, or dead and not reaped. */
  startTimeOf(pid: number): number
  /** Gives free pages of malloc back to the system; whether there were any. */
  trimMemory(): boolean
  /** From now on; whether malloc takes it. */
  keepMallocSmall(): boolean
  /** Reject with `errno` and the name of the `file`. */
  writeFiles(folder: string, names: string[], contents: Uint8Array[], mode: number): Promise<void>
  removeFiles(folder: string, names: string[]): Promise<void>
  mountPins(folder: string): void
  cleanPins(folder: string): string[]
  /** For comparisons; `events`: how many it has sent that were read. */
  attachObject(object: string): { stop(): void; events(): number }
  layout: SlotLayout
  learned: LearnedCall[]
  sizes: (slots: number, cpus: number) => RecorderSizes
  slotsDefault: number
  slotsMax: number
}

let loaded: Addon | undefined

/**
 * The addon, loaded at first use.
 * @throws NativeUnavailable where it is not built or its libraries are missing.
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
