import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { nativeBuild } from './paths.js'

/** Tracing cannot work here. `reason` is one sentence that says why. */
export class NativeUnavailable extends Error {
  override readonly name = 'NativeUnavailable'
  readonly reason: string

  constructor(reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/** The addon's class (native/recorder.cc). Numbers only; recorder.ts gives them their types. */
export interface AddonRecorder {
  attach(): void
  detach(): void
  attached(): boolean
  counters(): { tableFull: number; unknownSyscalls: number; recursionMisses: number }
  snapshot(): ArrayBuffer
  read(
    index: number,
    generation: number
  ): [Float64Array, Float64Array, Float64Array, number] | undefined
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
  stop(): void
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
  firstSeen: number
  lastSeen: number
  flags: number
  distinct: number
  nameBytes: number
  commBytes: number
  filteredFlag: number
  completeFlag: number
}

export interface Addon {
  Recorder: new (object: string, btf: string, slots: number, typed: boolean) => AddonRecorder
  attachObject(object: string): { stop(): void }
  layout: SlotLayout
  slotsDefault: number
  slotsMax: number
}

/**
 * The addon, loaded at first use.
 * @throws NativeUnavailable where it is not built or its libraries are missing.
 */
export function loadAddon(): Addon {
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
