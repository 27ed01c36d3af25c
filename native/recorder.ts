import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type Addon, type AddonRecorder, loadAddon, NativeUnavailable } from './addon.js'
import { btfFile, doubtOf, hasKernelBtf } from './kernel-btf.js'
import { ownMntns, ownPlace } from './own-place.js'
import { nativeBuild } from './paths.js'
import { pinFailure, preparePins, RecorderInUse } from './pins.js'
import { countTable } from './count-table.js'
import { firstBits, toBits, toPlaces } from './number-bits.js'
import { runSelfTest } from './self-test.js'
import { toArguments, toDetail } from './slot-details.js'
import { slotReader } from './slot-view.js'
import type { Deciding, Pinning, Recorder, RecorderOptions, Slot } from './types.js'

type Hook = Recorder['hook']

/** What to do next about a refusal of the kernel's, by errno (bpf(2), kernel_lockdown(7)). */
function adviceFor(errno: unknown): string {
  const isRoot = process.getuid?.() === 0
  if ((errno === 1 || errno === 13) && !isRoot) {
    return 'run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN'
  }
  if (errno === 1 || errno === 13) {
    return 'the kernel forbids BPF here: give the container CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN and a seccomp profile that allows bpf, or boot without lockdown=confidentiality'
  }
  if (errno === 12) return 'free memory, or raise the memory limit of this cgroup'
  if (errno === 38 || errno === 22 || errno === 95) {
    return 'use Linux 5.11 or later with CONFIG_BPF_SYSCALL and CONFIG_DEBUG_INFO_BTF'
  }
  return '`secco doctor --node` shows what this kernel gives'
}

/** One sentence for whatever the addon or the kernel answered, with the next step in it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof NativeUnavailable) return error.message
  const { errno } = error as { errno?: unknown }
  return errno === undefined ? error.message : `${error.message}: ${adviceFor(errno)}`
}

function openAddon(
  addon: Addon,
  slots: number,
  hook: Hook,
  btf: string,
  pin: string,
  stripes: number
): AddonRecorder {
  const object = nativeBuild('recorder.bpf.o')
  if (!existsSync(object)) {
    throw new NativeUnavailable('the BPF object is not built: run `make -C native`')
  }
  return new addon.Recorder(object, btf, slots, hook === 'tp_btf', pin, stripes)
}

/** The hooks to try, best first; tp_btf needs the kernel's own BTF. */
function hooksToTry(options: RecorderOptions): Hook[] {
  if (options.hook === 'tp_btf' || options.hook === 'raw_tp') return [options.hook]
  return hasKernelBtf() ? ['tp_btf', 'raw_tp'] : ['raw_tp']
}

interface Opened {
  addon: Addon
  native: AddonRecorder
  hook: Hook
}

function open(options: RecorderOptions, pin: string): Opened {
  const addon = loadAddon()
  const slots = options.slots ?? addon.slotsDefault
  if (!Number.isInteger(slots) || slots < 1 || slots > addon.slotsMax) {
    throw new RangeError(`slots must be a whole number from 1 to ${addon.slotsMax}`)
  }
  const btf = btfFile(options.btf)
  const stripes = options.stripes ?? 0
  let first: unknown
  for (const hook of hooksToTry(options)) {
    try {
      return { addon, native: openAddon(addon, slots, hook, btf, pin, stripes), hook }
    } catch (error) {
      const failure = pinFailure(pin, error)
      if (failure instanceof RecorderInUse) throw failure
      first ??= error
    }
  }
  if (first instanceof NativeUnavailable) throw first
  throw new NativeUnavailable(reasonOf(first) + doubtOf(btf), first)
}

/** Opens with pins where that works; else without, and says why. */
function openPinned(options: RecorderOptions): Opened & { pinning: Pinning } {
  const { pin } = options
  if (pin === undefined) return { ...open(options, ''), pinning: { adopted: false } }
  let problem = preparePins(pin)
  if (problem === undefined) {
    try {
      const opened = open(options, pin)
      return { ...opened, pinning: { folder: pin, adopted: opened.native.adopted() } }
    } catch (error) {
      if (error instanceof RecorderInUse) throw error
      problem = `nothing can be pinned in ${pin}: ${reasonOf(error)}`
    }
  }
  return { ...open(options, ''), pinning: { problem, adopted: false } }
}

