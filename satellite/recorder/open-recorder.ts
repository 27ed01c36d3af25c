import { setTimeout as delay } from 'node:timers/promises'
import { cleanPins, RecorderInUse } from '../../native/pins.js'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder } from '../../native/types.js'
import type { Capability } from '../../src/api/gen/hub.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { RecordMode } from './record-mode.js'

/** A satellite that was killed releases the pins within this time. */
const patienceMs = 3000
const retryMs = 50

export interface RecorderPlace {
  /** Folder on a bpf file system: recording outlives this process. Default: it ends with the process. */
  pin?: string | undefined
  /** Slots of the recorder; default: the recorder's own. */
  slots?: number | undefined
  /** BTF file for a kernel without its own. */
  btf?: string | undefined
}

interface OpenedRecorder {
  recorder?: Recorder
  /** Why there is no recorder. */
  reason: string
  /** Whether recording survives this process; empty if that was not asked for. */
  capabilities: Capability[]
}

function pinCapability({ pinning }: Recorder, asked: boolean): Capability[] {
  if (!asked) return []
  const message =
    pinning.problem ?? 'recording continues while the satellite is restarted or upgraded'
  return [{ name: 'pin', works: pinning.problem === undefined, message }]
}

/** Calls `work` until the recorder is free. @throws SeccoError RECORDER_IN_USE */
async function retryInUse<T>(work: () => T): Promise<T> {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof RecorderInUse)) throw error
      if (performance.now() > until) {
        throw new SeccoError('RECORDER_IN_USE', error.message, { cause: error })
      }
      await delay(retryMs)
    }
  }
}

/**
 * Opens the recorder as a satellite does. If nothing can be traced, the result says why instead. With `off`, it
 * detaches what an earlier satellite left pinned.
 * @throws SeccoError RECORDER_IN_USE
 */
export async function openForSatellite(
  record: RecordMode,
  { pin, slots, btf }: RecorderPlace,
  logger: Logger
): Promise<OpenedRecorder> {
  try {
    if (record === 'off') {
      const removed = pin === undefined ? [] : await retryInUse(() => cleanPins(pin))
      if (removed.length > 0) logger.info({ pin, removed }, 'pinned recorders detached')
      return { reason: 'recording is switched off', capabilities: [] }
    }
    const recorder = await retryInUse(() => openRecorder({ pin, slots, btf }))
    const { pinning } = recorder
    if (pinning.problem !== undefined) logger.warn({ pin }, pinning.problem)
    if (pinning.adopted) logger.info({ pin }, 'adopted the pinned recorder')
    return { recorder, reason: '', capabilities: pinCapability(recorder, pin !== undefined) }
  } catch (error) {
    if (error instanceof SeccoError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    return { reason, capabilities: [] }
  }
}
