import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type Addon, type AddonRecorder, NativeUnavailable } from './addon.js'
import { countTable } from './count-table.js'
import { reasonOf } from './failure-reason.js'
import { firstBits, toBits, toPlaces } from './number-bits.js'
import { ownMntns, ownPlace } from './own-place.js'
import { runSelfTest } from './self-test.js'
import { toArguments, toDetail } from './slot-details.js'
import { slotReader } from './slot-view.js'
import type {
  AbiClass,
  Arguments,
  Deciding,
  DenialDetail,
  Leftover,
  Pinning,
  Recorder,
  RecorderCounters,
  SeenSets,
  SelfTest,
  Slot,
  SlotChanges,
  SlotCounts
} from './types.js'

/** An opened recorder of the addon. */
export interface OpenedRecorder {
  addon: Addon
  native: AddonRecorder
  hook: Recorder['hook']
  pinning: Pinning
}

const noneDecide: Deciding = { calls: [], anyResult: false }

/** Reads from /proc what a slot needs of a process; fields stay empty if it ends meanwhile. */
function factsOf(pid: number): {
  comm: string
  filtered: boolean
  cgroupName: string
  cgroupParent: string
} {
  const read = (file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  const path = /^0::(.*)$/m.exec(read('cgroup'))?.[1] ?? '/'
  return {
    comm: read('comm').trimEnd(),
    filtered: Number(/^Seccomp:\s*(\d)/m.exec(read('status'))?.[1] ?? 0) > 1,
    cgroupName: basename(path),
    cgroupParent: basename(dirname(path))
  }
}

/** The Recorder on top of the addon's numbers. */
export class KernelRecorder implements Recorder {
  readonly hook: Recorder['hook']
  readonly pinning: Pinning
  readonly #addon: Addon
  readonly #native: AddonRecorder
  readonly #readSlots: (snapshot: ArrayBuffer) => Slot[]
  /** The slot of this process' own container; undefined if it has none. */
  readonly #own: Pick<Slot, 'index'> | undefined

  constructor({ addon, native, hook, pinning }: OpenedRecorder) {
    this.hook = hook
    this.pinning = pinning
    this.#addon = addon
    this.#native = native
    this.#readSlots = slotReader(addon.layout)
    this.#own = this.#ignoreSelf()
  }

  /**
   * Stops counting in this process' own container. That takes a slot: a pinned recorder lives longer than the namespace
   * of whoever opened it, so its configuration cannot name one.
   */
  #ignoreSelf(): Slot | undefined {
    const own = ownPlace(this.#native)
    if (own === undefined) return undefined
    const slot = this.adopt(own.mntns, own.cgroupId, process.pid)
    if (slot !== undefined) this.ignore(slot.index, slot.generation)
    return slot
  }

  leftovers(): Leftover[] {
    return this.#native.leftovers()
  }

  attach(): void {
    try {
      this.#native.attach()
    } catch (error) {
      throw new NativeUnavailable(reasonOf(error), error)
    }
  }

  detach(): void {
    this.#native.detach()
  }

  get attached(): boolean {
    return this.#native.attached()
  }

  counters(): RecorderCounters {
    return this.#native.counters()
  }

  slots(): Slot[] {
    return this.#readSlots(this.#native.snapshot())
  }

  changes(atMost: number): SlotChanges {
    const [changed, pairs, more] = this.#native.changes(atMost)
    const gone: SlotChanges['gone'] = []
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      gone.push({ index: pairs[at] ?? 0, generation: pairs[at + 1] ?? 0 })
    }
    return { slots: this.#readSlots(changed), gone, more }
  }

  seen(): SeenSets {
    return {
      words: this.#native.seen(),
      stride: this.#addon.layout.seenWords + 1,
      first: firstBits(this.#addon)
    }
  }

  read(index: number, generation: number): SlotCounts | undefined {
    const counts = this.#native.read(index, generation)
    if (counts === undefined) return undefined
    const { 0: native, 1: compat, 2: x32, 3: unknown } = counts
    return {
      native: countTable(native),
      compat: countTable(compat),
      x32: countTable(x32),
      unknown
    }
  }

  readArguments(index: number, generation: number): Arguments | undefined {
    return toArguments(this.#native.arguments(index, generation))
  }

  adopt(mntns: number, cgroupId: bigint, pid: number): Slot | undefined {
    const { filtered, comm, cgroupName, cgroupParent } = factsOf(pid)
    const index = this.#native.adopt(
      ...([mntns, cgroupId, pid, filtered, comm, cgroupName, cgroupParent] as const)
    )
    return index < 0 ? undefined : this.#readSlots(this.#native.snapshot(index))[0]
  }

  release(index: number, generation: number): boolean {
    return this.#native.release(index, generation)
  }

  name(index: number, generation: number): boolean {
    return this.#native.name(index, generation)
  }

  ignore(index: number, generation: number): boolean {
    return this.#native.ignore(index, generation)
  }

  watchDenials(
    index: number,
    generation: number,
    denied: Record<AbiClass, number[]>,
    deciding = noneDecide
  ): boolean {
    const [bits, places] = [toBits(this.#addon, denied), toPlaces(this.#addon, deciding)]
    return this.#native.watch(index, generation, bits, places, deciding.anyResult)
  }

  denials(of?: Pick<Slot, 'index' | 'generation'>): DenialDetail[] {
    return this.#native.denials(of?.index, of?.generation).map(toDetail)
  }

  newDenials(): DenialDetail[] {
    return this.#native.newDenials().map(toDetail)
  }

  noted(): number {
    return this.#native.noted()
  }

  notifyDenials(intervalMs: number, noted: () => void): void {
    this.#native.notifyDenials(intervalMs, noted)
  }

  admit({ pid, mntns }: { pid: number; mntns: number }): void {
    if (mntns !== ownMntns()) return
    if (mntns === this.#native.hostMntns()) {
      throw new Error('it needs a mount namespace of its own: run it as root, with CAP_SYS_ADMIN')
    }
    if (!this.slots().some(({ index, ignored }) => index === this.#own?.index && ignored)) {
      throw new Error(
        'its own container cannot be distinguished from others: its cgroup was not found, or no slot was free'
      )
    }
    if (!this.#native.admit(pid)) throw new Error('there is no room to distinguish its processes')
  }

  selfTest(): Promise<SelfTest> {
    return runSelfTest(this)
  }

  stop({ keep = false }: { keep?: boolean } = {}): void {
    this.#native.stop(keep)
  }
}