/** What /proc knows of a process whose container is adopted; it may end meanwhile. */
function describe(pid: number): {
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

const none: Deciding = { calls: [], anyResult: false }

/**
 * A pinned recorder lives longer than the namespace of whoever opened it, so no number of one can be
 * in its configuration: this process' own is a slot that counts nothing. undefined: there is none.
 */
function ignoreSelf(recorder: Recorder, native: AddonRecorder): Pick<Slot, 'index'> | undefined {
  const own = ownPlace(native)
  if (own === undefined) return undefined
  const slot = recorder.adopt(own.mntns, own.cgroupId, process.pid)
  if (slot !== undefined) recorder.ignore(slot.index, slot.generation)
  return slot
}

/**
 * Loads the recorder's programs and makes its maps, or adopts pinned ones; nothing new is counted
 * before `attach()`. The caller owns it and calls `stop()`; a collected or crashed owner leaves
 * nothing attached either, unless `pin` was given.
 * @throws NativeUnavailable with one sentence where the kernel, the rights or the build do not allow it;
 *   RangeError for a wrong number of slots; RecorderInUse when another process has the pins.
 */
export function openRecorder(options: RecorderOptions = {}): Recorder {
  const { addon, native, hook, pinning } = openPinned(options)
  const readSlots = slotReader(addon.layout)
  const slots = (): Slot[] => readSlots(native.snapshot())
  const recorder: Recorder = {
    hook,
    pinning,
    leftovers: () => native.leftovers(),
    attach: () => {
      try {
        native.attach()
      } catch (error) {
        throw new NativeUnavailable(reasonOf(error), error)
      }
    },
    detach: () => native.detach(),
    get attached() {
      return native.attached()
    },
    counters: () => native.counters(),
    slots,
    changes: (most) => {
      const [changed, gone, more] = native.changes(most)
      const left: { index: number; generation: number }[] = []
      for (let at = 0; at + 1 < gone.length; at += 2) {
        left.push({ index: gone[at] ?? 0, generation: gone[at + 1] ?? 0 })
      }
      return { slots: readSlots(changed), gone: left, more }
    },
    read: (index, generation) => {
      const counts = native.read(index, generation)
      if (counts === undefined) return undefined
      const { 0: own, 1: compat, 2: x32, 3: unknown } = counts
      return {
        native: countTable(own),
        compat: countTable(compat),
        x32: countTable(x32),
        unknown
      }
    },
    adopt: (mntns, cgroupId, pid) => {
      const known = describe(pid)
      const index = native.adopt(
        mntns,
        cgroupId,
        pid,
        known.filtered,
        known.comm,
        known.cgroupName,
        known.cgroupParent
      )
      return index < 0 ? undefined : readSlots(native.snapshot(index))[0]
    },
    release: (index, generation) => native.release(index, generation),
    ignore: (index, generation) => native.ignore(index, generation),
    seen: () => ({
      words: native.seen(),
      stride: addon.layout.seenWords + 1,
      first: firstBits(addon)
    }),
    readArguments: (index, generation) => toArguments(native.arguments(index, generation)),
    watchDenials: (index, generation, refused, deciding = none) =>
      native.watch(
        ...([index, generation, toBits(addon, refused), toPlaces(addon, deciding)] as const),
        deciding.anyResult
      ),
    denials: (of) => native.denials(of?.index, of?.generation).map(toDetail),
    newDenials: () => native.newDenials().map(toDetail),
    noted: () => native.noted(),
    notifyDenials: (intervalMs, noted) => native.notifyDenials(intervalMs, noted),
    admit: ({ pid, mntns }) => {
      if (mntns !== ownMntns()) return
      if (mntns === native.hostMntns()) {
        throw new Error('it needs a mount namespace of its own: run it as root, with CAP_SYS_ADMIN')
      }
      if (!slots().some(({ index, ignored }) => index === own?.index && ignored)) {
        throw new Error(
          'its own container is not told from others: its cgroup was not found, or no slot was free'
        )
      }
      if (!native.admit(pid)) throw new Error('there is no room to tell its processes apart')
    },
    selfTest() {
      return runSelfTest(this)
    },
    stop: ({ keep = false } = {}) => native.stop(keep)
  }
  const own = ignoreSelf(recorder, native)
  return recorder
}

export interface TracingProbe {
  available: boolean
  /** Set when available. */
  hook?: Hook
  /** One sentence, set when not available. */
  reason?: string
}

/** Can syscalls be traced here? Only a trial load and attachment knows: it does both and undoes them. */
export function probeTracing(btf?: string): TracingProbe {
  try {
    const recorder = openRecorder({ slots: 1, btf })
    try {
      recorder.attach()
      return { available: true, hook: recorder.hook }
    } finally {
      recorder.stop()
    }
  } catch (error) {
    return { available: false, reason: reasonOf(error) }
  }
}
