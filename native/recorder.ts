import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Addon, type AddonRecorder, loadAddon, NativeUnavailable } from './addon.js'
import { reasonOf } from './failure-reason.js'
import { btfFile, doubtOf, hasKernelBtf } from './kernel-btf.js'
import { KernelRecorder, type OpenedRecorder } from './kernel-recorder.js'
import { nativeBuild } from './paths.js'
import { pinFailure, preparePins, RecorderInUse } from './pins.js'
import type { Recorder, RecorderOptions } from './types.js'

type Hook = Recorder['hook']

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

/** Returns the hooks to try, best first; tp_btf needs the kernel's own BTF. */
function hooksToTry(options: RecorderOptions): Hook[] {
  if (options.hook === 'tp_btf' || options.hook === 'raw_tp') return [options.hook]
  return hasKernelBtf() ? ['tp_btf', 'raw_tp'] : ['raw_tp']
}

/** Opens the recorder with the first hook that loads. */
function open(options: RecorderOptions, pin: string): Omit<OpenedRecorder, 'pinning'> {
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

/** Opens the recorder with pins if that works, else without, with the reason in `pinning`. */
function openPinned(options: RecorderOptions): OpenedRecorder {
  const { pin } = options
  if (pin === undefined) return { ...open(options, ''), pinning: { adopted: false } }
  let problem = preparePins(pin)
  if (problem === undefined) {
    try {
      const opened = open(options, pin)
      // Maps without all hooks are used again, but nothing was counted meanwhile.
      const adopted = opened.native.adopted() && opened.native.attached()
      const since = Math.round(statSync(join(opened.native.pins(), 'header')).ctimeMs)
      return { ...opened, pinning: { folder: pin, adopted, since } }
    } catch (error) {
      if (error instanceof RecorderInUse) throw error
      problem = `nothing can be pinned in ${pin}: ${reasonOf(error)}`
    }
  }
  return { ...open(options, ''), pinning: { problem, adopted: false } }
}

/**
 * Loads the recorder's programs and makes its maps, or adopts pinned ones. It counts nothing new before `attach()`.
 * The caller calls `stop()`; without `pin` nothing stays attached either when the caller crashes or forgets it.
 * @throws NativeUnavailable with one sentence if the kernel, the rights or the build do not allow it, RangeError for
 *   a wrong number of slots, RecorderInUse if another process has the pins.
 */
export function openRecorder(options: RecorderOptions = {}): Recorder {
  return new KernelRecorder(openPinned(options))
}

/** Whether syscalls can be traced. */
interface TracingProbe {
  available: boolean
  /** Set when available. */
  hook?: Hook
  /** One sentence, set when not available. */
  reason?: string
}

/** Finds out whether syscalls can be traced here, by loading and attaching the programs and undoing both. */
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
